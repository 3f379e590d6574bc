"""Requests within one dialect for another model than they were written for."""

import json
from typing import Any

import pytest

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities
from turnout.dialects.reshape import reshaped, switched
from turnout.quirks import Quirks

THINKS = Capabilities(thinking=True, max_output_tokens=64_000)
PLAIN = Capabilities(max_output_tokens=64_000)


CLAUDE_CODE = {
    "model": "claude-opus-5-5",
    "max_tokens": 128_000,
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": {}}},
    "safeguards": [],
    "context_management": {"edits": []},
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "context", "output_config": {"effort": "low"}},
    ],
}


TAGGED = [
    {"type": "text", "text": "<system-reminder>"},
    {"type": "text", "text": "context"},
    {"type": "text", "text": "</system-reminder>"},
]


def to_claude(model: str, has: Capabilities = THINKS) -> tuple[dict[str, Any], set[str]]:
    body, changes = switched(
        json.dumps(CLAUDE_CODE).encode(),
        quirks_of("anthropic", "anthropic_messages", model),
        dialect="anthropic_messages",
        has=has,
    )
    found: dict[str, Any] = json.loads(body)
    return found, set(changes)


def test_bug_35_an_older_claude_gets_what_it_takes() -> None:
    found, changes = to_claude("claude-sonnet-4-5")
    assert found["messages"][1] == {"role": "user", "content": TAGGED}
    assert found["max_tokens"] == 64_000
    assert found["thinking"] == {
        "type": "enabled",
        "budget_tokens": 24_576,
        "display": "omitted",
    }
    assert found["output_config"] == {"format": {"type": "json_schema", "schema": {}}}
    assert "safeguards" not in found
    assert found["context_management"] == {"edits": []}
    assert changes == {
        "limited:max_output_tokens",
        "system_role",
        "thinking",
        "dropped:safeguards",
    }


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("context", TAGGED),
        ([TAGGED[1]], TAGGED),
        (
            [TAGGED[1] | {"cache_control": {"type": "ephemeral"}}],
            [TAGGED[0], TAGGED[1] | {"cache_control": {"type": "ephemeral"}}, TAGGED[2]],
        ),
        ("", ""),
        ([], []),
    ],
)
def test_a_system_message_that_becomes_the_users_says_whose_it_is(
    content: object, sent: object
) -> None:
    """The same for a text and a block: Claude Code writes it as the one and then as the other."""
    body = {"messages": [{"role": "system", "content": content}]}
    quirks = quirks_of("anthropic", "anthropic_messages", "claude-sonnet-4-5")
    found, _ = switched(json.dumps(body).encode(), quirks, dialect="anthropic_messages", has=THINKS)
    assert json.loads(found)["messages"] == [{"role": "user", "content": sent}]


def test_a_claude_of_the_same_age_gets_the_bytes_as_they_are() -> None:
    body = json.dumps(CLAUDE_CODE | {"max_tokens": 10}).encode()
    quirks = quirks_of("anthropic", "anthropic_messages", "claude-sonnet-5-5")
    same, changes = switched(body, quirks, dialect="anthropic_messages", has=THINKS)
    assert same is body
    assert changes == ()


def test_a_budget_becomes_adaptive_for_a_claude_that_takes_no_other() -> None:
    body = b'{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":5000},"messages":[]}'
    quirks = quirks_of("anthropic", "anthropic_messages", "claude-opus-5-5")
    found, _ = switched(body, quirks, dialect="anthropic_messages", has=THINKS)
    assert json.loads(found)["thinking"] == {"type": "adaptive"}


def test_a_claude_that_cannot_think_is_not_asked_to() -> None:
    found, changes = to_claude("claude-haiku-4-5", PLAIN)
    assert "thinking" not in found
    assert "dropped:thinking" in changes


