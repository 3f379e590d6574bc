"""The artifacts that decide, as they are now: the active one, and the one that runs in shadow.

Rules of this module: whoever decides takes a basis once and keeps it to the end of its request; a basis
is replaced whole, between two requests. A file that comes over the control bucket is read in a thread,
because the dial over it takes some 40 ms; one that cannot be used is left, logged and counted, and the
last good one stays. Without a file in the bucket the scorer's own is active, and nothing in shadow.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from turnout.bus.control_keys import ARTIFACT_KEY, ArtifactRole
from turnout.policy.decision import RoutingSettings
from turnout.policy.rank import Tables
from turnout.scorer.text_reader import TextReader

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a decision is made with: an artifact's tables, the reader of embeddings by its text
    tables, and the settings with the dial read on its figures.
    """

    tables: Tables
    reader: TextReader
    settings: RoutingSettings


class ArtifactBoard:
    """One per scorer.

    `own` is what decides without a file in the bucket, `bind` makes a basis of a file and raises when
    it is none, and `on_active` is told of every other active basis.

    Attributes:
        refused: files that were left, by what they were to be.
    """

    def __init__(
        self,
        own: Basis,
        *,
        bind: Callable[[bytes], Basis],
        on_active: Callable[[Basis], None],
    ) -> None:
        self._own = own
        self._bind = bind
        self._on_active = on_active
        self._told: dict[ArtifactRole, str | None] = {}
        self._is_told = asyncio.Event()
        self.active = own
        self.shadow: Basis | None = None
        self.refused: dict[ArtifactRole, int] = dict.fromkeys(get_args(ArtifactRole), 0)

    def on_control(self, key: str, value: str | None) -> None:
        """A control key has changed or, with None, is gone; `run` acts on it."""
        for role in self.refused:
            if key == ARTIFACT_KEY + role:
                self._told[role] = value
                self._is_told.set()

    async def run(self) -> None:
        """Take what is told, until cancelled; of several files for one role the last."""
        while True:
            await self._is_told.wait()
            self._is_told.clear()
            while self._told:
                await self._take(*self._told.popitem())

    async def _take(self, role: ArtifactRole, value: str | None) -> None:
        basis = None
        if value is not None:
            try:
                basis = await asyncio.to_thread(self._bind, value.encode())
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
