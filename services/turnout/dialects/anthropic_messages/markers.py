"""Cache markers of this wire: what `cache_control` says of a block or a tool."""

from typing import Final

from turnout.dialects.conversation import CacheLifetime
from turnout.dialects.reading import ObjectReader

_MARKERS: Final[dict[CacheLifetime, dict[str, str]]] = {
    "5m": {"type": "ephemeral"},
    "1h": {"type": "ephemeral", "ttl": "1h"},
}


def read_cache(block: ObjectReader) -> CacheLifetime | None:
    marker = block.object("cache_control")
    if marker is None:
        return None
    return "1h" if marker.string("ttl") == "1h" else "5m"


def cache_marker(lifetime: CacheLifetime | None) -> dict[str, object]:
    """The marker as a field of a block or tool; empty without one."""
    return {} if lifetime is None else {"cache_control": _MARKERS[lifetime]}