CHAT = {
    "model": "gpt-5.5",
    "messages": [{"role": "developer", "content": "be brief"}],
    "max_completion_tokens": 100,
    "reasoning_effort": "xhigh",
    "prompt_cache_key": "k",
    "verbosity": "low",
    "store": False,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("deepseek", {"max_tokens": 100, "reasoning_effort": "high"}),
        ("groq", {"max_tokens": 100, "reasoning_effort": "high", "seed": 1}),
        (
            "mistral_ai",
            {
                "max_tokens": 100,
                "reasoning_effort": "high",
                "random_seed": 1,
                "prompt_cache_key": "k",
            },
        ),
        ("minimax", {"max_tokens": 100}),
    ],
)
def test_bug_34_a_compatible_server_gets_the_form_it_knows(
    provider: str, expected: dict[str, object]
) -> None:
    quirks = quirks_of(provider, "openai_chat", "m")
    body, changes = switched(json.dumps(CHAT).encode(), quirks, dialect="openai_chat", has=THINKS)
    messages = [{"role": "system", "content": "be brief"}]
    assert json.loads(body) == {"model": "gpt-5.5", "messages": messages} | expected
    assert "developer_role" in changes
    assert "dropped:verbosity" in changes


RESULT = {"role": "tool", "tool_call_id": "c", "content": "1"}
USER = {"role": "user", "content": "stop"}
ANSWER = {"role": "assistant", "content": "I have read the results."}


def test_tokens_of_another_vocabulary_are_not_weighed() -> None:
    asked = {"model": "gpt-5.5", "messages": [], "logit_bias": {"1734": 5}}
    quirks = quirks_of("moonshot_ai", "openai_chat", "kimi-k2.6")
    body, changes = switched(json.dumps(asked).encode(), quirks, dialect="openai_chat", has=THINKS)
    assert "logit_bias" not in json.loads(body)
    assert "dropped:logit_bias" in changes


@pytest.mark.parametrize(
    ("provider", "messages", "sent"),
    [
        ("mistral_ai", [RESULT, RESULT, USER], [RESULT, RESULT, ANSWER, USER]),
        ("mistral_ai", [RESULT, USER, RESULT, USER], [RESULT, ANSWER, USER, RESULT, ANSWER, USER]),
        ("mistral_ai", [USER, USER, RESULT], [USER, USER, RESULT]),
        ("groq", [RESULT, USER], [RESULT, USER]),
    ],
)
def test_results_are_answered_where_a_server_insists_on_it(
    provider: str, messages: list[object], sent: list[object]
) -> None:
    quirks = quirks_of(provider, "openai_chat")
    body = json.dumps({"messages": messages}).encode()
    found, changes = reshaped(body, quirks, dialect="openai_chat", thinks=False)
    assert json.loads(found)["messages"] == sent
    assert ("answered_results" in changes) is (sent != messages)
    if sent == messages:
        assert found is body


KEPT = {"type": "enabled", "clear_thinking": False}


@pytest.mark.parametrize(
    ("said", "has", "expected"),
    [
        ({}, THINKS, KEPT),
        ({"thinking": {"type": "disabled"}}, THINKS, {"type": "disabled"}),
        ({}, PLAIN, None),
    ],
)
def test_z_ai_reads_the_reasoning_of_earlier_turns(
    said: dict[str, object], has: Capabilities, expected: object
) -> None:
    quirks = quirks_of("z_ai", "openai_chat", "glm-5.3")
    body, _ = switched(json.dumps(CHAT | said).encode(), quirks, dialect="openai_chat", has=has)
    assert json.loads(body).get("thinking") == expected


@pytest.mark.parametrize(
    ("choice", "expected", "told"),
    [
        ("required", "auto", True),
        ({"type": "function", "function": {"name": "f"}}, "auto", True),
        ("auto", "auto", False),
        ("none", "none", False),
    ],
)
def test_a_chat_server_that_takes_no_demands_is_left_the_choice(
    choice: object, expected: str, *, told: bool
) -> None:
    quirks = quirks_of("z_ai", "openai_chat", "glm-5.3")
    chat = json.dumps(CHAT | {"tool_choice": choice}).encode()
    body, changes = switched(chat, quirks, dialect="openai_chat", has=THINKS)
    assert json.loads(body)["tool_choice"] == expected
    assert ("tool_choice:auto" in changes) is told


def test_what_an_endpoint_refuses_is_never_sent_and_a_body_without_it_is_the_same() -> None:
    quirks = Quirks(refuses=("stream_options",), thinking_refuses=("temperature",))
    body = b'{"stream_options":{},"temperature":1}'
    assert reshaped(body, quirks, dialect="openai_chat", thinks=False) == (
        b'{"temperature":1}',
        ("dropped:stream_options",),
    )
    assert reshaped(body, quirks, dialect="openai_chat", thinks=True)[0] == b"{}"
    clean = b'{"model":"m"}'
    assert reshaped(clean, quirks, dialect="openai_chat", thinks=True)[0] is clean
