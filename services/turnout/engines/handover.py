"""What a service and the process that keeps it up tell each other: words over a socket pair.

Rules: a service says `serves` when it takes requests and `leaves` when it has been told to go; the
other side answers `replaced` when a successor serves, or `ends` when everything stops and nobody
comes after. A line that is closed means `ends`. A service that nobody keeps up (`turnout run` in an
orchestrator) has no line, and goes at once when it is told to.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

from typing_extensions import override

from turnout.settings import HANDOVER_VARIABLE, BadSetting

Word: TypeAlias = Literal["serves", "leaves", "replaced", "ends"]

# A successor has its start deadline (30 s) to serve, and is tried again when it dies; one that is
# still not there then cannot be waited for, because an update must come to its end.
SUCCESSOR_SECONDS = 60.0
# No word is longer; what is, is nobody's word.
LONGEST_WORD_BYTES = 16


@runtime_checkable
class _Writes(Protocol):
    """What of a transport is needed; uvloop's are none of asyncio's classes."""

    def write(self, data: bytes, /) -> None: ...


class Line(asyncio.Protocol):
    """One end of the pair; every word that was heard is an event."""

    def __init__(self) -> None:
        self.heard: Mapping[Word, asyncio.Event] = {
            word: asyncio.Event() for word in get_args(Word)
        }
        self.answered = asyncio.Event()
        """Set by `replaced`, by `ends` and when the other side is gone."""
        self._transport: asyncio.BaseTransport | None = None
        self._rest = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:LONGEST_WORD_BYTES]
        for line in lines:
            for word, event in self.heard.items():
                if line == word.encode():
                    event.set()
                    if word in ("replaced", "ends"):
                        self.answered.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.heard["ends"].set()
        self.answered.set()

    def say(self, word: Word) -> None:
        """Tell the other side; when it is gone there is nobody to tell."""
        if isinstance(self._transport, _Writes):
            self._transport.write(word.encode() + b"\n")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def open_line(end: socket.socket) -> Line:
    """Listen and speak at this end; the socket is the line's from now on."""
    _, line = await asyncio.get_running_loop().create_unix_connection(Line, sock=end)
    return line


class Handover:
    """The service's side."""

    def __init__(self, line: Line | None) -> None:
        self._line = line

    @property
    def is_supervised(self) -> bool:
        """Whether a successor may stand beside this process for a while."""
        return self._line is not None

    def serves(self) -> None:
        """Say that requests are taken."""
        if self._line is not None:
            self._line.say("serves")

    async def leaves(self) -> bool:
        """Say that this process is going, and wait for a successor: true when one serves, false
        when there will be none and what is under way should end soon.
        """
        line = self._line
        if line is None:
            return False
        line.say("leaves")
        try:
            async with asyncio.timeout(SUCCESSOR_SECONDS):
                await line.answered.wait()
        except TimeoutError:
            return False
        return not line.heard["ends"].is_set()

    async def ends(self) -> None:
        """Wait until everything stops; for ever when nobody says so."""
        if self._line is None:
            await asyncio.Event().wait()
        else:
            await self._line.heard["ends"].wait()


NOBODY = Handover(None)
"""Of a process that nobody replaces."""


@asynccontextmanager
async def open_handover() -> AsyncGenerator[Handover]:
    """The line that this process was started with, if it was."""
    number = inherited(HANDOVER_VARIABLE)
    if number is None:
        yield NOBODY
        return
    line = await open_line(socket.socket(fileno=number))
    try:
        yield Handover(line)
    finally:
        line.close()


def inherited(variable: str) -> int | None:
    """The descriptor of a socket that the parent gave us under this name. Raises `BadSetting`."""
    told = os.environ.get(variable)
    if told is None:
        return None
    try:
        number = int(told)
        with socket.socket(fileno=os.dup(number)):
            os.set_inheritable(number, False)
    except (ValueError, OSError):
        raise BadSetting(
            f"{variable} is {told}: `turnout serve` sets it to the number of an open socket; leave"
            " it unset."
        ) from None
    return number
