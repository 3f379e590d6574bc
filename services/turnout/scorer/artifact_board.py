"""The artifacts that decide, as they are now: the active one, and the one that runs in shadow, each with the
settings of every tenant read on its figures.

Rules of this module: whoever decides takes a basis once and keeps it to the end of its request; a basis
is replaced whole, between two requests. A file that comes over the control bucket is read in a thread,
because the dial over it takes some 40 ms; one that cannot be used is left, logged and counted, and the
last good one stays. Without a file in the bucket the scorer's own is active, and nothing in shadow.
What a tenant changes is read on the same figures, in a thread too.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from turnout.bus.board import Board
from turnout.bus.control_keys import ARTIFACT_KEY, SETTINGS_KEY, ArtifactRole
from turnout.policy.decision import RoutingSettings
from turnout.policy.rank import Tables
from turnout.policy.tenant import TenantRouting
from turnout.scorer.text_reader import TextReader

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a decision is made with.

    Attributes:
        reader: of embeddings, by the artifact's text tables.
        dialled: gives settings the value that a place of the dial stands for on the artifact's figures.
        settings: for tenants that have nothing otherwise.
        by_tenant: for the others.
    """

    tables: Tables
    reader: TextReader
    dialled: Callable[[RoutingSettings, float | None], RoutingSettings]
    settings: RoutingSettings
    by_tenant: Mapping[str, RoutingSettings] = field(default_factory=dict[str, RoutingSettings])

    def settings_of(self, tenant: str) -> RoutingSettings:
        return self.by_tenant.get(tenant, self.settings)

    def with_tenants(self, known: Mapping[str, TenantRouting]) -> "Basis":
        """With the settings of these tenants and no others."""
        return replace(
            self,
            by_tenant={
                tenant: self.dialled(routing.settings, routing.quality_bias)
                for tenant, routing in known.items()
            },
        )


class ArtifactBoard:
    """One per scorer.

    `own` is what decides without a file in the bucket, `tenants` what tenants have otherwise, `bind` makes a
    basis of a file and raises when it is none, and `on_active` is told of every other active basis.

    Attributes:
        refused: files that were left, by what they were to be.
    """

    def __init__(
        self,
        own: Basis,
        *,
        tenants: Board[TenantRouting],
        bind: Callable[[bytes], Basis],
        on_active: Callable[[Basis], None],
    ) -> None:
        self._own = own
        self._tenants = tenants
        self._are_tenants_told = False
        self._bind = bind
        self._on_active = on_active
        self._told: dict[ArtifactRole, str | None] = {}
        self._is_told = asyncio.Event()
        self.active = own
        self.shadow: Basis | None = None
        self.refused: dict[ArtifactRole, int] = dict.fromkeys(get_args(ArtifactRole), 0)

    def on_control(self, key: str, value: str | None) -> None:
        """A control key has changed or, with None, is gone; `run` acts on it."""
        if key.startswith(SETTINGS_KEY):
            self._tenants.on_control(key, value)
            self._are_tenants_told = True
            self._is_told.set()
        for role in self.refused:
            if key == ARTIFACT_KEY + role:
                self._told[role] = value
                self._is_told.set()

    async def run(self) -> None:
        """Take what is told, until cancelled; of several files for one role the last."""
        while True:
            await self._is_told.wait()
            self._is_told.clear()
            while self._told or self._are_tenants_told:
                if self._are_tenants_told:
                    self._are_tenants_told = False
                    await self._take_tenants()
                if self._told:
                    await self._take(*self._told.popitem())

    async def _take_tenants(self) -> None:
        # A copy: the loop changes what is known while the thread reads it.
        known = dict(self._tenants.known)
        own, active, shadow = self._own, self.active, self.shadow
        try:
            own = await asyncio.to_thread(own.with_tenants, known)
            active = (
                own if active is self._own else await asyncio.to_thread(active.with_tenants, known)
            )
            if shadow is not None:
                shadow = await asyncio.to_thread(shadow.with_tenants, known)
        except Exception as reason:  # noqa: BLE001 - tables were tried with other settings than these
            _LOG.warning(
                "an artifact cannot be used with the settings of the tenants, the last good ones stay",
                extra={"error": f"{type(reason).__name__}: {reason}"},
            )
            return
        self._own, self.active, self.shadow = own, active, shadow

    async def _take(self, role: ArtifactRole, value: str | None) -> None:
        basis = None
        if value is not None:
            try:
                basis = await asyncio.to_thread(
                    self._bound, value.encode(), dict(self._tenants.known)
                )
            except Exception as reason:  # noqa: BLE001 - tables that nobody has tried may fail anyhow
                self.refused[role] += 1
                _LOG.warning(
                    "an artifact in the control bucket cannot be used, the last good one stays",
                    extra={"artifact_role": role, "error": f"{type(reason).__name__}: {reason}"},
                )
                return
        digest = "" if basis is None else basis.tables.digest
        _LOG.info("artifact changed", extra={"artifact_role": role, "artifact": digest})
        if role == "shadow":
            self.shadow = basis
            return
        self.active = basis or self._own
        self._on_active(self.active)

    def _bound(self, data: bytes, known: Mapping[str, TenantRouting]) -> Basis:
        return self._bind(data).with_tenants(known)
