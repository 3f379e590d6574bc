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
    names: list[str] = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            continue
    remote = f":{provider_port:04X}"
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    provider = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(remote)}
    sockets = [name for name in names if name.startswith("socket:")]
    pooled = sum(name in provider for name in sockets)
    return Opened(pooled, len(sockets) - pooled, len(names) - len(sockets))


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
