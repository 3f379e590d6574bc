"""Artifact files in the control bucket: checked, put, dropped, told.

Rules of this module: nothing is stored that a scorer would not take; what is told of a role is read from the
bucket each time, so that every replica tells the same. Scorers take a change within a second. A check takes
tens of milliseconds, so it runs in a thread.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from turnout.bus.control_keys import ARTIFACT_KEY, MOST_ARTIFACT_BYTES, ArtifactRole
from turnout.errors import InvalidRequest, RequestTooLarge, TurnoutError
from turnout.policy.artifact import Artifact

STORE_SECONDS = 2.0
"""How long the bucket may take for one call."""


class ArtifactStore(Protocol):
    """Where the files are kept for every replica. Every call raises `Unavailable` without the bus."""

    async def get(self, key: str, *, deadline_seconds: float) -> str | None: ...

    async def put(self, key: str, value: str, *, deadline_seconds: float) -> None: ...

    async def delete(self, key: str, *, deadline_seconds: float) -> None: ...


class ArtifactState(msgspec.Struct, frozen=True, omit_defaults=True):
    """An artifact in its role.

    Attributes:
        created: date of the newest row that it was trained on.
        source: "bus", or the file of the settings.
        refused: why no scorer takes it, where that is so: the last good one decides then.
    """

    source: str
    digest: str = ""
    created: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Which artifacts decide.

    Attributes:
        check: reads a file as the scorers do; raises a `TurnoutError` when they would not take it.
        own: what is active without a file in the bucket.
        own_source: where that comes from.
    """

    store: ArtifactStore
    check: Callable[[bytes], Artifact]
    own: Callable[[], Artifact]
    own_source: str

    async def put(self, role: ArtifactRole, data: bytes) -> None:
        """Raises `InvalidRequest` for what is no artifact of the running embedder."""
        try:
            await asyncio.to_thread(self.check, data)
            value = data.decode()
        except TurnoutError as reason:
            raise InvalidRequest(reason.message) from reason
        except UnicodeDecodeError:
            raise InvalidRequest("The file is no artifact: it is not UTF-8.") from None
        await self.store.put(ARTIFACT_KEY + role, value, deadline_seconds=STORE_SECONDS)

    async def drop(self, role: ArtifactRole) -> None:
        await self.store.delete(ARTIFACT_KEY + role, deadline_seconds=STORE_SECONDS)

    async def states(self) -> dict[ArtifactRole, ArtifactState | None]:
        """What there is in each role; None where nothing runs in shadow."""
        active = await self._in_bucket("active")
        if active is None:
            active = await _state(self.own, source=self.own_source)
        return {"active": active, "shadow": await self._in_bucket("shadow")}

    async def _in_bucket(self, role: ArtifactRole) -> ArtifactState | None:
        value = await self.store.get(ARTIFACT_KEY + role, deadline_seconds=STORE_SECONDS)
        if value is None:
            return None
        data = value.encode()
        return await _state(lambda: self.check(data), source="bus")


async def _state(read: Callable[[], Artifact], *, source: str) -> ArtifactState:
    try:
        artifact = await asyncio.to_thread(read)
    except TurnoutError as reason:
        return ArtifactState(source, refused=reason.message)
    return ArtifactState(source, artifact.digest, artifact.content.created)


def too_large() -> RequestTooLarge:
    return RequestTooLarge(
        f"An artifact may have {MOST_ARTIFACT_BYTES} bytes, so that it fits one message of the bus;"
        " train one with fewer clusters or models."
    )
