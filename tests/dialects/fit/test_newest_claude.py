"""What the newest Claude models refuse of thinking and tool choices is never sent to them."""

import itertools
import json
from typing import Any

import pytest

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities, Dialect
from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.reshape import switched
from turnout.simulator.anthropic_request import read_request

CATALOG = parse_catalog(snapshot_bytes())
THINKS = Capabilities(thinking=True, max_output_tokens=64_000)
HEADERS = {
    "x-api-key": "k",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "thinking-binding-controls-2026-08-01",
}
MODELS = (
    *("claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5"),
    *("claude-opus-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"),
    *("claude-fable-5", "claude-fable-5-1"),
)
SAYS_NOTHING: dict[str, Any] = {}
OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}
BETWEEN: dict[str, Any] = {"thinking": {"type": "between_tools"}}
ADAPTIVE: dict[str, Any] = {"thinking": {"type": "adaptive"}}
BUDGET: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 4_000}}
STRONG: dict[str, Any] = {"output_config": {"effort": "xhigh"}}
FORCED: dict[str, Any] = {"tool_choice": {"type": "tool", "name": "f"}}


def claude(**change: object) -> bytes:
    """Claude Code's form, with a tool."""
    tool = {"name": "f", "input_schema": {"type": "object"}}
    body = {
        "model": "claude-opus-5",
        "max_tokens": 9_000,
        "tools": [tool],
        "messages": [{"role": "user", "content": "hi"}],
    }
    return json.dumps(body | change).encode()


def chat(**change: object) -> bytes:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body = {"model": "gpt-5.5", "tools": [tool], "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps(body | change).encode()


def translated(body: bytes, model: str, *, of: Dialect) -> tuple[dict[str, Any], tuple[str, ...]]:
    fitted = fit(
        DIALECTS[of].decode_request(body, path="/"),
        to="anthropic_messages",
        quirks=quirks_of("anthropic", "anthropic_messages", model),
        has=THINKS,
    )
    encoded = DIALECTS["anthropic_messages"].encode_request(
        fitted.conversation, model=model, has=THINKS
    )
    found: dict[str, Any] = json.loads(encoded)
    return found, fitted.changes


def reshaped(body: bytes, model: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    quirks = quirks_of("anthropic", "anthropic_messages", model)
    sent, changes = switched(body, quirks, dialect="anthropic_messages", has=THINKS)
    found: dict[str, Any] = json.loads(sent)
    return found | {"model": model}, changes


def is_taken(body: dict[str, Any]) -> None:
    read_request(json.dumps(body).encode(), HEADERS, CATALOG)


@pytest.mark.parametrize("model", MODELS)
def test_every_wish_of_a_claude_client_is_taken_by_every_claude(model: str) -> None:
    wishes = (SAYS_NOTHING, OFF, BETWEEN, ADAPTIVE, BUDGET)
    for wish, effort, choice in itertools.product(
        wishes, (SAYS_NOTHING, STRONG), (SAYS_NOTHING, FORCED)
    ):
        body = claude(**wish, **effort, **choice)
        is_taken(reshaped(body, model)[0])
        is_taken(translated(body, model, of="anthropic_messages")[0])


@pytest.mark.parametrize("model", MODELS)
def test_every_wish_of_a_chat_client_is_taken_by_every_claude(model: str) -> None:
    efforts = (SAYS_NOTHING, {"reasoning_effort": "none"}, {"reasoning_effort": "xhigh"})
    for effort, choice in itertools.product(efforts, (SAYS_NOTHING, {"tool_choice": "required"})):
        is_taken(translated(chat(**effort, **choice), model, of="openai_chat")[0])


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "effort", "told"),
    [
        ("claude-opus-5-5", OFF, None, "low", "thinking"),
        ("claude-opus-5-5", OFF | STRONG, None, "xhigh", "thinking"),
        ("claude-opus-5-5", BETWEEN, None, "low", "thinking"),
        ("claude-sonnet-5-5", OFF, "between_tools", None, "thinking"),
        ("claude-sonnet-5-5", OFF | STRONG, "between_tools", "high", "thinking"),
        ("claude-sonnet-5-5", BETWEEN, "between_tools", None, None),
        ("claude-haiku-5-5", BETWEEN, "disabled", None, "thinking"),
        ("claude-haiku-5-5", OFF | STRONG, "disabled", "high", "thinking"),
        ("claude-sonnet-5", OFF | STRONG, "disabled", "xhigh", None),
        ("claude-sonnet-5", SAYS_NOTHING, None, None, None),
        ("claude-sonnet-5", FORCED, "disabled", None, "thinking:tool_choice"),
        ("claude-opus-4-8", FORCED, None, None, None),
    ],
)
def test_thinking_is_turned_off_as_the_model_knows_it(
    model: str,
    asked: dict[str, Any],
    thinking: str | None,
    effort: str | None,
    told: str | None,
) -> None:
    for found, changes in (
        reshaped(claude(**asked), model),
        translated(claude(**asked), model, of="anthropic_messages"),
    ):
        assert found.get("thinking") == (thinking and {"type": thinking})
        assert found.get("output_config") == (effort and {"effort": effort})
        assert changes == ((told,) if told else ())


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5"])
@pytest.mark.parametrize("kind", [{"type": "any"}, {"type": "tool", "name": "f"}])
def test_a_call_that_cannot_be_demanded_is_left_to_the_model(
    model: str, kind: dict[str, object]
) -> None:
    alone = {"disable_parallel_tool_use": True}
    body = claude(tool_choice=kind | alone)
    for found, changes in (
        reshaped(body, model),
        translated(body, model, of="anthropic_messages"),
    ):
        assert found["tool_choice"] == {"type": "auto"} | alone
        assert changes == ("tool_choice:auto",)


def test_a_choice_that_demands_nothing_stays() -> None:
    for kind in ("auto", "none"):
        found, changes = reshaped(claude(tool_choice={"type": kind}), "claude-opus-5-5")
        assert found["tool_choice"] == {"type": kind}
        assert changes == ()


def test_effort_does_not_change_on_the_way_where_only_notes_are_thought() -> None:
    later = {"role": "system", "content": "c", "output_config": {"effort": "low"}}
    body = claude(messages=[{"role": "user", "content": "hi"}, later], **OFF)
    found, _ = reshaped(body, "claude-sonnet-5-5")
    assert found["messages"][1] == {"role": "system", "content": "c"}


def test_thinking_between_calls_alone_is_none_to_other_vendors() -> None:
    asked = DIALECTS["anthropic_messages"].decode_request(claude(**BETWEEN), path="/")
    gpt = quirks_of("openai", "openai_chat", "gpt-5.5")
    fitted = fit(asked, to="openai_chat", quirks=gpt, has=THINKS)
    assert fitted.conversation.thinking.effort == "none"
    gemini = quirks_of("gcp.gemini", "gemini_generate", "gemini-2.5-flash")
    fitted = fit(asked, to="gemini_generate", quirks=gemini, has=THINKS)
    sent = DIALECTS["gemini_generate"].encode_request(
        fitted.conversation, model="gemini-2.5-flash", has=THINKS
    )
    assert json.loads(sent)["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 0
