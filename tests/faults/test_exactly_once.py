"""1,000 requests while telemetry, NATS and ClickHouse are killed in turn: all are answered, and each
is in ClickHouse exactly once, to the token.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from typing import Final

import aiohttp
import pytest

from tests.faults.clients import Question, Seen, ask
from tests.faults.product import Part, Product

pytestmark = pytest.mark.anyio

REQUESTS: Final = 1_000
SESSIONS: Final = 100
CONCURRENCY: Final = 24
LOAD_SECONDS: Final = 16.0
"""The requests are spread over this time, so that every outage meets some of them."""

VICTIMS: Final[tuple[Part, ...]] = ("telemetry", "nats", "clickhouse")
ROUNDS: Final = 2
"""Below the number of deaths a minute after which the supervisor takes a pause."""

FIRST_KILL_SECONDS: Final = 2.0
ARRIVAL_SECONDS: Final = 45.0
"""A batch that telemetry held when it was killed comes again after its acknowledgement wait."""

ROLLUPS: Final = {
    "cost_by_day": "tenant, day",
    "cost_by_model": "tenant, day, served_provider, served_model",
    "cost_by_harness": "tenant, day, harness",
    "cost_by_session": "tenant, session",
}

SUMS: Final = (
    "sum(fresh_input), sum(cache_read), sum(cache_write_5m + cache_write_1h + cache_write_other),"
    " sum(output), toString(sum(cost_usd)), toString(sum(baseline_cost_usd))"
)


def question(number: int) -> Question:
    """Both dialects, whole and streamed, in turn; a session every `SESSIONS` requests."""
    session = f"s{number % SESSIONS}"
    is_claude = number % 4 == 3
    return Question(
        wire="openai_chat" if number % 2 == 0 else "anthropic_messages",
        stream=number % 3 == 0,
        session=session,
        text=f"What is {number % 7} and {number // SESSIONS}?",
        model=("turnout/auto", "claude-haiku-5-5", "gpt-5.4-mini", "turnout/auto")[number % 4],
        headers={"x-claude-code-session-id": session} if is_claude else {},
    )


async def send_all(url: str) -> list[Seen]:
    """All requests, spread over the load's time."""
    begun = time.monotonic()
    numbers = iter(range(REQUESTS))
    seen: list[Seen] = []

    async def worker(client: aiohttp.ClientSession) -> None:
        for number in numbers:
            due = begun + LOAD_SECONDS * number / REQUESTS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            seen.append(await ask(client, url, question(number)))

    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as client, asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(worker(client))
    return seen


async def kill_in_turn(product: Product, seed: int) -> None:
    """Every victim several times, in a random order, at random moments of the load."""
    draw = random.Random(seed)
    victims = list(VICTIMS) * ROUNDS
    draw.shuffle(victims)
    moments = sorted(draw.uniform(FIRST_KILL_SECONDS, LOAD_SECONDS - 1) for _ in victims)
    begun = time.monotonic()
    for moment, victim in zip(moments, victims, strict=True):
        await asyncio.sleep(max(0.0, begun + moment - time.monotonic()))
        pid = await product.kill_child(victim)
        print(f"{time.monotonic() - begun:6.2f} s: killed {victim} (pid {pid})")


@pytest.mark.parametrize("split", [False, True], ids=["embedded", "split"])
async def test_every_request_is_answered_and_counted_once(product: Product, split: bool) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    product.split = split
    await product.start()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send_all(product.url))
        group.create_task(kill_in_turn(product, seed))
    seen = sending.result()
    assert len({one.request_id for one in seen}) == REQUESTS

    await arrived(product, "requests", REQUESTS)
    await arrived(product, "attempts", sum(one.attempts for one in seen))
    await arrived(product, "decisions", REQUESTS)
    await product.until_consumed()
    await holds_what_clients_saw(product, seen)
    await decisions_fit_requests(product)
    for view, key in ROLLUPS.items():
        await rollup_is_exact(product, view, key, seen)
    assert await product.rows("SELECT count() FROM undecodable_facts") == [[0]]


async def arrived(product: Product, view: str, count: int) -> None:
    await product.until_rows(
        f"SELECT count(), uniqExact(event_id) FROM {view}",
        lambda rows: rows == [[count, count]],
        seconds=ARRIVAL_SECONDS,
    )


async def holds_what_clients_saw(product: Product, seen: Sequence[Seen]) -> None:
    """Row by row: who answered, in how many attempts, with how many tokens."""
    rows = await product.rows(
        "SELECT request_id, outcome, status, served_model, attempts, input_total, output"
        " FROM requests"
    )
    told = sorted(map(tuple, rows), key=str)
    expected = [
        (one.request_id, "answered", 200, one.model, one.attempts, one.input_total, one.output)
        for one in seen
    ]
    assert told == sorted(expected, key=str)
    attempts = await product.rows(
        "SELECT request_id, count(), sum(output) FROM attempts GROUP BY request_id"
    )
    assert sorted(map(tuple, attempts), key=str) == sorted(
        ((one.request_id, one.attempts, one.output) for one in seen), key=str
    )


async def decisions_fit_requests(product: Product) -> None:
    """Every request has the decision that it was served by."""
    strangers = await product.rows(
        "SELECT r.request_id, r.reason, d.reason FROM requests AS r"
        " LEFT JOIN decisions AS d ON r.request_id = d.request_id WHERE r.reason != d.reason"
    )
    assert strangers == []


async def rollup_is_exact(product: Product, view: str, key: str, seen: Sequence[Seen]) -> None:
    """The view against the same sums over rows, and its whole against what clients saw."""
    columns = (
        "requests, answered_requests, fresh_input, cache_read, cache_write, output,"
        " toString(cost_usd), toString(baseline_cost_usd)"
    )
    rolled = await product.rows(f"SELECT {key}, {columns} FROM {view} ORDER BY {key}")
    summed = await product.rows(
        f"SELECT {key}, count(), countIf(outcome = 'answered'), {SUMS} FROM requests"
        f" GROUP BY {key} ORDER BY {key}"
    )
    assert rolled == summed
    totals = await product.rows(
        "SELECT sum(requests), sum(fresh_input + cache_read + cache_write), sum(output) FROM "
        + view
    )
    assert totals == [
        [len(seen), sum(one.input_total for one in seen), sum(one.output for one in seen)]
    ]
