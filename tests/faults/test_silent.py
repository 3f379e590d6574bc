"""A provider that is silent before content: a second call races the first, in one process and in five."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.faults.arrivals import each_once
from tests.faults.clients import Question, Seen, ask
from tests.faults.product import Product

pytestmark = pytest.mark.anyio

MODEL = "turnout/gpt-5.4-mini"
KNOWN = 40
"""Calls after which a target is known to be quick, and a tenant has traffic to race with."""

SILENCE = "ttft=30"
"""Seconds; a client that waited for them would not have been answered by a second call."""


@pytest.fixture(params=[False, True], ids=["one-process", "split"])
async def quick(
    request: pytest.FixtureRequest, product: Product
) -> AsyncIterator[tuple[Product, aiohttp.ClientSession]]:
    """A product whose provider has answered at once so far."""
    product.split = bool(request.param)
    product.settings = {
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_FLOOR_SECONDS": "0.2",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_REQUESTS_SHARE": "1",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_USD_SHARE": "1",
    }
    await product.start()
    async with aiohttp.ClientSession() as client:
        for number in range(KNOWN):
            await asked(product, client, f"known{number}")
        yield product, client
    assert await product.stop() == 0


async def asked(product: Product, client: aiohttp.ClientSession, session: str) -> Seen:
    question = Question(wire="openai_chat", stream=True, session=session, model=MODEL)
    return await ask(client, product.url, question)


async def test_the_answer_of_a_second_call_is_the_clients(
    quick: tuple[Product, aiohttp.ClientSession],
) -> None:
    product, client = quick
    script = {"next": [{"simulate": SILENCE}]}
    async with client.post(f"{product.simulator_url}/simulate", json=script) as answer:
        answer.raise_for_status()
    seen = await asked(product, client, "silent")
    await each_once(product, [seen])
    assert await product.rows(
        "SELECT arraySort(groupArray(concat(toString(number), ' ', kind, ' ', outcome))) FROM attempts"
        f" WHERE request_id = '{seen.request_id}'"
    ) == [[["1 first lost", "2 hedge answered"]]]
    (paid,) = await product.rows(
        "SELECT hedges, hedge_cost_usd > 0, cost_usd > hedge_cost_usd, not_hedged FROM requests"
        f" WHERE request_id = '{seen.request_id}'"
    )
    assert paid == [1, 1, 1, ""]


async def test_in_observe_mode_the_first_call_is_waited_for(
    product: Product,
) -> None:
    product.settings = {
        "TURNOUT_ROUTING__MODE": "observe",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_FLOOR_SECONDS": "0.2",
    }
    await product.start()
    async with aiohttp.ClientSession() as client:
        for number in range(KNOWN):
            await asked(product, client, f"known{number}")
        script = {"next": [{"simulate": "ttft=2"}]}
        async with client.post(f"{product.simulator_url}/simulate", json=script) as answer:
            answer.raise_for_status()
        seen = await asked(product, client, "silent")
    await each_once(product, [seen])
    assert await product.rows(
        f"SELECT attempts, hedges FROM requests WHERE request_id = '{seen.request_id}'"
    ) == [[1, 0]]
    assert await product.stop() == 0
