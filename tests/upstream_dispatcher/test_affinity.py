"""The word by which providers keep a session where its cache is."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from tests.upstream_dispatcher.samples import JSON
from tests.upstream_dispatcher.scripted import Exchange, Seen, provider
from tests.upstream_dispatcher.workbench import (
    CHAT_WHOLE_BODY,
    MESSAGES_BODY,
    answer_of,
    bench,
    request,
)
from turnout.capabilities import Dialect
from turnout.policy.request import Identity
from turnout.upstream_dispatcher.affinity import ADDED, cache_key

pytestmark = pytest.mark.anyio

WITH_KEY = CHAT_WHOLE_BODY.replace(b"{", b'{"prompt_cache_key":"own",', 1)


async def refuses(exchange: Exchange) -> None:
    await exchange.answer(400, b"{}", JSON)


async def sent(
    target: str, *, body: bytes, dialect: Dialect, asked: str
) -> tuple[Seen, tuple[str, ...], str]:
    """The request at the provider, what the fact says was changed, and the key of its session."""
    one = request(target, dialect=dialect, model=asked, body=body)
    decision = structs.replace(one.decision, requested_model=asked)
    name = target.partition("/")[0]
    async with provider(refuses) as upstream, bench({name: upstream.url}) as on:
        await answer_of(on, replace(one, decision=decision))
        (seen,) = upstream.seen
        (fact,) = on.facts.attempts
    return seen, fact.changes, cache_key(one.identity)


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("openai/gpt-5.4@env", "claude-opus-5-5"),
        ("moonshot_ai/kimi-k2.6@env", "claude-opus-5-5"),
        ("mistral_ai/devstral-latest@env", "claude-opus-5-5"),
    ],
)
async def test_what_is_translated_says_its_session_where_that_is_read(
    target: str, asked: str
) -> None:
    seen, changes, key = await sent(
        target, body=MESSAGES_BODY, dialect="anthropic_messages", asked=asked
    )
    assert json.loads(seen.body)["prompt_cache_key"] == key
    assert ADDED in changes


@pytest.mark.parametrize("target", ["deepseek/deepseek-chat@env", "z_ai/glm-5.1@env"])
async def test_nobody_else_is_told(target: str) -> None:
    seen, changes, key = await sent(
        target, body=MESSAGES_BODY, dialect="anthropic_messages", asked="claude-opus-5-5"
    )
    assert key.encode() not in seen.body
    assert key not in dict(seen.headers).values()
    assert ADDED not in changes


async def test_grok_is_told_by_a_header() -> None:
    seen, changes, key = await sent(
        "x_ai/grok-4.5@env", body=CHAT_WHOLE_BODY, dialect="openai_chat", asked="grok-4.5"
    )
    assert dict(seen.headers)["x-grok-conv-id"] == key
    assert ADDED not in changes


@pytest.mark.parametrize(
    ("body", "asked", "is_added"),
    [
        (CHAT_WHOLE_BODY, "turnout/auto", True),
        (WITH_KEY, "turnout/auto", False),
        # Asked for by name it goes as it came.
        (CHAT_WHOLE_BODY, "gpt-5.4", False),
    ],
)
async def test_within_a_dialect_only_another_model_than_was_named_is_told(
    body: bytes, asked: str, *, is_added: bool
) -> None:
    seen, changes, key = await sent(
        "openai/gpt-5.4@env", body=body, dialect="openai_chat", asked=asked
    )
    assert (json.loads(seen.body).get("prompt_cache_key") == key) is is_added
    assert (ADDED in changes) is is_added


def test_the_word_names_neither_session_nor_principal_and_is_one_for_all_its_threads() -> None:
    one = Identity(
        tenant="t",
        principal="principal",
        harness="claude_code",
        session="session",
        thread="main",
        thread_key="a",
        is_subagent=False,
        is_explicit=True,
        request_class="main",
    )
    beside = structs.replace(one, thread="other", thread_key="b", is_subagent=True)
    key = cache_key(one)
    assert key == cache_key(beside)
    assert "session" not in key
    assert "principal" not in key
    assert key != cache_key(structs.replace(one, session="another"))
    assert key != cache_key(structs.replace(one, principal="another"))
