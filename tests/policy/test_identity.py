import json
from collections.abc import Mapping

import pytest

from tests.policy.surveys import survey
from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey
from turnout.policy.identity import head_scope, identify, principal_of
from turnout.policy.request import Harness, Identity, RequestClass

CLAUDE_AGENT = "claude-cli/2.1.330 (external, sdk-cli)"
CLAUDE = {"user-agent": CLAUDE_AGENT, "x-app": "cli", "x-claude-code-session-id": "S"}
CODEX_TURN = json.dumps({"turn_id": "T2", "root_turn_id": "T", "request_kind": "turn"})
CODEX = {"session-id": "S", "thread-id": "S", "x-codex-turn-metadata": CODEX_TURN}
CODEX_CHILD = {
    **CODEX,
    "thread-id": "C",
    "x-openai-subagent": "collab_spawn",
    "x-codex-parent-thread-id": "S",
}
GEMINI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.8-flash (linux; x64; terminal)"}
PI = {"user-agent": "pi (linux 6.18.44; x64)"}
AIDER_BY_SDK = {
    "user-agent": "OpenAI/Python 2.20.0",
    "x-stainless-lang": "python",
    "x-stainless-raw-response": "true",
}
OPENCODE = {"x-session-id": "S", "x-session-affinity": "S", "user-agent": "opencode/1.18.33"}
OPENCODE_CHILD = {**OPENCODE, "x-session-id": "C", "x-parent-session-id": "S"}


def who(
    headers: Mapping[str, str],
    body: Survey | None = None,
    *,
    dialect: Dialect = "anthropic_messages",
    principal: str = "P",
    path: str = "/v1/messages",
) -> Identity:
    body = body or survey()
    return identify(headers, body, dialect=dialect, principal=principal, tenant="T", path=path)


@pytest.mark.parametrize(
    ("headers", "body", "dialect", "harness"),
    [
        (CLAUDE, survey(), "anthropic_messages", "claude_code"),
        (
            {"user-agent": CLAUDE_AGENT},
            survey(user_field='{"device_id":"d","session_id":"S"}'),
            "anthropic_messages",
            "claude_code",
        ),
        (
            {},
            survey(user_field="user_0f_account__session_S"),
            "anthropic_messages",
            "claude_code",
        ),
        ({"user-agent": "claude-cli/0.24.4"}, survey(), "anthropic_messages", "qwen_code"),
        ({}, survey(prompt_cache_key="qwen-code:u"), "openai_responses", "qwen_code"),
        (CODEX, survey(), "openai_responses", "codex"),
        ({"x-codex-window-id": "S:1"}, survey(), "openai_responses", "codex"),
        (OPENCODE, survey(), "openai_chat", "opencode"),
        ({**OPENCODE, "user-agent": "Charm-Crush/1"}, survey(), "openai_chat", "unknown"),
        ({"x-initiator": "user"}, survey(), "openai_chat", "copilot"),
        ({"x-gemini-api-privileged-user-id": "i"}, survey(), "gemini_generate", "gemini_cli"),
        ({"session_id": "S"}, survey(prompt_cache_key="S"), "openai_responses", "pi"),
        ({"user-agent": "ai-sdk/openai/1"}, survey(tools=7), "openai_chat", "cline"),
        (GEMINI, survey(tools=15), "gemini_generate", "gemini_cli"),
        (GEMINI, survey(tools=15), "openai_chat", "unknown"),
        (PI, survey(tools=4), "openai_chat", "pi"),
        (PI | {"x-stainless-lang": "js"}, survey(tools=0), "anthropic_messages", "pi"),
        (PI, survey(tools=0), "openai_chat", "unknown"),
        (AIDER_BY_SDK, survey(tools=0, stream=True), "openai_chat", "aider"),
        (AIDER_BY_SDK, survey(tools=2, stream=True), "openai_chat", "openai_sdk"),
        ({"user-agent": "ai-sdk/openai/1"}, survey(tools=0), "openai_chat", "unknown"),
        ({"user-agent": "litellm/1.81"}, survey(tools=0), "openai_chat", "aider"),
        ({"x-stainless-lang": "python"}, survey(), "anthropic_messages", "anthropic_sdk"),
        ({"x-stainless-lang": "python"}, survey(), "openai_chat", "openai_sdk"),
        ({"user-agent": "curl/8"}, survey(), "openai_chat", "unknown"),
        ({}, survey(user_field="a user of mine"), "openai_chat", "unknown"),
        ({}, survey(user_field="{not json"), "anthropic_messages", "unknown"),
        ({}, survey(user_field="[1]"), "anthropic_messages", "unknown"),
    ],
)
def test_the_harness_follows_from_headers_and_shape(
    headers: dict[str, str], body: Survey, dialect: Dialect, harness: Harness
) -> None:
    assert who(headers, body, dialect=dialect).harness == harness


