"""Names of tools that not every vendor takes, and tools that take plain text."""

import re
from collections.abc import Callable

from tests.matrix.declared import ALL, Feature, Json, Side, silent
from tests.matrix.request_tools import SCHEMA, history, offered, wires_of
from tests.matrix.transcripts import transcript_of
from turnout.capabilities import Dialect

LEGAL: dict[Dialect, str] = {
    "anthropic_messages": r"[a-zA-Z0-9_-]{1,128}",
    "openai_chat": r"[a-zA-Z0-9_-]{1,64}",
    "openai_responses": r"[a-zA-Z0-9_-]{1,64}",
    "gemini_generate": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
}
"""Names that each vendor documents as legal."""

STRANGE: dict[Dialect, str] = {
    "anthropic_messages": "mcp__" + "a_very_long_server_name_" * 4,
    "openai_chat": "9-lives",
    "openai_responses": "9-lives",
    "gemini_generate": "mcp.server:look",
}
"""Legal with the client's vendor, and not with all others."""


def _named(dialect: Dialect) -> Callable[[Json], object]:
    """Whether definition, call and choice have one legal name."""

    def reads(body: Json) -> object:
        (name, *_), *_ = offered(dialect, body)
        items = transcript_of(dialect)(body)
        assert isinstance(items, list)
        called = [item[2] for item in items if item[0] == "call"]
        return re.fullmatch(LEGAL[dialect], name) is not None and called[0] == name

    return reads


LEGAL_IDS: dict[Dialect, str] = {
    "anthropic_messages": r"[a-zA-Z0-9_-]+",
    "openai_chat": r".{1,64}",
    "openai_responses": r".{1,64}",
    "gemini_generate": r".+",
}
"""Ids of calls that each vendor takes: Anthropic's error names its pattern, OpenAI's the length."""

_IDS: dict[Dialect, str] = {
    "anthropic_messages": "toolu_" + "01" * 45,
    "openai_chat": "functions.look:0",
    "openai_responses": "functions.look:0",
    "gemini_generate": "look_1700000000000_0." + "1" * 70,
}


def _paired(dialect: Dialect) -> Callable[[Json], object]:
    """Whether call and result have one legal id."""

    def reads(body: Json) -> object:
        items = transcript_of(dialect)(body)
        assert isinstance(items, list)
        called = [item[1] for item in items if item[0] == "call"]
        answered = [item[1] for item in items if item[0] == "result"]
        is_legal = all(re.fullmatch(LEGAL_IDS[dialect], one) for one in called)
        return is_legal and called == answered and len(set(called)) == 2

    return reads


CALL_IDS = Feature(
    "call_ids",
    "call ids that the target refuses, mapped on calls and results alike",
    True,
    {dialect: Side(history(call_id=_IDS[dialect])[dialect], _paired(dialect)) for dialect in ALL},
)

NAMES = Feature(
    "tool_names",
    "tool names that the target refuses, mapped everywhere alike",
    True,
    {
        dialect: Side(
            history(STRANGE[dialect])[dialect]
            | wires_of([(STRANGE[dialect], "Looks.", SCHEMA)])[dialect],
            _named(dialect),
        )
        for dialect in ALL
    },
)

GRAMMAR = 'start: "*** Begin Patch" /.+/'
PATCH = '*** Begin Patch\n+ "x"\\n'

_PATCHED: dict[Dialect, Json] = {
    "openai_chat": {
        "tools": [
            {
                "type": "custom",
                "custom": {
                    "name": "apply_patch",
                    "description": "Patches.",
                    "format": {
                        "type": "grammar",
                        "grammar": {"syntax": "lark", "definition": GRAMMAR},
                    },
                },
            }
        ],
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_p",
                        "type": "custom",
                        "custom": {"name": "apply_patch", "input": PATCH},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_p", "content": "done"},
        ],
    },
    "openai_responses": {
        "tools": [
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Patches.",
                "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
            }
        ],
        "input": [
            {"type": "message", "role": "user", "content": "go"},
            {
                "type": "custom_tool_call",
                "call_id": "call_p",
                "name": "apply_patch",
                "input": PATCH,
            },
            {"type": "custom_tool_call_output", "call_id": "call_p", "output": "done"},
        ],
    },
}


def _custom(dialect: Dialect) -> Callable[[Json], object]:
    """The call in the history, and that the tool takes one text and tells its grammar."""

    def reads(body: Json) -> object:
        items = transcript_of(dialect)(body)
        assert isinstance(items, list)
        ((name, description, schema),) = offered(dialect, body)
        if schema is None:
            takes_text = body["tools"][0]["type"] == "custom" and GRAMMAR[:8] in str(body["tools"])
        else:
            (argument,) = schema["properties"].values()
            takes_text = argument["type"] == "string" and "Begin Patch" in description + str(schema)
        return (name, takes_text, [item for item in items if item[0] == "call"])

    return reads


_FREEFORM = "takes tools with JSON arguments only; their clients have no others"

CUSTOM = Feature(
    "custom_tools",
    "custom (freeform) tools such as apply_patch",
    ("apply_patch", True, [("call", "call_p", "apply_patch", {"input": PATCH})]),
    {
        dialect: Side(
            _PATCHED.get(dialect), _custom(dialect), why="" if dialect in _PATCHED else _FREEFORM
        )
        for dialect in ALL
    },
)


def _strictly(dialect: Dialect) -> Json:
    """One function whose schema the model is to be held to."""
    wire = wires_of([("look", "Looks.", STRICT_SCHEMA)])[dialect]
    (tool,) = wire["tools"]
    if dialect == "openai_chat":
        return {"tools": [tool | {"function": tool["function"] | {"strict": True}}]}
    return {"tools": [tool | {"strict": True}]}


STRICT_SCHEMA: Json = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}

STRICT = Feature(
    "strict_tools",
    "tools whose schema the model is held to",
    True,
    {
        "anthropic_messages": Side(
            _strictly("anthropic_messages"), lambda body: body["tools"][0].get("strict")
        ),
        "openai_chat": Side(
            _strictly("openai_chat"), lambda body: body["tools"][0]["function"].get("strict")
        ),
        "openai_responses": Side(
            _strictly("openai_responses"), lambda body: body["tools"][0].get("strict")
        ),
        "gemini_generate": silent("Gemini says it of the choice of tools, not of a tool"),
    },
    own_words="a schema that one vendor takes so is refused by another",
)
