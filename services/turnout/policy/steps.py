"""What a request is for, told from headers and shape.

Rules: the harness's own word (a hint header, turn metadata) comes before the shape of the body; the
shape of the body comes before its text. Only fixed sentences that harnesses themselves write are
looked for in a text, only at its beginning, and only where that harness sends them: a user who quotes
one must not set it off. A harness that is not known asks for work until its request's shape says
otherwise.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.bonds import NAMES
from turnout.dialects.survey import Survey
from turnout.policy.request import Harness, Identity, StepKind

HintedClass: TypeAlias = Literal["main", "subagent", "compaction", "auxiliary", ""]

_CLAUDE_CLASS: Final[Mapping[str, HintedClass]] = {
    "main": "main",
    "subagent": "subagent",
    "workflow": "subagent",
    "compaction": "compaction",
    "auxiliary": "auxiliary",
    "side_reply": "auxiliary",
}
_CLAUDE_1P_CLASS: Final[Mapping[str, HintedClass]] = {
    "main": "main",
    "blocking-subagent": "subagent",
    "summary-extraction": "auxiliary",
    "followup-generation": "auxiliary",
}

_CLAUDE_1P_TITLES: Final = frozenset({"summary-extraction", "followup-generation"})
"""Short texts that are shown beside the thread; asked for with its whole prompt, tools included."""

CLAUDE_COMPACTION: Final = "CRITICAL: Respond with TEXT ONLY"
CODEX_COMPACTION: Final = "CONTEXT CHECKPOINT COMPACTION"
HEAD_CHARACTERS: Final = 120
"""Some harnesses write half a sentence before their marker; a quotation stands further down."""

AsideKind: TypeAlias = Literal["compaction", "title", "classification"]

_FORKED: Final[Mapping[Harness, Mapping[str, AsideKind]]] = {
    "claude_code": {
        "[SUGGESTION MODE": "title",
        "Describe your most recent action in 3-5 words": "title",
    },
}
"""How texts begin that a harness puts behind a thread's whole prompt, tools included; like those of
Claude Code below after public captures of its requests.
"""

_ALONE: Final[Mapping[Harness, Mapping[str, AsideKind]]] = {
    "claude_code": {
        # Older versions ask for the summary without tools.
        "Your task is to create a detailed summary of the conversation": "compaction",
        "<policy_spec>": "classification",
        "<transcript>": "classification",
    },
    "opencode": {
        "Generate a title for this conversation": "title",
        "Summarize the above conversation": "title",
        "Provide a detailed prompt for continuing our conversation": "compaction",
        "Provide a detailed summary for continuing our conversation": "compaction",
    },
}
"""How texts begin in requests that offer no tools; opencode's after its source (session/prompt.ts,
session/compaction.ts).
"""

GEMINI_SNAPSHOT: Final = "<state_snapshot>"
"""In every order to compress a chat of Gemini CLI and of Qwen Code, which is made of it."""
_OF_GEMINI: Final[frozenset[Harness]] = frozenset({"gemini_cli", "qwen_code"})
GEMINI_REPORT: Final = "complete_task"
"""The tool by which a subagent of Gemini CLI ends; its main loop has none of this name."""

CLASSIFIER_STOP: Final = "</block>"
PING_TEXTS: Final = frozenset({"quota", "hi", "ping"})
PING_OUTPUT_TOKENS: Final = 32
"""A real greeting leaves room for an answer; the pings that were seen ask for 1 to 32 tokens."""
FIRST_STEP_MESSAGES: Final = 8
"""Codex opens a thread of its newer models with up to seven items (tools, developer four times,
context, task), others with fewer. With more messages than this an answer is among them."""


class CodexTurn(msgspec.Struct):
    """The part of Codex's `x-codex-turn-metadata` that tells something."""

    session_id: str = ""
    thread_id: str = ""
    turn_id: str = ""
    root_turn_id: str = ""
    request_kind: str = ""
    thread_source: str = ""


_CODEX_TURN: Final = msgspec.json.Decoder(CodexTurn)
_NO_TURN: Final = CodexTurn()


def codex_turn(headers: Mapping[str, str]) -> CodexTurn:
    """Codex's words on the turn; all empty when there are none or they cannot be read."""
    text = headers.get("x-codex-turn-metadata")
    if not text:
        return _NO_TURN
    try:
        return _CODEX_TURN.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _NO_TURN


