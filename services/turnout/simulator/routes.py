"""Which wire format answers which path.

Rules of this module: nothing is sent or waited for; a path decides alone, and Gemini's says model and
method as well. Every model of the catalog is answered on every path that its provider has.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from turnout.catalog import Catalog
from turnout.simulator import anthropic, gemini, openai
from turnout.simulator.anthropic import AnthropicWire
from turnout.simulator.exchange import Headers, Wire
from turnout.simulator.gemini import GeminiWire
from turnout.simulator.openai import OpenAIWire
from turnout.simulator.openai_responses import ResponsesWire

GEMINI_CALL = re.compile(
    r"/(?P<version>v1|v1beta)/models/(?P<model>[^/:]+):"
    r"(?P<method>generateContent|streamGenerateContent|countTokens)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a POST goes.

    Attributes:
        counts: the question is how many tokens the prompt has.
        model: the model that the path names; "" where the body does.
        streams: the path asks for a stream; where it does not, the body may.
    """

    wire: Wire
    counts: bool = False
    model: str = ""
    streams: bool = False


class Routes:
    """The paths of one provider process, and what its wire formats have stored."""

    def __init__(self) -> None:
        self._responses = ResponsesWire()
        self._fixed: Mapping[str, Route] = {
            "/v1/messages": Route(wire=AnthropicWire()),
            "/v1/messages/count_tokens": Route(wire=AnthropicWire(), counts=True),
            "/v1/chat/completions": Route(wire=OpenAIWire()),
            "/v1/responses": Route(wire=self._responses),
            "/v1/responses/input_tokens": Route(wire=self._responses, counts=True),
        }

    def of(self, path: str, query: str) -> Route | None:
        """Who answers a POST to `path`; None when nobody does."""
        found = GEMINI_CALL.fullmatch(path)
        if found is None:
            return self._fixed.get(path)
        method, model = found["method"], unquote(found["model"])
        wire = GeminiWire(
            model=model,
            method=method,
            version=found["version"],
            is_sse=parse_qs(query).get("alt") == ["sse"],
        )
        return Route(
            wire=wire,
            counts=method == "countTokens",
            model=model,
            streams=method == "streamGenerateContent",
        )

    def clear(self) -> None:
        """Forget what has been stored."""
        self._responses.stored.clear()


def usual_wire(path: str, headers: Headers) -> Wire:
    """The wire format of a client that asks for a path which nobody answers."""
    if "anthropic-version" in headers:
        return AnthropicWire()
    if "x-goog-api-key" in headers or path.startswith("/v1beta/"):
        return GeminiWire()
    return OpenAIWire()


def listed_models(path: str, headers: Headers, catalog: Catalog) -> bytes | None:
    """The list of models in the shape of whoever asks; None where `path` is no list."""
    if path not in {"/v1/models", "/v1beta/models"}:
        return None
    if "anthropic-version" in headers:
        return anthropic.list_models(catalog)
    if "x-goog-api-key" in headers or path.startswith("/v1beta/"):
        return gemini.list_models(catalog)
    return openai.list_models(catalog)


def with_key_of(query: str, headers: dict[str, str]) -> dict[str, str]:
    """Gemini takes its key in the query too (`?key=K`)."""
    keys = parse_qs(query).get("key")
    return headers | {"x-goog-api-key": keys[0]} if keys else headers
