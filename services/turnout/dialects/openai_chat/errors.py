"""Errors inside a stream of this wire; whole answers are said alike by both of OpenAI's."""

from turnout.dialects.openai_errors import error_body
from turnout.dialects.sse import encode_event
from turnout.errors import TurnoutError


def encode_stream_error(error: TurnoutError) -> bytes:
    """The last event of a stream that has begun; no `[DONE]` follows it."""
    return encode_event(None, error_body(error))
