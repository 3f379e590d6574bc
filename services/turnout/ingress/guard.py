"""Who may call at all: Host and Origin, so that no web page can spend a user's key.

A browser page of a foreign site can send requests to loopback; it cannot choose its Origin, and
with DNS rebinding it cannot choose another Host than its own name. Agents send neither a foreign
Host nor an Origin.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from turnout.errors import NotAllowed

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Guard:
    """Accepted names.

    Attributes:
        any_host: true when bound beyond loopback: the gateway in front owns the name.

    """

    hosts: frozenset[str]
    origins: frozenset[str]
    any_host: bool

    def check(self, *, host: str, origin: str) -> None:
        """Raises `NotAllowed` for a foreign Host or Origin."""
        if not self.any_host and not _is_among(host, self.hosts):
            raise NotAllowed(
                f"The Host {host[:80]!r} is not this server; call 127.0.0.1 or localhost, or add"
                " the name to TURNOUT_INGRESS__ALLOWED_HOSTS."
            )
        if not origin or origin in self.origins:
            return
        if self.any_host or _name_of_page(origin) not in _LOOPBACK:
            raise NotAllowed(
                f"Requests of the web page {origin[:80]!r} are not served; add it to"
                " TURNOUT_INGRESS__ALLOWED_ORIGINS if it is yours."
            )


def guard_for(*, is_loopback: bool, hosts: tuple[str, ...], origins: tuple[str, ...]) -> Guard:
    return Guard(
        hosts=_LOOPBACK | {name.lower() for name in hosts},
        origins=frozenset(origins),
        any_host=not is_loopback,
    )


def _is_among(host: str, names: frozenset[str]) -> bool:
    # The usual forms first: this runs for every request.
    return host.partition(":")[0] in names or _name_of(host) in names


def _name_of(host: str) -> str:
    return _name_of_page(f"//{host}")


def _name_of_page(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
