"""Latency of the scorer's Route over gRPC, in split mode, at a fixed rate.

Requests are due every 50 ms whatever the answers do, and latency counts from the due time. The
client's own deadline is far above the promise, so that a late answer is measured and not cut off;
the scorer keeps its own. A text that was never seen before must be embedded; one that was, is found
by its hash. Texts are as long as the embedder reads.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from loadtest import bodies
from loadtest.figures import Spread
from turnout.dialects.registry import DIALECTS
from turnout.errors import TurnoutError
from turnout.ingress.chains import Chains
from turnout.ingress.features import features_of, prefix_of
from turnout.policy.decision import Access
from turnout.policy.request import Identity, Tags
from turnout.ports import RouteRequest, Scorer
from turnout.rpc.channel import open_channel
from turnout.rpc.scorer import RemoteScorer

PER_SECOND = 20.0
NEW_SHARE = 4
"""One text in four was never seen before."""

DEADLINE_SECONDS = 2.0

KNOWN_TEXTS = 60
"""Fewer than any cache of embeddings holds."""

TEXT_WORDS = 220
"""More than the 192 tokens that the embedder reads of a text."""

CALLERS_AT_ONCE = 16
"""Keeps the scorer full, as the bench's connections keep a gateway."""

WARM_UP_SECONDS = 20.0
"""For the scorer to load its model."""


@dataclass(frozen=True, slots=True)
class RouteRun:
    """One run of Route calls. Latencies in milliseconds.

    Attributes:
        without_text: decisions that were made without the text, by the scorer's reason; a fast
            answer of this kind has kept the deadline by giving up the text.

    """

    requests: int
    new_texts: int
    total: Spread
    without_text: dict[str, int]
    errors: int
    last_error: str


class RouteFailed(Exception):
    """No Route call was answered."""


async def measure(address: str, *, seconds: float) -> tuple[RouteRun, RouteRun]:
    """With a quarter of new texts, and with known texts only. Raises `RouteFailed`."""
    async with open_channel(address, tls=None) as channel:
        scorer = RemoteScorer(channel)
        source = random.Random(20)
        known = [_text(source) for _ in range(KNOWN_TEXTS)]
        await _get_known(scorer, known)
        count = int(seconds * PER_SECOND)
        mixed = [
            (_text(source), True) if number % NEW_SHARE == 0 else (source.choice(known), False)
            for number in range(count)
        ]
        cached = [(source.choice(known), False) for _ in range(count)]
        return await _run(scorer, mixed, "mixed"), await _run(scorer, cached, "cached")


async def measure_half_full(address: str, *, seconds: float) -> tuple[float, RouteRun]:
    """Route calls a second when as many as possible are made, and a run with known texts at half of
    that rate. Raises `RouteFailed`.
    """
    async with open_channel(address, tls=None) as channel:
        scorer = RemoteScorer(channel)
        source = random.Random(21)
        known = [_text(source) for _ in range(KNOWN_TEXTS)]
        await _get_known(scorer, known)
        full = await _calls_per_second(scorer, known, seconds=seconds)
        count = int(seconds * full / 2)
        texts = [(source.choice(known), False) for _ in range(count)]
        return full, await _run(scorer, texts, "half", per_second=full / 2)


async def _calls_per_second(scorer: Scorer, known: list[str], *, seconds: float) -> float:
    requests = list(_requests([(text, False) for text in known], "full"))
    answered = 0
    begun = time.perf_counter()

    async def ask_on(first: int) -> None:
        nonlocal answered
        number = first
        while time.perf_counter() - begun < seconds:
            await scorer.route(requests[number % len(requests)], deadline_seconds=DEADLINE_SECONDS)
            number += 1
            answered += 1

    async with asyncio.TaskGroup() as group:
        for first in range(CALLERS_AT_ONCE):
            group.create_task(ask_on(first))
    return answered / (time.perf_counter() - begun)


async def _get_known(scorer: Scorer, texts: list[str]) -> None:
    """Ask until every text has been embedded once."""
    due = time.monotonic() + WARM_UP_SECONDS
    for request in _requests([(text, False) for text in texts], "known"):
        while True:
            try:
                answer = await scorer.route(request, deadline_seconds=DEADLINE_SECONDS)
            except TurnoutError as reason:
                said = reason.message
            else:
                if not answer.inputs.text.skipped:
                    break
                said = f"text skipped: {answer.inputs.text.skipped}"
            if time.monotonic() > due:
                raise RouteFailed(f"the scorer does not read texts: {said}")
            await asyncio.sleep(0.05)


async def _run(
    scorer: Scorer, texts: list[tuple[str, bool]], label: str, *, per_second: float = PER_SECOND
) -> RouteRun:
    latencies: list[float] = []
    without_text: Counter[str] = Counter()
    errors: list[str] = []

    async def ask(request: RouteRequest, due: float) -> None:
        try:
            answer = await scorer.route(request, deadline_seconds=DEADLINE_SECONDS)
        except TurnoutError as reason:
            errors.append(reason.message)
            return
        latencies.append(time.perf_counter() - due)
        if answer.inputs.text.skipped:
            without_text[answer.inputs.text.skipped] += 1

    requests = list(_requests(texts, label))
    async with asyncio.TaskGroup() as group:
        begun = time.perf_counter()
        for number, request in enumerate(requests):
            due = begun + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(request, due))
    if not latencies:
        raise RouteFailed(f"no Route call was answered: {errors[-1] if errors else 'none made'}")
    return RouteRun(
        requests=len(latencies),
        new_texts=sum(is_new for _, is_new in texts),
        total=Spread.of_seconds(latencies),
        without_text=dict(without_text),
        errors=len(errors),
        last_error=errors[-1] if errors else "",
    )


def _requests(texts: list[tuple[str, bool]], label: str) -> Iterator[RouteRequest]:
    """Route requests of a thread with tools and history, each in a thread of its own."""
    body = bodies.body("openai_chat", "60 kB", stream=True, agent=0)
    survey = DIALECTS["openai_chat"].survey_request(body)
    prefix = prefix_of(survey, Chains())
    features = features_of(survey, prefix, dialect="openai_chat", step_kind="user_input")
    identity = Identity(
        tenant="default",
        principal="bench",
        harness="unknown",
        session="",
        thread="main",
        thread_key="",
        is_subagent=False,
        is_explicit=True,
        request_class="main",
    )
    for number, (text, _) in enumerate(texts):
        name = f"{label}-{number}"
        yield RouteRequest(
            request_id=f"req_bench_{name}",
            identity=structs.replace(identity, session=name, thread_key=f"bench-{name}"),
            tags=Tags(),
            features=features,
            prefix=prefix,
            mode="full",
            access=(
                Access(provider="openai", credential="env"),
                Access(provider="anthropic", credential="env"),
            ),
            text=text,
            explain_only=False,
            traceparent="",
        )


def _text(source: random.Random) -> str:
    """Words in an order that no other text has."""
    words = [
        "fix",
        "the",
        "parser",
        "when",
        "a",
        "file",
        "is",
        "empty",
        "and",
        "add",
        "tests",
        "for",
        "it",
        "then",
        "run",
        "them",
    ]
    return " ".join(source.choice(words) for _ in range(TEXT_WORDS))
