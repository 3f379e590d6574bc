"""Why an answer ended, in the words of this wire and in ours.

Rules: an answer that holds tool calls ended for them, unless it was cut; an answer without any did
not, whatever the server says, because a client that waits for a call that is not there hangs.
"""

from turnout.dialects.stream import StopReason


def decode_stop(word: str, *, has_calls: bool, has_refusal: bool) -> StopReason:
    match word:
        case "length" | "max_tokens" | "model_length":
            return "max_output"
        case "content_filter" | "sensitive":
            return "content_filter"
        case _ if has_calls:
            return "tool_use"
        case _ if has_refusal:
            return "refusal"
        case _:
            return "end"


def encode_stop(stop: StopReason, *, has_calls: bool, has_refusal: bool) -> str:
    match stop:
        case "max_output" | "context_window":
            return "length"
        case "content_filter":
            return "content_filter"
        case "refusal":
            # A refusal that is spelled out ends like any text; a silent one has this word alone.
            return "stop" if has_refusal else "content_filter"
        case "end" | "tool_use" | "stop_sequence" | "pause":
            return "tool_calls" if has_calls else "stop"