def hinted_class(headers: Mapping[str, str], turn: CodexTurn) -> HintedClass:
    """The request class as the harness itself says it, "" when it says none."""
    hint: HintedClass = _CLAUDE_CLASS.get(headers.get("x-claude-code-request-class", ""), "")
    if hint:
        return hint
    if "x-claude-code-compaction" in headers:
        return "compaction"
    hint = _CLAUDE_1P_CLASS.get(headers.get("x-claude-1p-request-class", ""), "")
    if hint:
        return hint
    if turn.request_kind == "compaction" or headers.get("x-openai-subagent") == "compact":
        return "compaction"
    return "auxiliary" if turn.request_kind == "prewarm" or is_guardian(headers, turn) else ""


def is_guardian(headers: Mapping[str, str], turn: CodexTurn) -> bool:
    """Codex's question whether what the agent is about to do needs the user's consent."""
    return (
        headers.get("x-openai-subagent") == "guardian"
        or "x-codex-guardian" in headers
        or turn.thread_source == "guardian_review"
    )


def aside_kind(harness: Harness, survey: Survey) -> AsideKind | None:
    """What the harness itself asks for in the newest text; None when the text is the user's."""
    head = survey.text[:HEAD_CHARACTERS].lstrip()
    if head.startswith(CLAUDE_COMPACTION) or CODEX_COMPACTION in head:
        return "compaction"
    sentences: Mapping[str, AsideKind] = _FORKED.get(harness, {})
    if survey.tool_count == 0:
        if harness in _OF_GEMINI and GEMINI_SNAPSHOT in head:
            return "compaction"
        sentences = {**sentences, **_ALONE.get(harness, {})}
    kinds: list[AsideKind] = [kind for text, kind in sentences.items() if head.startswith(text)]
    said = kinds[0] if kinds else None
    if said is None and harness == "opencode" and survey.tool_count == 0:
        # A title is asked for with the first message alone; plugins may word the summary as they like.
        return "compaction" if survey.tool_result_count else None
    return said


def is_gemini_subagent(survey: Survey) -> bool:
    return GEMINI_REPORT in survey.tool_names


def is_token_count(path: str) -> bool:
    return path.endswith(("/count_tokens", ":countTokens", "/input_tokens"))


def is_probe(survey: Survey) -> bool:
    """A request that asks for no work: is the key good, is the model there."""
    limit = survey.needs.max_output_tokens
    if survey.tool_count or limit is None:
        return False
    if limit <= 1:
        return True
    return (
        limit <= PING_OUTPUT_TOKENS
        and survey.message_count <= 1
        and survey.text.strip().lower() in PING_TEXTS
    )


def is_safety_classifier(survey: Survey) -> bool:
    """Claude Code's question whether a tool call is dangerous."""
    return CLASSIFIER_STOP in survey.stop_sequences


def is_search_alone(survey: Survey) -> bool:
    """Only provider-side tools on offer: a harness's web search, carried out as a request. Gemini's
    dialect does not count these among the tools.
    """
    tools = [name for name in survey.needs.server_tools if name not in NAMES]
    return bool(tools) and survey.tool_count <= len(tools)


def step_kind(
    headers: Mapping[str, str], survey: Survey, identity: Identity, *, path: str
) -> StepKind:
    """What the request is for."""
    if is_token_count(path):
        return "token_count"
    if identity.request_class == "compaction":
        return "compaction"
    if is_probe(survey) or codex_turn(headers).request_kind == "prewarm":
        return "probe"
    if identity.request_class == "auxiliary":
        aside = _auxiliary_kind(headers, survey, identity.harness)
        if aside is not None:
            return aside
    if survey.outcomes or survey.last_role == "tool":
        return "tool_continuation"
    if (
        identity.is_subagent
        and survey.tool_result_count == 0
        and survey.message_count <= FIRST_STEP_MESSAGES
    ):
        return "subagent_start"
    return "user_input"


def _auxiliary_kind(
    headers: Mapping[str, str], survey: Survey, harness: Harness
) -> StepKind | None:
    """None where the request is work like the thread's own, beside it."""
    if is_safety_classifier(survey) or is_guardian(headers, codex_turn(headers)):
        return "classification"
    aside = aside_kind(harness, survey)
    if aside is not None:
        return aside
    if headers.get("x-claude-1p-request-class") in _CLAUDE_1P_TITLES:
        return "title"
    if survey.tool_count or is_search_alone(survey):
        return None
    # What Gemini CLI wants in a schema is a verdict: how hard, who speaks next, is it a loop.
    if survey.has_output_format and harness in _OF_GEMINI:
        return "classification"
    return "title"
