"""Why an answer ended, in the words of this wire and in ours.

Rules: the wire has no word for tool calls or stop sequences, both are `STOP`; an answer that the
model has spoilt (a call that cannot be parsed) is no answer but a failure; every word that goes out
is one of the documented ones, and there always is one, because opencode asks for ever without.
Source: https://ai.google.dev/api/generate-content#FinishReason
"""

from typing import Final

from turnout.dialects.stream import StopReason

_FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "ESCALATION",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)

FAILED: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
"""Finish reasons that say that there is no answer; Google's own client asks again."""


def decode_stop(word: str, *, has_calls: bool) -> StopReason:
    match word:
        case "MAX_TOKENS":
            return "max_output"
        case "CONTINUATION":
            return "pause"
        case _ if word in _FILTERED:
            return "content_filter"
        case _:
            return "tool_use" if has_calls else "end"


def encode_stop(stop: StopReason, *, has_refusal: bool) -> str:
    match stop:
        case "max_output" | "context_window":
            return "MAX_TOKENS"
        case "content_filter":
            return "SAFETY"
        case "refusal":
            # A refusal that is spelled out ends like any text; a silent one has this word alone.
            return "STOP" if has_refusal else "SAFETY"
        case "end" | "tool_use" | "stop_sequence" | "pause":
            return "STOP"
