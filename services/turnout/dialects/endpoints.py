"""Where each dialect is called: the paths behind a base URL, and what Gemini says in them.

Rules: a base URL is what the SDK of its dialect takes: without a version for `anthropic_messages`
and `gemini_generate`, with it for OpenAI's two. Gemini's API names model and method in the path and
not in the body; nobody else reads a path.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from turnout.capabilities import Dialect

GeminiMethod: TypeAlias = Literal["generateContent", "streamGenerateContent", "countTokens"]

BASE_PATH: Final[Mapping[Dialect, str]] = MappingProxyType(
    {
        "anthropic_messages": "",
        "openai_chat": "/v1",
        "openai_responses": "/v1",
        "gemini_generate": "",
    }
)
"""The part of a client's path that a base URL already has."""

OWN_HEADERS: Final[Mapping[Dialect, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {"anthropic_messages": (("anthropic-version", "2023-06-01"),)}
)
"""What a dialect needs when the client's own headers are not for it."""

BINDING_BETA: Final = ("anthropic-beta", "thinking-binding-controls-2026-08-01")
"""Goes with `ThinkingControl.drops_unbound`:
platform.claude.com/docs/en/build-with-claude/preserved-thinking/fix-bound-to-a-different-conversation."""

GEMINI_PATH: Final = re.compile(
    r"/(?P<version>v1|v1beta)/models/(?P<model>[^/:]+(?:/[^/:]+)*):(?P<method>\w+)"
)
"""Agents call v1beta; google-genai 3.x calls v1. Names may hold slashes: `tunedModels/x`."""

GEMINI_METHODS: Final[Mapping[str, GeminiMethod]] = MappingProxyType(
    {
        "generateContent": "generateContent",
        "streamGenerateContent": "streamGenerateContent",
        "countTokens": "countTokens",
    }
)

GEMINI_VERSION: Final = "v1beta"
"""Thought signatures and thinking levels are in no other."""


_FORM: Final = frozenset({"alt", "$alt"})
"""Google's system parameter for the form of an answer (cloud.google.com/apis/docs/system-parameters)."""


class GeminiCall(NamedTuple):
    """What a path of Gemini's API says; `version` as the client wrote it."""

    version: str
    model: str
    method: GeminiMethod


def gemini_call(path: str) -> GeminiCall | None:
    """None where the path is no call of a model; `path` is percent-decoded, as servers give it."""
    found = GEMINI_PATH.fullmatch(path)
    method = None if found is None else GEMINI_METHODS.get(found["method"])
    if found is None or method is None:
        return None
    return GeminiCall(found["version"], found["model"], method)


def asks_for_events(query: str) -> bool:
    """Whether a stream comes as events; without `alt=sse` Google answers a JSON array."""
    return any(name in _FORM and value == "sse" for name, value in parse_qsl(query))


def gemini_query(query: str, *, stream: bool) -> str:
    """The client's query, but for the form of the answer, which is ours to ask for: events of a stream,
    whose array is none until it ends, and words for enumerations, which Google's own older clients ask
    for in numbers (`$alt=json;enum-encoding=int`) and read in either.
    """
    told = parse_qsl(query, keep_blank_values=True)
    wanted = [("alt", "sse")] if stream else []
    if [one for one in told if one[0] in _FORM] == wanted:
        return query
    return urlencode([*(one for one in told if one[0] not in _FORM), *wanted])


def gemini_path(model: str, method: GeminiMethod, *, version: str = GEMINI_VERSION) -> str:
    return f"/{version}/models/{quote(model, safe='/')}:{method}"


def endpoint(dialect: Dialect, *, model: str, stream: bool) -> str:
    """What follows the base URL of a target, its query included."""
    match dialect:
        case "anthropic_messages":
            return "/v1/messages"
        case "openai_chat":
            return "/chat/completions"
        case "openai_responses":
            return "/responses"
        case "gemini_generate" if stream:
            return gemini_path(model, "streamGenerateContent") + "?alt=sse"
        case "gemini_generate":
            return gemini_path(model, "generateContent")
