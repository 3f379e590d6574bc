"""One row per harness: what it names, what is a fingerprint, and what its other requests are.

As measured on the harnesses' own requests; headers and bodies are cut to what tells something.
"""

import json
from dataclasses import dataclass, field

import pytest

from tests.policy.surveys import RESULT, survey
from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey
from turnout.policy.identity import identify
from turnout.policy.request import Harness, Identity, RequestClass, StepKind
from turnout.policy.steps import step_kind

CLAUDE = {
    "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
    "x-app": "cli",
    "x-claude-code-session-id": "S",
    "x-claude-code-prompt-id": "turn",
    "x-stainless-retry-count": "0",
}
CLAUDE_USER = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "S"})
CODEX = {
    "originator": "codex_exec",
    "session-id": "S",
    "thread-id": "T",
    "x-client-request-id": "T",
    "x-codex-window-id": "T:0",
}


def codex(
    thread: str = "T", *, window: int = 0, headers: dict[str, str] | None = None, **words: str
) -> dict[str, str]:
    said = {"session_id": "S", "thread_id": thread, "turn_id": "t2", "root_turn_id": "t1", **words}
    return {
        **CODEX,
        "thread-id": thread,
        "x-client-request-id": thread,
        "x-codex-window-id": f"{thread}:{window}",
        "x-codex-turn-metadata": json.dumps({"request_kind": "turn", **said}),
        **(headers or {}),
    }


CODEX_CHILD = codex(
    "C",
    headers={"x-openai-subagent": "collab_spawn", "x-codex-parent-thread-id": "T"},
    thread_source="subagent",
    subagent_kind="collab",
)
OPENCODE = {"user-agent": "opencode/1.18.33", "x-session-id": "S", "x-session-affinity": "S"}
OPENCODE_CHILD = {**OPENCODE, "x-session-id": "C", "x-parent-session-id": "S"}
COPILOT = {"x-initiator": "user", "x-interaction-type": "conversation-user"}
COPILOT_STEP = {"x-initiator": "agent", "x-interaction-type": "conversation-agent"}
COPILOT_CHILD = {"x-initiator": "agent", "x-interaction-type": "conversation-subagent"}
GEMINI = {"x-gemini-api-privileged-user-id": "installation"}
GEMINI_SILENT = {"user-agent": "GeminiCLI/0.61.0/gemini-3.8-flash (linux; x64; terminal)"}
SDK = {"x-stainless-lang": "python", "x-stainless-retry-count": "0"}

FINGERPRINT = "a fingerprint"
"""In the place of a name that the harness does not give."""


@dataclass(frozen=True)
class Row:
    name: str
    headers: dict[str, str]
    dialect: Dialect
    harness: Harness
    session: str = FINGERPRINT
    thread: str = FINGERPRINT
    is_subagent: bool = False
    user_turn: str = ""
    request_class: RequestClass = "main"
    step: StepKind = "user_input"
    body: Survey = field(default_factory=survey)


def subagent(**more: int) -> Survey:
    return survey(system="You are an agent", tools=more.get("tools", 9), messages=2)


