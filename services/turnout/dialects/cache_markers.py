"""Cache markers: what `cache_control` says of a block, a message or a tool.

They are Anthropic's, and stand in chat requests too, for routers in front of Anthropic.
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import CacheLifetime
from turnout.dialects.reading import ObjectReader

_MARKERS: Final[dict[CacheLifetime, dict[str, str]]] = {
    "5m": {"type": "ephemeral"},
    "1h": {"type": "ephemeral", "ttl": "1h"},
}


class CacheMarker(msgspec.Struct, gc=False):
    """A marker, where the object that has it is read in one step."""

    ttl: str | None = None


def marked_lifetime(marker: CacheMarker | None) -> CacheLifetime | None:
    return None if marker is None else _lifetime(marker.ttl)


def read_cache(fields: ObjectReader) -> CacheLifetime | None:
    marker = fields.object("cache_control")
    return None if marker is None else _lifetime(marker.string("ttl"))


def cache_marker(lifetime: CacheLifetime | None) -> dict[str, object]:
    """The marker as a field of a block or tool; empty without one."""
    return {} if lifetime is None else {"cache_control": _MARKERS[lifetime]}


def _lifetime(ttl: str | None) -> CacheLifetime:
    return "1h" if ttl == "1h" else "5m"
