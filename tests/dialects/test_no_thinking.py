"""Who wants no thinking, in any dialect, gets none of chat servers with a switch of their own for it."""

import json
from typing import Any

import pytest

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.reshape import reshaped, switched

THINKS = Capabilities(thinking=True, max_output_tokens=64_000)
DISABLED: dict[str, object] = {"thinking": {"type": "disabled"}}
SAID = ("reasoning_effort", "thinking", "enable_thinking")

OFF: dict[Dialect, dict[str, object]] = {
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 900,
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": "hi"}],
    },
    "openai_responses": {"model": "m", "reasoning": {"effort": "none"}, "input": "hi"},
    "gemini_generate": {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
    },
}

MODELS: list[tuple[str, str, dict[str, object]]] = [
    ("z_ai", "glm-5.2", DISABLED),
    ("z_ai", "glm-4.7", DISABLED),
    # These always think: the least there is.
    ("z_ai", "glm-5.3-flash", {"reasoning_effort": "low"}),
    ("deepseek", "deepseek-v4-pro", DISABLED),
    ("deepseek", "deepseek-reasoner", {"reasoning_effort": "low"}),
    ("moonshot_ai", "kimi-k2.6", DISABLED),
    ("moonshot_ai", "kimi-k2.7-code", {}),
    ("moonshot_ai", "kimi-k3", {"reasoning_effort": "low"}),
    ("minimax", "MiniMax-M3", DISABLED),
    ("minimax", "MiniMax-M2.5", {}),
    ("alibaba", "qwen3.8-max", {"enable_thinking": False}),
    ("alibaba", "qwen3-vl-32b-thinking", {}),
    ("mistral_ai", "mistral-medium", {"reasoning_effort": "none"}),
]


def thinking_of(body: bytes) -> dict[str, object]:
    """Without what Z.ai is told whenever it thinks."""
    found: dict[str, Any] = json.loads(body)
    said = {name: found[name] for name in SAID if name in found}
    if said.get("thinking") == {"type": "enabled", "clear_thinking": False}:
        del said["thinking"]
    return said


@pytest.mark.parametrize("of", OFF)
@pytest.mark.parametrize(("provider", "model", "expected"), MODELS)
def test_of_another_dialect(
    of: Dialect, provider: str, model: str, expected: dict[str, object]
) -> None:
    quirks = quirks_of(provider, "openai_chat", model)
    path = "/v1beta/models/m:generateContent" if of == "gemini_generate" else "/"
    told = DIALECTS[of].decode_request(json.dumps(OFF[of]).encode(), path=path)
    fitted = fit(told, to="openai_chat", quirks=quirks, has=THINKS)
    encoded = DIALECTS["openai_chat"].encode_request(fitted.conversation, model=model, has=THINKS)
    body, changes = reshaped(encoded, quirks, dialect="openai_chat", thinks=True)
    assert thinking_of(body) == expected
    assert changes == ()


@pytest.mark.parametrize(("provider", "model", "expected"), MODELS)
def test_on_a_switch_within_chat(provider: str, model: str, expected: dict[str, object]) -> None:
    quirks = quirks_of(provider, "openai_chat", model)
    chat: dict[str, object] = {"model": "m", "reasoning_effort": "none", "messages": []}
    body, changes = switched(json.dumps(chat).encode(), quirks, dialect="openai_chat", has=THINKS)
    assert thinking_of(body) == expected
    told = {"low": ("effort",)}.get(str(expected.get("reasoning_effort")), ())
    assert changes == (told if expected else ("dropped:effort",))


@pytest.mark.parametrize(
    ("provider", "model", "word", "expected"),
    [
        ("moonshot_ai", "kimi-k2.6", "high", {}),
        ("moonshot_ai", "kimi-k3", "xhigh", {"reasoning_effort": "high"}),
        ("alibaba", "qwen3.8-max", "low", {}),
        ("deepseek", "deepseek-v4-pro", "minimal", {"reasoning_effort": "low"}),
        ("mistral_ai", "mistral-medium", "low", {"reasoning_effort": "high"}),
    ],
)
def test_a_little_thinking_is_not_none(
    provider: str, model: str, word: str, expected: dict[str, object]
) -> None:
    quirks = quirks_of(provider, "openai_chat", model)
    chat: dict[str, object] = {"model": "m", "reasoning_effort": word, "messages": []}
    body, _ = switched(json.dumps(chat).encode(), quirks, dialect="openai_chat", has=THINKS)
    assert thinking_of(body) == expected
