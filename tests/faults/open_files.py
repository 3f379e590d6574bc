"""What a process holds open, by the kernel's word."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

SETTLED_LOOKS: Final = 5
LOOK_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 30.0

LISTENS: Final = "0A"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a process holds open.

    Attributes:
        pooled: idle connections to the provider, which are kept for the next request.
        sockets: all other sockets.
        others: files, pipes and the rest.
    """

    pooled: int
    sockets: int
    others: int


def opened_by(pid: int, *, provider_port: int) -> Opened:
    names = _names(pid)
    remote = f":{provider_port:04X}"
    provider = {f"socket:[{line[9]}]" for line in _connections(pid) if line[2].endswith(remote)}
    sockets = [name for name in names if name.startswith("socket:")]
    pooled = sum(name in provider for name in sockets)
    return Opened(pooled, len(sockets) - pooled, len(names) - len(sockets))


def listens(pid: int, port: int) -> bool:
    """Whether a process accepts at a port itself."""
    local, names = f":{port:04X}", _names(pid)
    return any(
        line[1].endswith(local) and line[3] == LISTENS and f"socket:[{line[9]}]" in names
        for line in _connections(pid)
    )


def _names(pid: int) -> list[str]:
    names: list[str] = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            continue
    return names


def _connections(pid: int) -> list[list[str]]:
    """The fields of proc(5) of each: 1 is the local address, 2 the remote one, 3 the state, 9 the inode."""
    return [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]


async def settled(look: Callable[[], T]) -> T:
    """What is seen once it has stayed the same for a while."""
    last, same = look(), 0
    async with asyncio.timeout(WAIT_SECONDS):
        while same < SETTLED_LOOKS:
            await asyncio.sleep(LOOK_SECONDS)
            found = look()
            same = same + 1 if found == last else 0
            last = found
    return last
