"""Tools that are offered by name and told on demand: Claude Code's search and Codex's."""

from collections.abc import Callable

from tests.matrix.declared import ALL, Feature, Json, Side
from tests.matrix.request_tools import offered, wires_of
from tests.matrix.transcripts import transcript_of
from turnout.capabilities import Dialect

_SEARCHES = {"ToolSearch", "tool_search"}
_FETCH: Json = {"type": "object", "properties": {"page_url": {"type": "string"}}}
_QUERY: Json = {"type": "object", "properties": {"query": {"type": "string"}}}
_LOOK = ("look", "Looks.", {"type": "object"})

_CLAUDE_CODE: Json = {
    "tools": [
        {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}},
        {"name": "never_asked", "input_schema": {"type": "object"}, "defer_loading": True},
        {
            "name": "fetch_page",
            "description": "Fetches.",
            "input_schema": _FETCH,
            "defer_loading": True,
        },
        {"name": "ToolSearch", "description": "Finds tools.", "input_schema": _QUERY},
    ],
    "messages": [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_s", "name": "ToolSearch", "input": {"query": "f"}}
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_s",
                    "content": [{"type": "tool_reference", "tool_name": "fetch_page"}],
                }
            ],
        },
    ],
}

_CODEX: Json = {
    "tools": [
        *wires_of([_LOOK])["openai_responses"]["tools"],
        {
            "type": "tool_search",
            "execution": "client",
            "description": "Finds tools.",
            "parameters": _QUERY,
        },
    ],
    "input": [
        {"type": "message", "role": "user", "content": "go"},
        {
            "type": "tool_search_call",
            "execution": "client",
            "call_id": "call_s",
            "status": "completed",
            "arguments": {"query": "f"},
        },
        {
            "type": "tool_search_output",
            "execution": "client",
            "call_id": "call_s",
            "status": "completed",
            "tools": [
                {
                    "type": "function",
                    "name": "fetch_page",
                    "description": "Fetches.",
                    "parameters": _FETCH,
                    "strict": False,
                }
            ],
        },
    ],
}


def _found(dialect: Dialect) -> Callable[[Json], object]:
    """The tools in order, searches left out, and whether the schema was told where it was found."""

    def reads(body: Json) -> object:
        names = [name for name, _, _ in offered(dialect, body) if name not in _SEARCHES]
        items = transcript_of(dialect)(body)
        assert isinstance(items, list)
        told = [str(item[2]) for item in items if item[0] == "result"]
        return names, "fetch_page" in told[0] and "page_url" in told[0]

    return reads


_WIRES: dict[Dialect, Json] = {"anthropic_messages": _CLAUDE_CODE, "openai_responses": _CODEX}
_NO_SEARCH = "clients of this dialect have no search for tools"

DEFERRED = Feature(
    "deferred_tools",
    "deferred tools and what a search for them found, at the end of the list",
    (["look", "fetch_page"], True),
    {
        dialect: Side(
            _WIRES.get(dialect),
            _found(dialect),
            why="" if dialect in _WIRES else _NO_SEARCH,
            differs=True,
        )
        for dialect in ALL
    },
)

_CHANGED: Json = {
    "tools": [
        *_CLAUDE_CODE["tools"][:1],
        {"name": "gone", "description": "Goes.", "input_schema": {"type": "object"}},
    ],
    "messages": [
        {"role": "user", "content": "go"},
        {
            "role": "system",
            "content": [
                {
                    "type": "tool_addition",
                    "tool": {
                        "type": "tool_definition",
                        "definition": {
                            "name": "fetch_page",
                            "description": "Fetches.",
                            "input_schema": _FETCH,
                        },
                    },
                },
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "gone"}},
            ],
        },
    ],
}


def _left(dialect: Dialect) -> Callable[[Json], object]:
    """The tools that are offered behind the last message."""

    def reads(body: Json) -> object:
        names = [name for name, _, _ in offered(dialect, body)]
        if dialect == "anthropic_messages":
            added, removed = body["messages"][-1]["content"]
            names.append(added["tool"]["definition"]["name"])
            names.remove(removed["tool"]["name"])
        return names

    return reads


_NO_CHANGE = "clients of this dialect send another list of tools instead"

TOOL_CHANGES = Feature(
    "tool_changes",
    "tools that a system message defines or removes, in the list that is offered",
    ["look", "fetch_page"],
    {
        dialect: Side(
            _CHANGED if dialect == "anthropic_messages" else None,
            _left(dialect),
            why="" if dialect == "anthropic_messages" else _NO_CHANGE,
        )
        for dialect in ALL
    },
)
