"""Drives the attempts of one stream until one has content: what `policy.attempts` says, done.

Rules: tasks exist only while two attempts are alive, so a request that nothing delays pays for none; the
loser is closed before the winner's first piece is handed on; closing the race closes every connection.
"""

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import TypeAlias, assert_never

import msgspec

from turnout.errors import Unavailable
from turnout.policy.attempts import Consider, Send, Wait
from turnout.policy.failover import GiveUp
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.attempt import (
    WAITING,
    AttemptFailed,
    Piece,
    Progress,
    Spawn,
    StreamAttempt,
    Waiting,
)
from turnout.upstream_dispatcher.request import Prepared
from turnout.upstream_dispatcher.run import Run

Make: TypeAlias = Callable[[Prepared, AttemptLog], StreamAttempt]

Advanced: TypeAlias = Progress | Exception
"""What a task comes to: it never raises, because it is of a group that would be torn down."""


class Won(msgspec.Struct, frozen=True, gc=False):
    """The attempt that answers, and the first piece of its answer."""

    attempt: StreamAttempt
    piece: Piece


class Race:
    """The attempts of one stream until one has content. `aclose` closes that one too."""

    def __init__(self, run: Run, make: Make, spawn: Spawn) -> None:
        self._run = run
        self._make = make
        self._spawn = spawn
        self._time = asyncio.get_running_loop().time
        self._alive: dict[int, StreamAttempt] = {}
        self._tasks: dict[int, asyncio.Task[Advanced]] = {}

    async def advance(self, *, until: float) -> Waiting | Won | GiveUp:
        """Go on until one has content or none will, or until loop time `until`."""
        waited_until = 0.0
        while True:
            command = self._run.next(waited_until=waited_until)
            match command:
                case GiveUp():
                    await self._lose(tuple(self._alive))
                    return command
                case Send():
                    started = self._run.start(command)
                    if started is not None:
                        attempt = self._make(*started)
                        self._alive[attempt.log.number] = attempt
                case Consider(number):
                    self._run.consider(number)
                case Wait(at):
                    won = await self._waited(min(at, until))
                    if won is not None:
                        return won
                    if self._time() >= until:
                        return WAITING
                    waited_until = at if self._time() >= at else 0.0
                case _:
                    assert_never(command)

    async def _waited(self, until: float) -> Won | None:
        """None when something else has happened, or at `until`."""
        if not self._alive:
            await asyncio.sleep(until - self._time())
            return None
        if len(self._alive) == 1 and not self._tasks:
            (attempt,) = self._alive.values()
            return await self._told(attempt, await attempt.advance(until=until))
        return await self._raced(until)

    async def _raced(self, until: float) -> Won | None:
        for number, attempt in self._alive.items():
            if number not in self._tasks:
                self._tasks[number] = self._spawn(_advanced(attempt))
        timeout = None if until == inf else max(0.0, until - self._time())
        await asyncio.wait(
            self._tasks.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        for number in [number for number, task in self._tasks.items() if task.done()]:
            task = self._tasks.pop(number)
            if task.cancelled():
                raise Unavailable("Turnout is stopping; send the request again.")
            progress = task.result()
            if isinstance(progress, Exception):
                raise progress
            won = await self._told(self._alive[number], progress)
            if won is not None:
                return won
        return None

    async def _told(self, attempt: StreamAttempt, progress: Progress) -> Won | None:
        match progress:
            case Piece():
                await self._lose(self._run.won(attempt.log))
                return Won(attempt, progress)
            case AttemptFailed():
                await self._close(attempt.log.number)
                self._run.failed(attempt.log, progress)
            case Waiting():
                pass
            case _:
                assert_never(progress)
        return None

    async def _lose(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            await self._close(number)
            self._run.lost(number)

    async def _close(self, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        await self._alive.pop(number).aclose()

    async def aclose(self) -> None:
        for number in tuple(self._alive):
            await self._close(number)


async def _advanced(attempt: StreamAttempt) -> Advanced:
    try:
        return await attempt.advance(until=inf)
    except Exception as error:  # noqa: BLE001 - a task boundary: the race raises it
        return error
