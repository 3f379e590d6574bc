"""How targets stand, told from replica to replica every two seconds.

A key-value bucket of its own, in NATS's memory: a subject below `turnout.>` would be a fact's. Rules: one key a
replica, its newest report in it; a report holds what is new, so it is counted once, also when it is seen again after
a reconnect; what cannot be told now is not told later, because samples may be lost and requests do not wait; NATS
may be absent at any time.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from nats.js.api import KeyValueConfig, StorageType

from turnout.bus.connection import Bus
from turnout.bus.control import ControlStore
from turnout.errors import Unavailable
from turnout.policy.standing import StandingReport

_log = logging.getLogger(__name__)

LIVE_BUCKET: Final = KeyValueConfig(
    bucket="turnout_live",
    # What a replica said a minute ago says nothing of now.
    ttl=60.0,
    # Some replicas with reports of at most 1 MB; the embedded server has 64 MiB of memory in all.
    max_bytes=16 * 1024 * 1024,
    storage=StorageType.MEMORY,
)

TELL_SECONDS: Final = 2.0
"""A provider that slows down does so for minutes; what throttles an account is known elsewhere by then."""

DEADLINE_SECONDS: Final = 2.0
"""For telling; NATS answers within milliseconds."""

_PREFIX: Final = "standing."

Report: TypeAlias = Callable[[], StandingReport | None]
"""What is new since it was last asked; None for nothing."""

Heard: TypeAlias = Callable[[StandingReport], None]
"""Takes a report of any replica, once. Runs on the loop and must not block."""


class Live:
    """Tells and hears over one connection. `tell` and `listen` run until cancelled; a process that asks no
    targets only listens.
    """

    def __init__(self, bus: Bus, *, tell_seconds: float = TELL_SECONDS) -> None:
        self._store = ControlStore(bus, LIVE_BUCKET)
        self._tell_seconds = tell_seconds

    async def tell(self, report: Report) -> None:
        """Put what is new under the replica's key, every `tell_seconds`."""
        while True:
            await asyncio.sleep(self._tell_seconds)
            new = report()
            if new is None:
                continue
            key, value = _PREFIX + new.replica, msgspec.json.encode(new).decode()
            try:
                await self._store.put(key, value, deadline_seconds=DEADLINE_SECONDS)
            except Unavailable as error:
                # The connection complains of NATS itself, and less often.
                _log.debug(
                    "other replicas are not told how targets stand", extra={"error": error.message}
                )

    async def listen(self, heard: Heard) -> None:
        """Hand on every report that comes, and those of the last minute at the start."""
        newest: dict[str, int] = {}

        def on_change(key: str, value: str | None) -> None:
            if value is None:
                newest.pop(key, None)
                return
            try:
                report = msgspec.json.decode(value, type=StandingReport)
            except msgspec.MsgspecError as error:
                # Another version's; what it says is only of use while it is new.
                _log.info(
                    "a report of another replica cannot be read",
                    extra={"key": key, "error": str(error)},
                )
                return
            if report.number > newest.get(key, 0):
                newest[key] = report.number
                heard(report)

        await self._store.watch(f"{_PREFIX}*", on_change)