def test_claude_code_names_session_agent_and_turn() -> None:
    main = who({**CLAUDE, "x-claude-code-prompt-id": "turn"})
    assert (main.session, main.thread, main.user_turn) == ("S", "main", "turn")
    assert main.is_explicit
    assert not main.is_subagent
    assert main.request_class == "main"

    agent = who({**CLAUDE, "x-claude-code-agent-id": "A"})
    assert (agent.session, agent.thread, agent.is_subagent) == ("S", "A", True)
    assert agent.request_class == "subagent"
    assert agent.thread_key != main.thread_key


def test_a_name_too_long_for_an_outcome_is_known_by_its_digest() -> None:
    def named(session: str) -> Identity:
        longs = {"x-claude-code-agent-id": "a" * 20_000, "x-claude-code-prompt-id": "t" * 20_000}
        return who({**CLAUDE, **longs, "x-claude-code-session-id": session})

    told = named("s" * 20_000)
    assert {len(told.session), len(told.thread), len(told.user_turn)} == {32}
    assert told.is_explicit
    assert told.harness == "claude_code"
    assert named("s" * 20_000) == told
    assert named("s" * 20_001).session != told.session
    assert named("s" * 200).session == "s" * 200


def test_the_session_in_the_body_is_the_one_in_the_header() -> None:
    body = survey(user_field=json.dumps({"device_id": "d", "account_uuid": "", "session_id": "S"}))
    assert who({}, body).thread_key == who(CLAUDE).thread_key


def test_codex_names_session_and_thread() -> None:
    main = who(CODEX, dialect="openai_responses")
    child = who(CODEX_CHILD, dialect="openai_responses")
    assert (main.session, main.thread, main.is_subagent) == ("S", "S", False)
    assert (child.session, child.thread, child.is_subagent) == ("S", "C", True)
    assert main.user_turn == "T"


def test_codex_metadata_alone_is_enough_and_garbage_is_ignored() -> None:
    words = {"session_id": "S", "thread_id": "C", "thread_source": "subagent"}
    told = who({"x-codex-turn-metadata": json.dumps(words)}, dialect="openai_responses")
    assert (told.session, told.thread, told.is_subagent) == ("S", "C", True)
    garbage = who({**CODEX, "x-codex-turn-metadata": "{"}, dialect="openai_responses")
    assert (garbage.session, garbage.thread) == ("S", "S")


def test_opencode_subagents_belong_to_their_parents_session() -> None:
    main, child = who(OPENCODE, dialect="openai_chat"), who(OPENCODE_CHILD, dialect="openai_chat")
    assert (main.session, main.thread, main.is_subagent) == ("S", "S", False)
    assert (child.session, child.thread, child.is_subagent) == ("S", "C", True)


def test_a_prompt_cache_key_is_no_thread() -> None:
    key = "qwen-code:u"
    main = who({}, survey(prompt_cache_key=key), dialect="openai_responses")
    child = who({}, survey(prompt_cache_key=key, system="subagent"), dialect="openai_responses")
    assert main.session == child.session == key
    assert main.thread_key != child.thread_key
    assert not main.is_explicit


@pytest.mark.parametrize(
    "other",
    [
        survey(system="another"),
        survey(tools=3),
        survey(first_typed_text="another task"),
    ],
)
def test_a_fingerprint_tells_threads_apart(other: Survey) -> None:
    sdk = {"x-stainless-lang": "python"}
    assert who(sdk).thread_key != who(sdk, other).thread_key


def test_a_fingerprint_stays_the_same_as_the_thread_grows() -> None:
    first = who({}, survey(text="fix the bug"))
    later = who({}, survey(text="now the tests", first_typed_text="fix the bug", messages=9))
    assert first.thread_key == later.thread_key
    assert not first.is_explicit


def test_parts_of_a_fingerprint_do_not_run_together() -> None:
    one = who({}, survey(system="ab", first_typed_text="c"))
    other = who({}, survey(system="a", first_typed_text="bc"))
    assert one.thread_key != other.thread_key


def test_a_lone_surrogate_is_no_fault() -> None:
    assert who({}, survey(first_typed_text="\ud800")).thread_key


def test_principals_never_share_a_thread() -> None:
    assert who(CLAUDE, principal="P").thread_key != who(CLAUDE, principal="Q").thread_key
    assert who({}, principal="P").thread_key != who({}, principal="Q").thread_key
    assert who({}, principal="P").session != who({}, principal="Q").session


def test_programs_that_begin_alike_never_share_a_thread() -> None:
    """One client is one harness and speaks one dialect, whatever it says."""
    sdk, pi = {"x-stainless-lang": "python"}, {"user-agent": "pi (linux)"}
    keys = {
        who(headers, dialect=dialect).thread_key
        for headers in (sdk, pi)
        for dialect in ("anthropic_messages", "openai_chat")
    }
    assert len(keys) == 4


