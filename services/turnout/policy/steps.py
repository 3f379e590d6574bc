"""What a request is for, told from headers and shape.

Rules: the harness's own word (a hint header, turn metadata) comes before the shape of the body; the
shape of the body comes before its text. Only fixed sentences that harnesses themselves write are
looked for in a text, and only at its beginning: a user who quotes one must not set it off.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.bonds import NAMES
from turnout.dialects.survey import Survey
from turnout.policy.request import Identity, StepKind

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

CLAUDE_COMPACTION: Final = "CRITICAL: Respond with TEXT ONLY"
CODEX_COMPACTION: Final = "CONTEXT CHECKPOINT COMPACTION"
COMPACTION_HEAD_CHARACTERS: Final = 120
"""Codex writes half a sentence before its marker; a quotation stands further down."""

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
    return "auxiliary" if turn.request_kind == "prewarm" else ""


def is_compaction_text(survey: Survey) -> bool:
    """Whether the newest text is a harness's own order to summarise the thread."""
    head = survey.text[:COMPACTION_HEAD_CHARACTERS].lstrip()
    return head.startswith(CLAUDE_COMPACTION) or CODEX_COMPACTION in head


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
    """Only provider-side tools on offer: a harness's web search, carried out as a request."""
    tools = [name for name in survey.needs.server_tools if name not in NAMES]
    return 0 < survey.tool_count <= len(tools)


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
        if is_safety_classifier(survey):
            return "classification"
        if identity.harness == "gemini_cli" and survey.has_output_format:
            return "classification"
        if survey.tool_count == 0:
            return "title"
    if survey.outcomes or survey.last_role == "tool":
        return "tool_continuation"
    if (
        identity.is_subagent
        and survey.tool_result_count == 0
        and survey.message_count <= FIRST_STEP_MESSAGES
    ):
        return "subagent_start"
    return "user_input"
