"""The lifetime that a decision chose, as providers see it."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from tests.upstream_dispatcher.samples import JSON
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.workbench import CHAT_BODY, answer_of, bench, request
from turnout.capabilities import Dialect
from turnout.policy.decision import ChosenLifetime

pytestmark = pytest.mark.anyio

OPUS = "anthropic/claude-opus-5-5@env"
MARKED = (
    b'{"model":"claude-opus-5-5", "max_tokens":9,"system":[{"type":"text","text":"s","cache_control":{"type":'
    b'"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":'
    b'"ephemeral"}}]}],"later":1.50}'
)
HOUR = MARKED.replace(b'"ephemeral"', b'"ephemeral","ttl":"1h"')


async def refuses(exchange: Exchange) -> None:
    await exchange.answer(400, b"{}", JSON)


async def sent(
    target: str,
    lifetime: ChosenLifetime,
    *,
    body: bytes = MARKED,
    dialect: Dialect = "anthropic_messages",
    is_unmarked: bool = False,
) -> tuple[bytes, tuple[str, ...]]:
    """The body at the provider, and what the fact says was changed."""
    model = target.partition("/")[2].partition("@")[0]
    asked = request(target, dialect=dialect, model=model, body=body)
    chosen = structs.replace(asked.decision, write_lifetime=lifetime)
    features = structs.replace(asked.features, lacks_breakpoints=is_unmarked)
    name = target.partition("/")[0]
    async with (
        provider(refuses) as upstream,
        bench({name: upstream.url}, also=("anthropic_messages",)) as on,
    ):
        await answer_of(on, replace(asked, decision=chosen, features=features))
        (seen,) = upstream.seen
        (fact,) = on.facts.attempts
    return seen.body, fact.changes


@pytest.mark.parametrize(
    ("lifetime", "expected", "changes"),
    [
        ("", MARKED, ()),
        ("5m", MARKED, ()),
        ("1h", HOUR, ("cache_lifetime:1h",)),
    ],
)
async def test_the_clients_breakpoints_get_the_lifetime_and_nothing_else_changes(
    lifetime: ChosenLifetime, expected: bytes, changes: tuple[str, ...]
) -> None:
    assert await sent(OPUS, lifetime) == (expected, changes)


async def test_what_was_translated_is_written_for_it_too() -> None:
    body, _changes = await sent(OPUS, "1h", body=CHAT_BODY, dialect="openai_chat")
    messages = json.loads(body)["messages"]
    assert messages[-1]["content"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    as_it_was, _changes = await sent(OPUS, "", body=CHAT_BODY, dialect="openai_chat")
    assert b"ttl" not in as_it_was


async def test_who_has_no_lifetimes_to_choose_from_is_not_told_of_any() -> None:
    body, changes = await sent("deepseek/deepseek-chat@env", "1h")
    assert b"ttl" not in body
    assert "cache_lifetime:1h" not in changes


UNMARKED = (
    b'{"model":"claude-opus-5-5", "max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
)


@pytest.mark.parametrize(
    ("lifetime", "added", "changes"),
    [
        ("", b"", ()),
        ("5m", b',"cache_control":{"type":"ephemeral"}', ("breakpoint:5m",)),
        ("1h", b',"cache_control":{"type":"ephemeral","ttl":"1h"}', ("breakpoint:1h",)),
    ],
)
async def test_a_body_without_breakpoints_leaves_one_to_the_provider(
    lifetime: ChosenLifetime, added: bytes, changes: tuple[str, ...]
) -> None:
    body, told = await sent(OPUS, lifetime, body=UNMARKED, is_unmarked=True)
    assert body == UNMARKED.removesuffix(b"}") + added + b"}"
    assert told == changes
