"""Why an answer ended, in the words of this wire and in ours.

Rules: an answer that holds calls ended for them, unless it was cut; one without any did not. The
wire has no word for a stop sequence or for a pause. An answer that was cut has status `incomplete`
and a reason, one that was not has neither.
"""

from typing import Literal, TypeAlias

from turnout.dialects.stream import StopReason

IncompleteReason: TypeAlias = Literal["max_output_tokens", "content_filter"]


def decode_stop(
    status: str, reason: str | None, *, has_calls: bool, has_refusal: bool
) -> StopReason:
    if status == "incomplete":
        return "content_filter" if reason == "content_filter" else "max_output"
    if has_calls:
        return "tool_use"
    return "refusal" if has_refusal else "end"


def encode_stop(stop: StopReason, *, has_refusal: bool) -> IncompleteReason | None:
    """Why the answer is incomplete; None when it is not."""
    match stop:
        case "max_output" | "context_window":
            return "max_output_tokens"
        case "content_filter":
            return "content_filter"
        case "refusal":
            # A refusal that is spelled out ends like any text; a silent one has this word alone.
            return None if has_refusal else "content_filter"
        case "end" | "tool_use" | "stop_sequence" | "pause":
            return None
