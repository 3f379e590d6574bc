"""Tools: what is offered and how, which must be called, what was called and what came of it."""

from collections.abc import Callable
from typing import Any

from tests.matrix.declared import ALL, Feature, Json, Side, silent
from tests.matrix.request_history import row
from turnout.capabilities import Dialect

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Where."},
        "depth": {"type": "integer", "minimum": 0, "maximum": 9},
        "kinds": {
            "type": "array",
            "items": {"type": "string", "enum": ["file", "folder"]},
            "minItems": 1,
        },
        "range": {
            "type": "object",
            "properties": {"from": {"type": "number"}, "to": {"type": "number"}},
            "required": ["from"],
        },
        "who": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["path"],
    "additionalProperties": False,
}


def wires_of(tools: list[tuple[str, str, Json]]) -> dict[Dialect, Json]:
    """The same functions as each dialect declares them: name, description, schema."""
    return {
        "anthropic_messages": {
            "tools": [{"name": n, "description": d, "input_schema": s} for n, d, s in tools]
        },
        "openai_chat": {
            "tools": [
                {"type": "function", "function": {"name": n, "description": d, "parameters": s}}
                for n, d, s in tools
            ]
        },
        "openai_responses": {
            "tools": [
                {"type": "function", "name": n, "description": d, "parameters": s, "strict": False}
                for n, d, s in tools
            ]
        },
        "gemini_generate": {
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": n, "description": d, "parametersJsonSchema": s}
                        for n, d, s in tools
                    ]
                }
            ]
        },
    }


def offered(dialect: Dialect, body: Json) -> list[tuple[str, str, Any]]:
    """Functions as (name, description, schema); custom tools have no schema."""
    tools: list[Json] = body.get("tools", [])
    match dialect:
        case "anthropic_messages":
            return [(t["name"], t.get("description", ""), t["input_schema"]) for t in tools]
        case "openai_chat":
            inner = [tool[tool["type"]] for tool in tools]
        case "openai_responses":
            inner = tools
        case "gemini_generate":
            declared = [one for tool in tools for one in tool["functionDeclarations"]]
            return [
                (t["name"], t.get("description", ""), t["parametersJsonSchema"]) for t in declared
            ]
    return [(t["name"], t.get("description", ""), t.get("parameters")) for t in inner]


def _offers(dialect: Dialect) -> Callable[[Json], object]:
    return lambda body: offered(dialect, body)


TWO = wires_of([("look", "Looks.", SCHEMA), ("list_all", "Lists.", {"type": "object"})])

DEFINITIONS = Feature(
    "tools",
    "tools with their JSON schemas, in order",
    [("look", "Looks.", SCHEMA), ("list_all", "Lists.", {"type": "object"})],
    {dialect: Side(TWO[dialect], _offers(dialect)) for dialect in ALL},
)


def _choice(anthropic: Any, chat: Any, responses: Any, gemini: Any) -> dict[Dialect, Side]:
    fields: dict[Dialect, tuple[str, Any]] = {
        "anthropic_messages": ("tool_choice", anthropic),
        "openai_chat": ("tool_choice", chat),
        "openai_responses": ("tool_choice", responses),
        "gemini_generate": ("toolConfig", {"functionCallingConfig": gemini}),
    }

    def reading(name: str) -> Callable[[Json], object]:
        return lambda body: body.get(name)

    return {
        dialect: Side(TWO[dialect] | {name: value}, reading(name), value=value)
        for dialect, (name, value) in fields.items()
    }


CHOICES = tuple(
    Feature(f"tool_choice_{name}", f"tool choice: {title}", "", _choice(*wires))
    for name, title, *wires in (
        ("auto", "up to the model", {"type": "auto"}, "auto", "auto", {"mode": "AUTO"}),
        ("none", "none", {"type": "none"}, "none", "none", {"mode": "NONE"}),
        ("required", "any, but one", {"type": "any"}, "required", "required", {"mode": "ANY"}),
        (
            "named",
            "this one",
            {"type": "tool", "name": "look"},
            {"type": "function", "function": {"name": "look"}},
            {"type": "function", "name": "look"},
            {"mode": "ANY", "allowedFunctionNames": ["look"]},
        ),
    )
)

_ONE_AT_A_TIME = "Gemini has no such switch"

