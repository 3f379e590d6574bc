"""What only the client's own provider has: refused by name everywhere else."""

from collections.abc import Callable, Mapping

from tests.matrix.declared import ALL, PAIRS, Feature, Json, Side
from turnout.capabilities import Dialect


def _own(wire: Json) -> Callable[[Json], object]:
    """Whether the body says just this."""
    return lambda body: all(body.get(name) == value for name, value in wire.items())


def _bound(
    name: str, title: str, wires: Mapping[Dialect, Json], names: Mapping[Dialect, str]
) -> Feature:
    refused = {(c, u): names[c] for c, u in PAIRS if c != u}
    sides = {dialect: Side(wires[dialect], _own(wires[dialect])) for dialect in ALL}
    return Feature(name, title, True, sides, refused=refused)


SERVER_TOOLS = _bound(
    "server_tools",
    "tools that the provider runs, with nothing else to answer with",
    {
        "anthropic_messages": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "openai_chat": {"web_search_options": {}},
        "openai_responses": {"tools": [{"type": "web_search"}]},
        "gemini_generate": {"tools": [{"googleSearch": {}}]},
    },
    {
        "anthropic_messages": "web_search_20250305",
        "openai_chat": "web_search_options",
        "openai_responses": "web_search",
        "gemini_generate": "googleSearch",
    },
)

_FILE = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}

KEPT_THERE = _bound(
    "kept_there",
    "what lies at the provider: uploaded files, stored responses, cached content",
    {
        "anthropic_messages": {"messages": [{"role": "user", "content": [_FILE]}]},
        "openai_chat": {
            "messages": [
                {"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}
            ]
        },
        "openai_responses": {"previous_response_id": "resp_1"},
        "gemini_generate": {"cachedContent": "cachedContents/1"},
    },
    {
        "anthropic_messages": "uploaded file",
        "openai_chat": "uploaded file",
        "openai_responses": "previous_response_id",
        "gemini_generate": "cachedContent",
    },
)

BOUND: tuple[Feature, ...] = (SERVER_TOOLS, KEPT_THERE)