ROWS = [
    Row("claude", CLAUDE, "anthropic_messages", "claude_code", "S", "main", user_turn="turn"),
    Row(
        "claude, the session in the body alone",
        {"user-agent": "claude-cli/2.1.197 (external, cli)"},
        "anthropic_messages",
        "claude_code",
        "S",
        "main",
        body=survey(user_field=CLAUDE_USER),
    ),
    Row(
        "claude, subagent",
        {**CLAUDE, "x-claude-code-agent-id": "A"},
        "anthropic_messages",
        "claude_code",
        "S",
        "A",
        is_subagent=True,
        user_turn="turn",
        request_class="subagent",
        step="subagent_start",
        body=subagent(),
    ),
    Row(
        "claude, subagent of a subagent",
        {**CLAUDE, "x-claude-code-agent-id": "B", "x-claude-code-parent-agent-id": "A"},
        "anthropic_messages",
        "claude_code",
        "S",
        "B",
        is_subagent=True,
        user_turn="turn",
        request_class="subagent",
        step="tool_continuation",
        body=survey(outcomes=(RESULT,), messages=4),
    ),
    Row("codex", codex(), "openai_responses", "codex", "S", "T", user_turn="t1"),
    Row(
        "codex, after a compaction",
        codex(window=1),
        "openai_responses",
        "codex",
        "S",
        "T",
        user_turn="t1",
    ),
    Row(
        "codex, a window alone",
        {"x-codex-window-id": "T:3", "session-id": "S"},
        "openai_responses",
        "codex",
        "S",
        "T",
    ),
    Row(
        "codex, its headers without metadata",
        {"originator": "codex_exec", "session-id": "S", "x-client-request-id": "T"},
        "openai_responses",
        "codex",
        "S",
        "T",
    ),
    Row(
        "codex, a turn without a root",
        {"x-codex-turn-metadata": '{"session_id":"S","thread_id":"T","turn_id":"t2"}'},
        "openai_responses",
        "codex",
        "S",
        "T",
        user_turn="t2",
    ),
    Row(
        "codex, subagent",
        CODEX_CHILD,
        "openai_responses",
        "codex",
        "S",
        "C",
        is_subagent=True,
        user_turn="t1",
        request_class="subagent",
        step="subagent_start",
        body=subagent(),
    ),
    Row(
        "codex, compaction",
        codex(request_kind="compaction"),
        "openai_responses",
        "codex",
        "S",
        "T",
        user_turn="t1",
        request_class="compaction",
        step="compaction",
    ),
    Row(
        "codex, a turn that nobody typed",
        codex(turn_trigger="tool"),
        "openai_responses",
        "codex",
        "S",
        "T",
        user_turn="t1",
        step="tool_continuation",
        body=survey(outcomes=(RESULT,), messages=7),
    ),
    Row("opencode", OPENCODE, "anthropic_messages", "opencode", "S", "S"),
    Row("opencode, one header", {"x-session-affinity": "S"}, "openai_chat", "opencode", "S", "S"),
    Row(
        "opencode over openai",
        {**OPENCODE, "session-id": "S"},
        "openai_responses",
        "opencode",
        "S",
        "S",
        body=survey(prompt_cache_key="S"),
    ),
    Row(
        "opencode, subagent",
        OPENCODE_CHILD,
        "openai_chat",
        "opencode",
        "S",
        "C",
        is_subagent=True,
        request_class="subagent",
        step="subagent_start",
        body=subagent(),
    ),
    Row("copilot", COPILOT, "openai_chat", "copilot"),
    Row(
        "copilot over responses",
        COPILOT_STEP,
        "openai_responses",
        "copilot",
        "K",
        step="tool_continuation",
        body=survey(prompt_cache_key="K", outcomes=(RESULT,), messages=3),
    ),
    Row(
        "copilot, subagent",
        COPILOT_CHILD,
        "openai_responses",
        "copilot",
        "K",
        is_subagent=True,
        request_class="subagent",
        step="subagent_start",
        body=survey(prompt_cache_key="K", system="You are an agent", messages=2),
    ),
    Row(
        "qwen over responses",
        {"user-agent": "QwenCode/0.24.4 (linux; x64)"},
        "openai_responses",
        "qwen_code",
        "qwen-code:u",
        body=survey(prompt_cache_key="qwen-code:u"),
    ),
    Row(
        "qwen over anthropic",
        {"user-agent": "claude-cli/0.24.4 (external, cli)"},
        "anthropic_messages",
        "qwen_code",
    ),
    Row("qwen over chat", {"user-agent": "QwenCode/0.24.4"}, "openai_chat", "qwen_code"),
    Row(
        "pi over responses",
        {"session_id": "S"},
        "openai_responses",
        "pi",
        "S",
        "S",
        body=survey(prompt_cache_key="S", tools=4),
    ),
    Row("gemini", GEMINI, "gemini_generate", "gemini_cli"),
    Row("gemini, statistics off", GEMINI_SILENT, "gemini_generate", "gemini_cli"),
    Row("cline", {"user-agent": "ai-sdk/anthropic/3.0"}, "anthropic_messages", "cline"),
    Row("aider", {"user-agent": "litellm/1.81.10"}, "openai_chat", "aider", body=survey(tools=0)),
    Row("anthropic's sdk", SDK, "anthropic_messages", "anthropic_sdk"),
    Row("openai's sdk", SDK, "openai_chat", "openai_sdk", body=survey(tools=0)),
    Row(
        "crush",
        {"user-agent": "Charm-Crush/1", "x-session-id": "S", "x-session-affinity": "S"},
        "openai_chat",
        "unknown",
        "S",
    ),
    Row("anybody", {"user-agent": "curl/8"}, "openai_chat", "unknown"),
]


