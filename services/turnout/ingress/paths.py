"""Which path speaks which dialect.

Rules: a path that agents call is a row here and nowhere else; Gemini's paths hold a model's name and a
method, all others are fixed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from turnout.capabilities import Dialect
from turnout.dialects.endpoints import asks_for_events, gemini_call

PROXY_PATHS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "/v1/messages": "anthropic_messages",
        "/v1/messages/count_tokens": "anthropic_messages",
        "/v1/chat/completions": "openai_chat",
        "/v1/responses": "openai_responses",
        "/v1/responses/input_tokens": "openai_responses",
    }
)

SOCKET_PATH: Final = "/v1/responses"
"""Where agents ask for a WebSocket."""

GEMINI_PREFIXES: Final = ("/v1beta/models/", "/v1/models/")
GEMINI_ROUTE: Final = "/v1beta/models/{model}:{method}"
"""How a path of Gemini's API is named where model names must not be counted."""


def is_gemini_call(path: str) -> bool:
    return path.startswith(GEMINI_PREFIXES) and ":" in path


def asks_for_array(path: str, query: str) -> bool:
    """Whether a stream of Gemini's is asked for in the form that Google gives without `alt=sse`."""
    call = gemini_call(path)
    is_stream = call is not None and call.method == "streamGenerateContent"
    return is_stream and not asks_for_events(query)


def speaks_at(path: str, query: str, headers: Mapping[str, str]) -> Dialect:
    """The dialect of whoever asks for a path, also for one that is not served.

    google-genai asks at /v1 too, and is known by its headers or its key in the query.
    """
    if path in PROXY_PATHS:
        return PROXY_PATHS[path]
    if path.startswith("/v1beta/") or is_gemini_call(path):
        return "gemini_generate"
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return "anthropic_messages"
    if path.startswith("/v1/responses"):
        return "openai_responses"
    is_googles = "x-goog-api-key" in headers or "x-goog-api-client" in headers
    return "gemini_generate" if is_googles or "key" in parse_qs(query) else "openai_chat"
