"""A soak's load: requests that are due at fixed times, whatever becomes of those before, and what came back.

Rules: nothing is sent twice; a request has its own task, so that one that waits delays none. A connection
that breaks is a cut by a kill where the process that held it was killed meanwhile, and otherwise an
answer that is none.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import aiohttp

from loadtest.soak_answers import judge
from loadtest.soak_requests import Asked, asked

Ended: TypeAlias = Literal["answered", "failed", "improper", "broken"]

ANSWER_SECONDS = 90.0
"""Longer than any deadline of ours that a paused part can use up."""

NOTICED_SECONDS = 0.25
"""A connection that died a moment ago may still be used by whoever has not been told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one request, as its client saw it.

    Attributes:
        begun, ended: by `time.monotonic`.
        request_id: "" where no head came.
        attempts: what the head says; 0 of an error.

    """

    number: int
    is_bad: bool
    begun: float
    ended: float
    verdict: Ended
    why: str
    request_id: str = ""
    attempts: int = 0
    degraded: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    def is_cut_by(self, kills: Sequence[tuple[float, float]]) -> bool:
        """Whether the process that held its connection was killed while it was under way."""
        return self.verdict == "broken" and any(
            killed_at <= self.ended and self.begun <= gone_at + NOTICED_SECONDS
            for killed_at, gone_at in kills
        )


@dataclass(frozen=True, slots=True)
class Load:
    """Where to send what, how often. `ticket` marks the rows of this run."""

    url: str
    seed: int
    rate: float
    seconds: float
    bad_share: float
    ticket: str

    @property
    def count(self) -> int:
        return int(self.rate * self.seconds)


async def warm_up(load: Load, count: int) -> None:
    """Some good requests one after the other, which are not counted."""
    async with _client() as client:
        for number in range(count):
            await _ask(client, load, asked(number, seed=-load.seed - 1, bad_share=0.0), "warm-up")


async def send(load: Load, seen: list[Seen]) -> None:
    """All requests, each in its time; what became of them is added to `seen` as it comes."""
    begun = time.monotonic()

    async def one(client: aiohttp.ClientSession, number: int) -> None:
        made = asked(number, seed=load.seed, bad_share=load.bad_share)
        seen.append(await _ask(client, load, made, load.ticket))

    async with _client() as client, asyncio.TaskGroup() as group:
        for number in range(load.count):
            await asyncio.sleep(max(0.0, begun + number / load.rate - time.monotonic()))
            group.create_task(one(client, number))


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
        trust_env=False,
    )


async def _ask(client: aiohttp.ClientSession, load: Load, made: Asked, ticket: str) -> Seen:
    begun = time.monotonic()
    headers = {
        "content-type": "application/json",
        "x-simulate": made.simulate,
        "x-turnout-ticket": ticket,
    }
    told: dict[str, str] = {}
    verdict: Ended
    try:
        async with client.post(load.url + made.path, data=made.body, headers=headers) as answer:
            told = {name.lower(): value for name, value in answer.headers.items()}
            body = await answer.read()
    except TimeoutError:
        verdict, why = "improper", f"no end after {ANSWER_SECONDS:g} s"
    except (aiohttp.ClientError, OSError) as reason:
        verdict, why = "broken", f"{type(reason).__name__}: {reason}"
    else:
        judged = judge(made.dialect, stream=made.stream, status=answer.status, body=body)
        verdict, why = judged.verdict, judged.why
    return Seen(
        number=made.number,
        is_bad=made.is_bad,
        begun=begun,
        ended=time.monotonic(),
        verdict=verdict,
        why=f"{made.dialect} {'stream' if made.stream else 'whole'} {made.simulate}: {why}",
        request_id=told.get("turnout-request-id", ""),
        attempts=int(told.get("turnout-attempts", "0")),
        degraded=told.get("turnout-degraded", ""),
    )
