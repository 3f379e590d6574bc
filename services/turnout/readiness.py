"""What `/ready` says: the ingress itself, and what it would be served without."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from turnout.errors import Unavailable
from turnout.policy.request import Prefix
from turnout.ports import LookRequest, SessionCacheTracker

if TYPE_CHECKING:
    from grpc.aio import Channel

READINESS_SECONDS: Final = 0.5
"""How long /ready waits for each part; orchestrators ask once in some seconds."""


async def parts_now(
    *,
    tracker: SessionCacheTracker,
    elsewhere: "Mapping[str, Channel]",
    is_bus_connected: Callable[[], bool],
    is_spool_full: Callable[[], bool],
) -> dict[str, str]:
    """By part: "ok", or what is wrong. `elsewhere` are those that are called over gRPC."""
    look = LookRequest(
        thread_key="ready", head_scopes=(), prefix=Prefix(head_digest=""), now=time.time()
    )
    try:
        await tracker.look(look, deadline_seconds=READINESS_SECONDS)
        tracked = "ok"
    except Unavailable as reason:
        tracked = reason.message
    found = {
        "ingress": "ok",
        "session-cache-tracker": tracked,
        "bus": "ok" if is_bus_connected() else "not connected; facts are spooled",
        "spool": "full; facts are lost" if is_spool_full() else "ok",
    }
    if elsewhere:
        from turnout.rpc.channel import serving_status

        for name, channel in elsewhere.items():
            found[name] = await serving_status(channel, deadline_seconds=READINESS_SECONDS)
    return found
