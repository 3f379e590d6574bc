"""Reasoning goes back to its maker as it was, and to nobody else, whoever keeps it in between."""

import pytest

from tests.matrix.declared import ALL, IDS, PAIRS, SHORT, Pair
from tests.matrix.driving import AGENT, asked, sent, target_of
from tests.matrix.rig import Rig, received, reply
from tests.matrix.thread import SEALS, Thread, seals_for, seals_in, thinking_answer
from turnout.capabilities import Dialect
from turnout.policy.thread import Maker

pytestmark = pytest.mark.anyio


async def a_turn(there: Rig, pair: Pair, *, stream: bool) -> Thread:
    """One answer of the upstream, with the result of the call that it made."""
    client, upstream = pair
    thread = Thread(client)
    thread.user("go")
    request = asked(
        client,
        thread.fields(),
        target_of(upstream, AGENT[upstream]),
        stream=stream,
        served=AGENT[upstream],
    )
    told = reply(upstream, thinking_answer(upstream, 1), stream=stream)
    answer = await there.ask(request, upstream, told)
    thread.heard(received(client, answer, stream=stream))
    thread.result("call_1", "seen")
    return thread


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
async def test_the_maker_gets_it_back(pair: Pair, stream: bool, there: Rig) -> None:
    client, upstream = pair
    thread = await a_turn(there, pair, stream=stream)
    makers = (Maker(1, target_of(upstream, AGENT[upstream])),)
    request = asked(client, thread.fields(), served=AGENT[upstream], makers=makers)
    out = sent(request, upstream, AGENT[upstream])
    assert seals_in(upstream, out.body) == seals_for(upstream, 1)
    assert b"turnout1" not in out.raw


OTHERS = [(pair, other) for pair in PAIRS for other in ALL if other != pair[1]]
OTHER_IDS = [f"{SHORT[pair[0]]}-{SHORT[pair[1]]}-then-{SHORT[other]}" for pair, other in OTHERS]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("pair", "other"), OTHERS, ids=OTHER_IDS)
async def test_nobody_else_gets_it(pair: Pair, other: Dialect, stream: bool, there: Rig) -> None:
    client, upstream = pair
    thread = await a_turn(there, pair, stream=stream)
    makers = (Maker(1, target_of(upstream, AGENT[upstream])),)
    request = asked(client, thread.fields(), served=AGENT[other], makers=makers)
    out = sent(request, other, AGENT[other])
    assert b"Step 1." in out.raw
    assert b"call_1" in out.raw
    assert seals_in(other, out.body) == []
    assert not any(seal.encode() in out.raw for seal in SEALS)
    assert b"Weighing" not in out.raw
    assert b"turnout1" not in out.raw


SIBLINGS: dict[Dialect, str] = {
    "anthropic_messages": "claude-sonnet-5-5",
    "openai_chat": "gpt-5.5",
    "openai_responses": "gpt-5.5",
    "gemini_generate": "gemini-3.5-flash",
}
"""Other models of the same provider."""


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
async def test_a_sibling_gets_it_where_its_provider_sorts_it_out(pair: Pair, there: Rig) -> None:
    """Claude models are shown each other's reasoning, no others are."""
    client, upstream = pair
    thread = await a_turn(there, pair, stream=True)
    sibling = SIBLINGS[upstream]
    makers = (Maker(1, target_of(upstream, AGENT[upstream])),)
    request = asked(client, thread.fields(), served=sibling, makers=makers)
    out = sent(request, upstream, sibling)
    is_shown = upstream == "anthropic_messages"
    assert seals_in(upstream, out.body) == (seals_for(upstream, 1) if is_shown else [])
    assert b"Step 1." in out.raw
