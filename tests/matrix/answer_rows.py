"""Rows of answers: what each provider says, what each client is to hear, and two samples of many rows."""

from collections.abc import Mapping

from tests.matrix import answer_readers as read
from tests.matrix.answer_wires import completion, generated, message, response, said_item
from tests.matrix.declared import ALL, Feature, Json, Side
from turnout.capabilities import Dialect

Wires = Mapping[Dialect, Json]


def row(
    name: str,
    title: str,
    value: object,
    reader: read.Reader,
    wires: Wires,
    *,
    values: Mapping[Dialect, object] | None = None,
    why: Mapping[Dialect, str] | None = None,
    deaf: Mapping[Dialect, str] | None = None,
    own_only: Mapping[Dialect, str] | None = None,
    asks: Wires | None = None,
    only: str = "",
    differs: bool = False,
) -> Feature:
    """`why`: providers that do not say it; `deaf`: clients that cannot be told;
    `own_only`: clients that can be told by their own provider alone; `differs`: what a
    client hears is not what its own provider writes.
    """
    sides: dict[Dialect, Side] = {}
    for dialect in ALL:
        reads = None if dialect in (deaf or {}) else read.of(dialect, reader)
        own = (values or {}).get(dialect, value)
        reasons = [told[dialect] for told in (why, deaf, own_only) if told and dialect in told]
        sides[dialect] = Side(
            wires.get(dialect),
            reads,
            value=own,
            why="; ".join(dict.fromkeys(reasons)),
            differs=differs,
            own_only=dialect in (own_only or {}),
        )
    return Feature(name, title, value, sides, asks=asks or {}, only=only)


def says(text: str) -> Wires:
    return {
        "anthropic_messages": message([{"type": "text", "text": text}]),
        "openai_chat": completion({"content": text}),
        "openai_responses": response([said_item(text)]),
        "gemini_generate": generated([{"text": text}]),
    }


_ARGUMENTS = '{"path":"a\\"b","depth":2}'
ARGS = {"path": 'a"b', "depth": 2}


def calling() -> Wires:
    """Two calls at once, the second without arguments."""
    return {
        "anthropic_messages": message(
            [
                {"type": "tool_use", "id": "call_a1", "name": "look", "input": ARGS},
                {"type": "tool_use", "id": "call_b2", "name": "list_all", "input": {}},
            ],
            "tool_use",
        ),
        "openai_chat": completion(
            {
                "tool_calls": [
                    {
                        "id": "call_a1",
                        "type": "function",
                        "function": {"name": "look", "arguments": _ARGUMENTS},
                    },
                    {
                        "id": "call_b2",
                        "type": "function",
                        "function": {"name": "list_all", "arguments": ""},
                    },
                ]
            },
            "tool_calls",
        ),
        "openai_responses": response(
            [
                {
                    "type": "function_call",
                    "call_id": "call_a1",
                    "name": "look",
                    "arguments": _ARGUMENTS,
                },
                {
                    "type": "function_call",
                    "call_id": "call_b2",
                    "name": "list_all",
                    "arguments": "",
                },
            ]
        ),
        "gemini_generate": generated(
            [
                {"functionCall": {"id": "call_a1", "name": "look", "args": ARGS}},
                {"functionCall": {"id": "call_b2", "name": "list_all"}},
            ]
        ),
    }
