"""What Codex's newer models are sent: their tools in an item of the input, and words between agents."""

import json
from collections.abc import Callable

from tests.matrix.declared import ALL, Feature, Json, Side
from tests.matrix.request_tools import offered, wires_of
from turnout.capabilities import Dialect

_REPORT = "There are two tracks in the yard."

_LOOK = wires_of([("look", "Looks.", {"type": "object"})])["openai_responses"]["tools"]
_TOOLS: Json = {
    "input": [
        {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": _LOOK},
        {"type": "message", "role": "user", "content": "go"},
    ]
}
_FIRST_AGENT = "/root"
"""Codex's name for it; those that it starts are named below it."""
_WORDS: Json = {
    "input": [
        {"type": "message", "role": "developer", "content": "You are an agent."},
        {
            "type": "agent_message",
            "id": "amsg_1",
            "author": f"{_FIRST_AGENT}/look",
            "recipient": _FIRST_AGENT,
            "content": [{"type": "input_text", "text": f"Payload:\n{_REPORT}"}],
        },
    ]
}


def _offered(dialect: Dialect) -> Callable[[Json], object]:
    def reads(body: Json) -> object:
        items = body.get("input", [])
        brought = [item for item in items if item["type"] == "additional_tools"]
        return [name for name, _, _ in offered(dialect, brought[0] if brought else body)]

    return reads


def _is_told(body: Json) -> object:
    return _REPORT in json.dumps(body)


TOOLS_IN_AN_ITEM = Feature(
    "tools_in_an_item",
    "tools that stand in an item of the input (Codex with its newer models)",
    ["look"],
    {
        dialect: Side(
            _TOOLS if dialect == "openai_responses" else None,
            _offered(dialect),
            why="" if dialect == "openai_responses" else "clients of this dialect list their tools",
            differs=True,
        )
        for dialect in ALL
    },
)

WORDS_BETWEEN_AGENTS = Feature(
    "words_between_agents",
    "what one agent tells another, where OpenAI has not sealed it (Codex with its newer models)",
    True,
    {
        dialect: Side(
            _WORDS if dialect == "openai_responses" else None,
            _is_told,
            why=""
            if dialect == "openai_responses"
            else "clients of this dialect tell it as the user's",
            differs=True,
        )
        for dialect in ALL
    },
)
