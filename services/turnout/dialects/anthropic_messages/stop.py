"""Why an answer ended, in the words of this wire and in ours.

Rules: the word on the wire is one that clients know, because strict ones resend for ever on another
(opencode: two requests a second); an answer with tool calls ended for them unless it was cut, and
one without any did not, because a client that waits for a call that is not there hangs.
"""

from turnout.dialects.stream import StopReason


def decode_stop(word: str, *, has_calls: bool) -> StopReason:
    match word:
        case "max_tokens" | "length":
            return "max_output"
        case "stop_sequence":
            return "stop_sequence"
        case "refusal":
            return "refusal"
        case "pause_turn":
            return "pause"
        case "model_context_window_exceeded":
            return "context_window"
        case "content_filter":
            return "content_filter"
        case _:
            return "tool_use" if has_calls else "end"


def encode_stop(stop: StopReason, *, has_calls: bool) -> str:
    match stop:
        case "max_output":
            return "max_tokens"
        case "stop_sequence":
            return "stop_sequence"
        case "refusal" | "content_filter":
            return "refusal"
        case "pause":
            return "pause_turn"
        case "context_window":
            return "model_context_window_exceeded"
        case "end" | "tool_use":
            return "tool_use" if has_calls else "end_turn"
