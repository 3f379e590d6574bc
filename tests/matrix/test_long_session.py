"""A session that moves between models of three providers and back, as each client keeps it.

At every step the upstream gets the whole thread in order, with the ids as they were, its own reasoning
under its own seals and nobody else's, and behind a beginning that is byte for byte what it got when
it was asked last.
"""

import json
from typing import Any

import pytest

from tests.matrix.declared import ALL, SHORT, Json
from tests.matrix.driving import AGENT, asked, target_of
from tests.matrix.rig import Rig, received, reply
from tests.matrix.thread import SEALS, Thread, seals_for, seals_in, thinking_answer
from tests.matrix.transcripts import Item, transcript_of
from turnout.capabilities import Dialect
from turnout.policy.thread import Maker

pytestmark = pytest.mark.anyio

ROUTE: tuple[Dialect, ...] = (
    "anthropic_messages",
    "anthropic_messages",
    "openai_responses",
    "openai_responses",
    "gemini_generate",
    "gemini_generate",
    "anthropic_messages",
    "openai_responses",
    "gemini_generate",
    "anthropic_messages",
)
"""Who answers each step: each provider twice, so that it is asked again with its own reasoning, and
each once more after the others."""

_TURNS: dict[Dialect, str] = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini_generate": "contents",
}


def without_marks(value: Any) -> Any:
    """Cache markers move on with every step, and are no part of what is cached."""
    if isinstance(value, dict):
        return {k: without_marks(v) for k, v in value.items() if k != "cache_control"}
    return [without_marks(one) for one in value] if isinstance(value, list) else value


def pieces(upstream: Dialect, body: Json) -> tuple[str, list[str]]:
    """What stands around the turns, and each turn, in the order and the form of the bytes."""
    marked = without_marks(body)
    turns = marked.pop(_TURNS[upstream])
    return json.dumps(marked), [json.dumps(turn) for turn in turns]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("client", ALL, ids=SHORT.get)
async def test_long_session(client: Dialect, stream: bool, there: Rig) -> None:
    thread = Thread(client)
    thread.user("go")
    said: list[Item] = [("user", "go")]
    makers: list[Maker] = []
    before: dict[Dialect, tuple[str, list[str]]] = {}
    for n, upstream in enumerate(ROUTE, start=1):
        target = target_of(upstream, AGENT[upstream])
        request = asked(
            client,
            thread.fields(),
            target,
            stream=stream,
            served=AGENT[upstream],
            makers=makers,
            request_id=f"r{n}",
        )
        told = reply(upstream, thinking_answer(upstream, n), stream=stream)
        answer = await there.ask(request, upstream, told)
        assert answer.head.status == 200, answer.body
        seen, raw = there.last_body, there.upstream.seen[-1].body

        assert transcript_of(upstream)(seen) == said

        own = [i for i in range(1, n) if ROUTE[i - 1] == upstream]
        assert seals_in(upstream, seen) == [seal for i in own for seal in seals_for(upstream, i)]
        kept = {seal for i in own for seal in seals_for(upstream, i)}
        assert raw.count(b"turnout1") == 0
        for beginning in SEALS:
            assert any(seal.startswith(beginning) for seal in kept) == (beginning.encode() in raw)
        for i in range(1, n):
            if i not in own:
                assert f"Weighing {i}.".encode() not in raw
            elif upstream != "gemini_generate":
                # Google wants its signatures back, the summaries it does not read.
                assert f"Weighing {i}.".encode() in raw

        around, turns = pieces(upstream, seen)
        if upstream in before:
            around_before, turns_before = before[upstream]
            assert around == around_before
            assert turns[: len(turns_before)] == turns_before
        before[upstream] = (around, turns)

        if not makers or makers[-1].target != target:
            makers.append(Maker(request.features.message_count, target))
        thread.heard(received(client, answer, stream=stream))
        thread.result(f"call_{n}", f"seen {n}")
        said += [
            ("assistant", f"Step {n}."),
            ("call", f"call_{n}", "look", {"n": n}),
            ("result", f"call_{n}", [("text", f"seen {n}")]),
        ]
