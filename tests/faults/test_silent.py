"""A provider that is silent before content: a second call races the first, in one process and in five."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.faults.arrivals import each_once
from tests.faults.clients import Question, Seen, ask
from tests.faults.product import Product

pytestmark = pytest.mark.anyio

KNOWN = 40
"""Calls after which a target is known to be quick, and a tenant has traffic to race with."""


@asynccontextmanager
async def asked_in_a_silence(product: Product, simulate: str) -> AsyncGenerator[Seen]:
    """The answer to a request whose first call is scripted, after `KNOWN` that were answered at once."""
    await product.start()

    async def asked(session: str) -> Seen:
        question = Question(
            wire="openai_chat", stream=True, session=session, model="turnout/gpt-5.4-mini"
        )
        return await ask(client, product.url, question)

    async with aiohttp.ClientSession() as client:
        for number in range(KNOWN):
            await asked(f"known{number}")
        script = {"next": [{"simulate": simulate}]}
        async with client.post(f"{product.simulator_url}/simulate", json=script) as answer:
            answer.raise_for_status()
        seen = await asked("silent")
    await each_once(product, [seen])
    yield seen
    assert await product.stop() == 0


@pytest.mark.parametrize("split", [False, True], ids=["one-process", "split"])
async def test_the_answer_of_a_second_call_is_the_clients(product: Product, split: bool) -> None:
    product.split = split
    product.settings = {
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_FLOOR_SECONDS": "0.2",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_REQUESTS_SHARE": "1",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_USD_SHARE": "1",
    }
    async with asked_in_a_silence(product, "ttft=30") as seen:
        assert await product.rows(
            "SELECT arraySort(groupArray(concat(toString(number), ' ', kind, ' ', outcome))) FROM attempts"
            f" WHERE request_id = '{seen.request_id}'"
        ) == [[["1 first lost", "2 hedge answered"]]]
        assert await product.rows(
            "SELECT hedges, hedge_cost_usd > 0, cost_usd > hedge_cost_usd, not_hedged FROM requests"
            f" WHERE request_id = '{seen.request_id}'"
        ) == [[1, 1, 1, ""]]


async def test_in_observe_mode_the_first_call_is_waited_for(product: Product) -> None:
    product.settings = {
        "TURNOUT_ROUTING__MODE": "observe",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_FLOOR_SECONDS": "0.2",
    }
    async with asked_in_a_silence(product, "ttft=2") as seen:
        assert await product.rows(
            f"SELECT attempts, hedges FROM requests WHERE request_id = '{seen.request_id}'"
        ) == [[1, 0]]