PARALLEL_OFF = Feature(
    "parallel_off",
    "one call at a time",
    False,
    {
        "anthropic_messages": Side(
            TWO["anthropic_messages"]
            | {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            lambda body: not body["tool_choice"]["disable_parallel_tool_use"],
        ),
        "openai_chat": Side(
            TWO["openai_chat"] | {"parallel_tool_calls": False},
            lambda body: body["parallel_tool_calls"],
        ),
        "openai_responses": Side(
            TWO["openai_responses"] | {"parallel_tool_calls": False},
            lambda body: body["parallel_tool_calls"],
        ),
        "gemini_generate": silent(_ONE_AT_A_TIME),
    },
)

CALL_A = {"id": "call_a1", "name": "look", "args": {"path": "a", "depth": 2}}
CALL_B = {"id": "call_b2", "name": "list_all", "args": {}}


def history(
    first: str = "look",
    *,
    outcome: str = "2 files",
    is_error: bool = False,
    call_id: str = "call_a1",
) -> dict[Dialect, Json]:
    """A turn with two calls at once, their results, and a word of the user's behind them."""
    call_a, call_b = CALL_A | {"id": call_id, "name": first}, CALL_B
    failed: Json = {"is_error": True} if is_error else {}
    return {
        "anthropic_messages": {
            "messages": [
                {"role": "user", "content": "go"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Looking."},
                        *(
                            {
                                "type": "tool_use",
                                "id": c["id"],
                                "name": c["name"],
                                "input": c["args"],
                            }
                            for c in (call_a, call_b)
                        ),
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": call_id,
                            "content": outcome,
                            **failed,
                        },
                        {"type": "tool_result", "tool_use_id": "call_b2", "content": "none"},
                        {"type": "text", "text": "on"},
                    ],
                },
            ]
        },
        "openai_chat": {
            "messages": [
                {"role": "user", "content": "go"},
                {
                    "role": "assistant",
                    "content": "Looking.",
                    "tool_calls": [
                        {
                            "id": call_id,
                            "type": "function",
                            "function": {"name": first, "arguments": '{"path":"a","depth":2}'},
                        },
                        {
                            "id": "call_b2",
                            "type": "function",
                            "function": {"name": "list_all", "arguments": "{}"},
                        },
                    ],
                },
                {"role": "tool", "tool_call_id": call_id, "content": outcome},
                {"role": "tool", "tool_call_id": "call_b2", "content": "none"},
                {"role": "user", "content": "on"},
            ]
        },
        "openai_responses": {
            "input": [
                {"type": "message", "role": "user", "content": "go"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Looking."}],
                },
                {
                    "type": "function_call",
                    "call_id": call_id,
                    "name": first,
                    "arguments": '{"path":"a","depth":2}',
                },
                {
                    "type": "function_call",
                    "call_id": "call_b2",
                    "name": "list_all",
                    "arguments": "{}",
                },
                {"type": "function_call_output", "call_id": call_id, "output": outcome},
                {"type": "function_call_output", "call_id": "call_b2", "output": "none"},
                {"type": "message", "role": "user", "content": "on"},
            ]
        },
        "gemini_generate": {
            "contents": [
                {"role": "user", "parts": [{"text": "go"}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "Looking."},
                        {"functionCall": call_a},
                        {"functionCall": call_b},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {
                            "functionResponse": {
                                "id": call_id,
                                "name": first,
                                "response": {"error" if is_error else "output": outcome},
                            }
                        },
                        {
                            "functionResponse": {
                                "id": "call_b2",
                                "name": "list_all",
                                "response": {"output": "none"},
                            }
                        },
                        {"text": "on"},
                    ],
                },
            ]
        },
    }


CALLS = row(
    "calls",
    "calls and results of parallel tools, ids paired",
    [
        ("user", "go"),
        ("assistant", "Looking."),
        ("call", "call_a1", "look", {"path": "a", "depth": 2}),
        ("call", "call_b2", "list_all", {}),
        ("result", "call_a1", [("text", "2 files")]),
        ("result", "call_b2", [("text", "none")]),
        ("user", "on"),
    ],
    history(),
)

_FAILED = history(outcome="no such path", is_error=True)
_NO_FLAG = "OpenAI's results have no mark for errors; the text says it"


def _failed_messages(body: Json) -> object:
    results = [
        block
        for message in body["messages"]
        for block in message["content"]
        if isinstance(block, dict) and block["type"] == "tool_result"
    ]
    return [(one["tool_use_id"], one.get("is_error", False)) for one in results]


def _failed_gemini(body: Json) -> object:
    results = [
        part["functionResponse"]
        for content in body["contents"]
        for part in content["parts"]
        if "functionResponse" in part
    ]
    return [(one["id"], "error" in one["response"]) for one in results]


ERRORS = Feature(
    "error_results",
    "results that are errors",
    [("call_a1", True), ("call_b2", False)],
    {
        "anthropic_messages": Side(_FAILED["anthropic_messages"], _failed_messages),
        "openai_chat": silent(_NO_FLAG),
        "openai_responses": silent(_NO_FLAG),
        "gemini_generate": Side(_FAILED["gemini_generate"], _failed_gemini),
    },
)

TOOLS: tuple[Feature, ...] = (
    DEFINITIONS,
    *CHOICES,
    PARALLEL_OFF,
    CALLS,
    ERRORS,
)