SEARCH = survey(tools=1, server_tools=("web_search_20250305",))
TITLE = survey(tools=0, has_output_format=True)
CLASSIFIER = survey(
    tools=0, stop_sequences=("</block>",), text="<transcript>", first_typed_text="<transcript>"
)
QUOTA = survey(tools=0, max_output_tokens=1, text="quota")


@pytest.mark.parametrize("body", [SEARCH, TITLE, CLASSIFIER, QUOTA])
def test_auxiliary_requests_never_have_the_main_threads_key(body: Survey) -> None:
    auxiliary = who(CLAUDE, body)
    assert auxiliary.request_class == "auxiliary"
    assert auxiliary.session == "S"
    assert auxiliary.thread_key != who(CLAUDE).thread_key
    assert not auxiliary.is_subagent


def test_classifiers_with_one_head_share_a_thread_of_their_own() -> None:
    assert who(CLAUDE, CLASSIFIER).thread_key == who(CLAUDE, CLASSIFIER).thread_key
    assert who(CLAUDE, CLASSIFIER).thread_key != who(CLAUDE, SEARCH).thread_key


def test_what_binds_a_request_is_no_search() -> None:
    assert who(CLAUDE, survey(tools=1, server_tools=("document",))).request_class == "main"


def test_token_counts_are_auxiliary() -> None:
    count = who(CLAUDE, path="/v1/messages/count_tokens")
    assert count.request_class == "auxiliary"
    assert count.thread_key != who(CLAUDE).thread_key


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-claude-code-request-class": "main"}, "main"),
        ({"x-claude-code-request-class": "subagent"}, "subagent"),
        ({"x-claude-code-request-class": "workflow"}, "subagent"),
        ({"x-claude-code-request-class": "compaction"}, "compaction"),
        ({"x-claude-code-request-class": "auxiliary"}, "auxiliary"),
        ({"x-claude-code-request-class": "side_reply"}, "auxiliary"),
        ({"x-claude-code-request-class": "a new word"}, "main"),
        ({"x-claude-code-compaction": "manual"}, "compaction"),
        ({"x-claude-1p-request-class": "summary-extraction"}, "auxiliary"),
        ({"x-claude-1p-request-class": "followup-generation"}, "auxiliary"),
        ({"x-claude-1p-request-class": "background-task"}, "main"),
        ({"x-claude-1p-request-class": "blocking-subagent"}, "subagent"),
        ({"x-claude-code-agent-id": "A", "x-claude-1p-request-class": "main"}, "subagent"),
        (
            {"x-claude-code-agent-id": "A", "x-claude-1p-request-class": "background-task"},
            "subagent",
        ),
        ({}, "main"),
    ],
)
def test_hint_headers_come_first(headers: dict[str, str], expected: RequestClass) -> None:
    assert who({**CLAUDE, **headers}).request_class == expected


def test_a_hint_overrules_the_shape() -> None:
    hinted = {**CLAUDE, "x-claude-code-request-class": "main"}
    assert who(hinted, survey(tools=0)).request_class == "main"
    assert who(hinted, survey(tools=0)).thread_key == who(CLAUDE).thread_key


def test_compaction_stays_in_its_thread() -> None:
    text = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."
    compaction = who(CLAUDE, survey(text=text, messages=40))
    assert compaction.request_class == "compaction"
    assert compaction.thread_key == who(CLAUDE).thread_key
    codex = who(
        CODEX,
        survey(text="You are performing a CONTEXT CHECKPOINT COMPACTION.", tools=0),
        dialect="openai_responses",
    )
    assert codex.request_class == "compaction"
    assert codex.thread_key == who(CODEX, dialect="openai_responses").thread_key


def test_a_user_who_quotes_the_marker_compacts_nothing() -> None:
    text = "why does it say 'CRITICAL: Respond with TEXT ONLY' in the log?"
    assert who(CLAUDE, survey(text=text)).request_class == "main"


@pytest.mark.parametrize("headers", [{}, {"x-stainless-lang": "python"}])
def test_programs_without_tools_have_a_main_thread(headers: dict[str, str]) -> None:
    assert who(headers, survey(tools=0)).request_class == "main"
    assert who(headers, survey(tools=0, has_output_format=True)).request_class == "main"
    assert who(headers, SEARCH).request_class == "main"


def test_a_principal_is_no_key() -> None:
    key = "sk-ant-secret"
    assert key not in principal_of(key)
    assert principal_of(key) == principal_of(key)
    assert principal_of(key) != principal_of(key + "x")


def test_heads_belong_to_the_account_that_pays() -> None:
    assert head_scope("P", "client", "anthropic", "h") != head_scope(
        "Q", "client", "anthropic", "h"
    )
    assert head_scope("P", "env", "anthropic", "h") == head_scope("Q", "env", "anthropic", "h")
    scopes = {
        head_scope("P", "client", "anthropic", "h"),
        head_scope("P", "env", "anthropic", "h"),
        head_scope("P", "env", "openai", "h"),
        head_scope("P", "env", "openai", "i"),
    }
    assert len(scopes) == 4
