"""Plays sessions against a running Turnout over HTTP.

Rules of this module: an agent sends its next request when its answer has ended and its pause is over;
a bounded number of sessions run at once; nothing is retried, since what fails is a result. How long an
answer is and which tool it calls is told to the simulated provider in a header of its own.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from turnout.demo.prompts import PATHS, Prompt, Run
from turnout.demo.sessions import Session, Step

ANSWER_SECONDS = 120.0
"""The longest answer of the tables takes a few seconds here; more means that something hangs."""

LONGEST_PAUSE_SECONDS = 3.0
"""A day's pause, compressed, still would hold up the demo."""

SIMULATION_HEADER = "x-simulate"
LOOP_STEPS = 1_000
"""Tool results after which the simulated model stops by itself: never, in a session of the tables."""

OVERLOADED = "status=529"

SHOWN_OF_AN_ERROR = 200
"""Characters of an error's body that tell one error from another."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`compression`: how many seconds of the traces pass in one of the demo; `at_once`: sessions that
    run side by side.
    """

    compression: float
    at_once: int

    def pause(self, seconds: float) -> float:
        return min(LONGEST_PAUSE_SECONDS, seconds / self.compression)


@dataclass(slots=True)
class Played:
    """What was sent and how it ended, as the agents saw it."""

    requests: int = 0
    finished: int = 0
    interrupted: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0


@dataclass(slots=True)
class Player:
    """Plays one run.

    Attributes:
        simulator: where the simulated provider is scripted; "" leaves provider faults out.
        on_progress: called after every request.

    """

    client: httpx.AsyncClient
    run: Run
    pace: Pace
    simulator: str
    on_progress: Callable[[Played], None]
    played: Played = field(default_factory=Played)

    async def play(self, sessions: tuple[Session, ...]) -> Played:
        """Every session to its end."""
        begun = time.monotonic()
        room = asyncio.Semaphore(self.pace.at_once)

        async def one(session: Session) -> None:
            async with room:
                await self._thread(session, -1)

        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(one(session))
        self.played.seconds = time.monotonic() - begun
        return self.played

    async def _thread(self, session: Session, number: int) -> None:
        """The main loop (-1) or a subagent. A request that fails ends neither: agents go on."""
        prompt = Prompt(self.run, session, thread=number)
        thread = session.main if number < 0 else session.subagents[number]
        for step in thread.steps:
            await asyncio.sleep(self.pace.pause(step.pause_seconds))
            await self._step(prompt, step)
            prompt.answered(step)
            if step.spawns:
                async with asyncio.TaskGroup() as group:
                    for spawned in step.spawns:
                        group.create_task(self._thread(session, spawned))

    async def _step(self, prompt: Prompt, step: Step) -> None:
        headers = {**prompt.headers(step), SIMULATION_HEADER: _directives(step)}
        path = PATHS[prompt.session.dialect]
        try:
            if step.is_faulted and self.simulator:
                told = {"next": [OVERLOADED]}
                (await self.client.post(f"{self.simulator}/simulate", json=told)).raise_for_status()
            self.played.requests += 1
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self.client.stream(
                    "POST", path, content=prompt.ask(step), headers=headers
                ) as answer,
            ):
                await self._read(answer, step)
        except (httpx.TransportError, TimeoutError) as reason:
            self.played.failures[type(reason).__name__] += 1
        self.on_progress(self.played)

    async def _read(self, answer: httpx.Response, step: Step) -> None:
        if answer.is_error:
            said = (await answer.aread()).decode("utf-8", "replace")
            self.played.failures[f"{answer.status_code}: {said[:SHOWN_OF_AN_ERROR]}"] += 1
            return
        async for _ in answer.aiter_raw():
            if step.is_interrupted:
                # Leaving the stream closes the connection, as a user's Esc does.
                self.played.interrupted += 1
                return
        self.played.finished += 1


def _directives(step: Step) -> str:
    if step.calls:
        return f"tool={step.calls[0]},steps={LOOP_STEPS},tokens={step.output_tokens}"
    return f"text,tokens={step.output_tokens}"