def who(row: Row, body: Survey | None = None, headers: dict[str, str] | None = None) -> Identity:
    return identify(
        {**row.headers, **(headers or {})},
        body or row.body,
        dialect=row.dialect,
        principal="P",
        tenant="T",
        path="",
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_harness_names(row: Row) -> None:
    found = who(row)
    assert found.harness == row.harness
    assert found.is_explicit == (row.thread != FINGERPRINT)
    if row.thread != FINGERPRINT:
        assert found.thread == row.thread
    if row.session != FINGERPRINT:
        assert found.session == row.session
    assert (found.is_subagent, found.request_class) == (row.is_subagent, row.request_class)
    assert found.user_turn == row.user_turn
    assert step_kind(row.headers, row.body, found, path="") == row.step


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("count", ["0", "1", "2"])
def test_a_retry_is_told_by_no_header(row: Row, count: str) -> None:
    """Most harnesses send 0 whatever they do, so whoever counts must be the same thread as well."""
    assert who(row, headers={"x-stainless-retry-count": count}) == who(row)


NAMELESS = [row for row in ROWS if row.thread == FINGERPRINT]


@pytest.mark.parametrize("row", NAMELESS, ids=lambda row: row.name)
def test_a_fingerprint_alone_keeps_subagents_apart(row: Row) -> None:
    """Their system prompt, their tools or their task differ; the cache key that they send does not."""
    key = row.body.prompt_cache_key
    main = survey(prompt_cache_key=key)
    others = [
        survey(prompt_cache_key=key, system="You are an agent"),
        survey(prompt_cache_key=key, tools=7),
        survey(prompt_cache_key=key, first_typed_text="a subtask", text="a subtask"),
    ]
    keys = {who(row, body).thread_key for body in (main, *others)}
    assert len(keys) == 1 + len(others)
    grown = survey(prompt_cache_key=key, first_typed_text="fix the bug", text="more", messages=9)
    assert who(row, grown).thread_key == who(row, main).thread_key


@pytest.mark.parametrize(
    ("name", "body", "headers", "step"),
    [
        ("claude", survey(tools=0, has_output_format=True), {}, "title"),
        ("claude", survey(tools=0, system="other"), {}, "title"),
        ("claude", survey(tools=1, server_tools=("web_search_20250305",)), {}, "user_input"),
        ("claude", survey(tools=0, stop_sequences=("</block>",)), {}, "classification"),
        ("claude", survey(tools=9, stop_sequences=("</block>",)), {}, "classification"),
        ("claude", survey(), {"x-claude-code-request-class": "auxiliary"}, "user_input"),
        ("codex", survey(), codex(request_kind="prewarm"), "probe"),
        ("opencode", survey(tools=0), {}, "title"),
        # The question how hard the task is, in front of every turn: flash-lite, with a schema.
        ("gemini", survey(tools=0, has_output_format=True), {}, "classification"),
        ("gemini, statistics off", survey(tools=0, has_output_format=True), {}, "classification"),
    ],
)
def test_what_a_harness_asks_beside_its_thread_never_moves_it(
    name: str, body: Survey, headers: dict[str, str], step: StepKind
) -> None:
    row = next(row for row in ROWS if row.name == name)
    beside = who(row, body, headers)
    assert beside.request_class == "auxiliary"
    assert beside.thread_key != who(row).thread_key
    assert step_kind({**row.headers, **headers}, body, beside, path="") == step
