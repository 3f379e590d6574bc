"""What the control bucket holds, for commands that decide again beside a running Turnout: artifacts, and the
settings of tenants.

A bucket that does not answer is no reason to say nothing: then the file and the settings of the process stand
for what it would say, and `unanswered` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from turnout.bus.connection import open_bus
from turnout.bus.control import ControlStore
from turnout.bus.control_keys import ARTIFACT_KEY, SETTINGS_KEY, ArtifactRole
from turnout.catalog.catalog import Catalog
from turnout.errors import TurnoutError, Unavailable
from turnout.policy.artifact import Artifact
from turnout.policy.decision import RoutingSettings
from turnout.scorer.artifact_file import bound_artifact, load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.settings import Settings
from turnout.tenant_settings import NOTHING, TenantSettings, routing_by

SECONDS: Final = 10.0
"""A bus that is there answers within milliseconds, and within seconds on a machine that has much else to do; one
that is not there refuses at once."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a running Turnout decides with now, and what it decided with of late.

    Attributes:
        active: the artifact that decides.
        artifacts: all that can still be had, by digest.
        routing: of the tenant that was asked for; of the process for none.
        unanswered: why the bucket could not be asked; "" when it was.
    """

    active: Artifact
    artifacts: Mapping[str, Artifact]
    routing: RoutingSettings
    unanswered: str = ""


async def contents(settings: Settings, catalog: Catalog, *, tenant: str = "") -> Contents:
    own = load_artifact(settings.scorer.artifact, embedder_digest=EMBEDDER_DIGEST)
    url = settings.nats.url or f"nats://127.0.0.1:{settings.nats.port}"
    roles: tuple[ArtifactRole, ...] = get_args(ArtifactRole)
    try:
        async with open_bus(url, name="command") as bus:
            store = ControlStore(bus)
            kept = [
                value
                for role in roles
                for value in await store.history(ARTIFACT_KEY + role, deadline_seconds=SECONDS)
            ]
            active = await store.get(f"{ARTIFACT_KEY}active", deadline_seconds=SECONDS)
            told = tenant and await store.get(SETTINGS_KEY + tenant, deadline_seconds=SECONDS)
    except Unavailable as reason:
        routing = routing_by(settings.routing).settings
        return Contents(own, {own.digest: own}, routing, reason.message)
    artifacts = [one for value in kept if (one := _read(value)) is not None]
    return Contents(
        active=(active and _read(active)) or own,
        artifacts={one.digest: one for one in (*artifacts, own)},
        routing=TenantSettings(settings.routing, catalog).read(told or NOTHING).settings,
    )


def _read(value: str) -> Artifact | None:
    """None for what no scorer takes."""
    try:
        return bound_artifact(value.encode(), embedder_digest=EMBEDDER_DIGEST)
    except TurnoutError:
        return None
