"""Ports of loopback for servers that are told where to listen."""

import random
import socket
from contextlib import ExitStack

LOWEST = 10_000
HIGHEST = 30_000
"""Below what Linux gives to outgoing connections, so that none takes a port before its server does."""


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.SystemRandom().randrange(LOWEST, HIGHEST)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
