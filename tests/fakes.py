"""Fakes of ports that tests of more than one package use."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeAlias

from turnout.facts import AttemptEnded, Fact, OutcomeReported, RequestCompleted
from turnout.ports import (
    DispatchEvent,
    DispatchRequest,
    LeaseAnswer,
    LeaseRequest,
    Settlement,
)

Step: TypeAlias = DispatchEvent | Exception | asyncio.Event
"""What a scripted dispatcher does next: sends an event, raises, or waits."""


class KeptFacts:
    """A fact sink that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.all: list[Fact] = []

    def record(self, *facts: Fact) -> None:
        self.all.extend(facts)

    @property
    def attempts(self) -> list[AttemptEnded]:
        return [fact for fact in self.all if isinstance(fact, AttemptEnded)]

    @property
    def completed(self) -> RequestCompleted:
        (fact,) = [fact for fact in self.all if isinstance(fact, RequestCompleted)]
        return fact

    @property
    def outcomes(self) -> list[OutcomeReported]:
        return [fact for fact in self.all if isinstance(fact, OutcomeReported)]


class NoLeases:
    """For fakes of the tracker that nobody asks for a lease."""

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        raise AssertionError(request)

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        raise AssertionError(settlement)


class ScriptedDispatcher:
    """Plays its script and keeps what it was asked and how each answer ended."""

    def __init__(self, *script: Step) -> None:
        self.script: Sequence[Step] = script
        self.asked: list[DispatchRequest] = []
        self.reached = asyncio.Event()
        self.closed = asyncio.Event()
        self.finished = False

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        self.asked.append(request)
        try:
            for step in self.script:
                match step:
                    case asyncio.Event():
                        self.reached.set()
                        await step.wait()
                    case Exception():
                        raise step
                    case _:
                        yield step
            self.finished = True
        finally:
            self.closed.set()
