import json

import pytest

from tests.policy.surveys import RESULT, survey
from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey
from turnout.policy.identity import identify
from turnout.policy.request import StepKind
from turnout.policy.steps import step_kind

CLAUDE = {"x-claude-code-session-id": "S"}
CLAUDE_CHILD = {**CLAUDE, "x-claude-code-agent-id": "A"}
CODEX = {"session-id": "S", "thread-id": "S", "x-codex-window-id": "S:0"}
CODEX_CHILD = {**CODEX, "thread-id": "C", "x-openai-subagent": "collab_spawn"}
OPENCODE = {"x-session-id": "S", "x-session-affinity": "S"}
COPILOT_CHILD = {"x-interaction-type": "conversation-subagent"}
GEMINI = {"x-gemini-api-privileged-user-id": "i"}


def codex_kind(kind: str) -> dict[str, str]:
    return {**CODEX, "x-codex-turn-metadata": json.dumps({"request_kind": kind})}


def kind_of(
    headers: dict[str, str], body: Survey, *, dialect: Dialect, path: str = "/v1/messages"
) -> StepKind:
    identity = identify(headers, body, dialect=dialect, principal="P", tenant="T", path=path)
    return step_kind(headers, body, identity, path=path)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (CLAUDE, survey(), "user_input"),
        (CLAUDE, survey(outcomes=(RESULT,), messages=3), "tool_continuation"),
        (CLAUDE, survey(messages=9, tool_result_count=3), "user_input"),
        (CLAUDE_CHILD, survey(messages=2), "subagent_start"),
        (CLAUDE_CHILD, survey(messages=4, outcomes=(RESULT,)), "tool_continuation"),
        (CLAUDE_CHILD, survey(messages=9, tool_result_count=3), "user_input"),
        (COPILOT_CHILD, survey(messages=2), "subagent_start"),
        (CLAUDE, survey(text="CRITICAL: Respond with TEXT ONLY. Now."), "compaction"),
        (
            {**CLAUDE, "x-claude-code-request-class": "compaction"},
            survey(outcomes=(RESULT,)),
            "compaction",
        ),
        (CLAUDE, survey(tools=0, has_output_format=True), "title"),
        (OPENCODE, survey(tools=0), "title"),
        ({**CLAUDE, "x-claude-1p-request-class": "summary-extraction"}, survey(tools=0), "title"),
        (CLAUDE, survey(tools=0, stop_sequences=("</block>",)), "classification"),
        (GEMINI, survey(tools=0, has_output_format=True), "classification"),
        (CLAUDE, survey(tools=1, server_tools=("web_search_20250305",)), "user_input"),
        (CLAUDE, survey(tools=0, max_output_tokens=1), "probe"),
        ({}, survey(tools=0, max_output_tokens=1), "probe"),
        ({}, survey(tools=0, max_output_tokens=16, text=" Hi "), "probe"),
        ({}, survey(tools=0, max_output_tokens=4_096, text="hi"), "user_input"),
        ({}, survey(tools=0, max_output_tokens=None, text="hi"), "user_input"),
        ({}, survey(max_output_tokens=1), "user_input"),
    ],
)
def test_what_a_request_is_for(headers: dict[str, str], body: Survey, expected: StepKind) -> None:
    assert kind_of(headers, body, dialect="anthropic_messages") == expected


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (codex_kind("turn"), survey(messages=4), "user_input"),
        (codex_kind("compaction"), survey(messages=40), "compaction"),
        (codex_kind("prewarm"), survey(messages=4), "probe"),
        (CODEX_CHILD, survey(messages=4), "subagent_start"),
        ({**CODEX, "x-openai-subagent": "compact"}, survey(messages=40), "compaction"),
        (CODEX, survey(tools=0, text="You do a CONTEXT CHECKPOINT COMPACTION"), "compaction"),
    ],
)
def test_codex_says_what_its_requests_are_for(
    headers: dict[str, str], body: Survey, expected: StepKind
) -> None:
    assert kind_of(headers, body, dialect="openai_responses", path="/v1/responses") == expected


@pytest.mark.parametrize(
    "path", ["/v1/messages/count_tokens", "/v1beta/models/gemini-3.8-flash:countTokens"]
)
def test_a_token_count_is_told_by_its_path(path: str) -> None:
    assert kind_of(CLAUDE, survey(), dialect="anthropic_messages", path=path) == "token_count"
