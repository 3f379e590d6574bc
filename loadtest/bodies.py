"""Requests as coding agents send them, of a given size and always the same bytes.

Pure. A quarter of the bytes is the system prompt, a quarter tool declarations, the rest a thread of
tool calls and their results: the shares of a Claude Code step in the middle of its work. Two
requests with different `agent` numbers differ in their first user text, so they are different
threads to a gateway that tells threads apart.
"""

import json
import random
from typing import Literal, TypeAlias

from loadtest.answers import MODELS, LoadDialect
from turnout.capabilities import Dialect

Size: TypeAlias = Literal["small", "60 kB", "600 kB"]

SIZES: dict[Size, int] = {"small": 0, "60 kB": 60_000, "600 kB": 600_000}
"""Bytes to aim at; a small body is one short question."""

MAX_TOKENS = 1024

ANY_AGENT = 9_999_999
"""Its digits stand nowhere else in a body."""

TOOL_COUNT = 20
STEPS = 24
"""Tool calls in the thread at first; the newest message is a tool result, as in most agent requests."""

_WORDS = [
    "def",
    "return",
    "import",
    "class",
    "self",
    "file",
    "path",
    "read",
    "edit",
    "test",
    "error",
    "value",
    "index",
    "module",
    "result",
    "await",
    "branch",
    "commit",
    "update",
    "query",
    "cache",
    "token",
    "stream",
    "parser",
    "buffer",
    "worker",
    "socket",
    "header",
    "payload",
]


def body(dialect: LoadDialect, size: Size, *, stream: bool, agent: int, step: int = 0) -> bytes:
    """One request body. With each `step` a thread has one tool call and its result more; a small
    body stays as it is.
    """
    target = SIZES[size]
    made = _small(dialect, agent) if not target else _large(dialect, target, agent, step)
    return _told(dialect, made, stream=stream)


def long_body(dialect: LoadDialect, target: int, *, agent: int, step: int) -> bytes:
    """A streamed one of a thread that has `target` bytes in its first step. Agents differ in their system prompts and
    ask alike, so that a gateway that reads what is typed has it read once.
    """
    return _told(dialect, _large(dialect, target, agent, step, asks_alike=True), stream=True)


def by_agent(body: bytes, agent: int) -> bytes:
    """A body that was made for `ANY_AGENT`, as another agent's: a thousandth of the time that making one takes."""
    return body.replace(b"%d" % ANY_AGENT, b"%d" % agent, 1)


def _told(dialect: LoadDialect, made: dict[str, object], *, stream: bool) -> bytes:
    content: dict[str, object] = {
        "model": MODELS[dialect],
        "max_tokens": MAX_TOKENS,
        "stream": stream,
    }
    if stream and dialect == "openai_chat":
        content["stream_options"] = {"include_usage": True}
    return json.dumps({**content, **made}, separators=(",", ":")).encode()


def question(dialect: Dialect, *, agent: int) -> bytes:
    """A short question that is answered by a stream, in any dialect."""
    content = _small(dialect, agent)
    if dialect != "gemini_generate":
        content |= {"model": MODELS[dialect], "stream": True}
    if dialect == "openai_chat":
        content["stream_options"] = {"include_usage": True}
    return json.dumps(content, separators=(",", ":")).encode()


def _small(dialect: Dialect, agent: int) -> dict[str, object]:
    system = "You are a coding agent."
    text = f"What does the function parse_{agent} return for None?"
    asked = {"role": "user", "content": text}
    match dialect:
        case "anthropic_messages":
            return {"max_tokens": MAX_TOKENS, "system": system, "messages": [asked]}
        case "openai_chat":
            return {"messages": [{"role": "system", "content": system}, asked]}
        case "openai_responses":
            return {"instructions": system, "input": [asked]}
        case "gemini_generate":
            contents = [{"role": "user", "parts": [{"text": text}]}]
            return {"systemInstruction": {"parts": [{"text": system}]}, "contents": contents}


def _large(
    dialect: LoadDialect, target: int, agent: int, step: int, *, asks_alike: bool = False
) -> dict[str, object]:
    source = random.Random(target)
    system = _text(source, target // 4)
    whose = f" of agent {agent}"
    if asks_alike:
        system, whose = f"You are agent {agent}. {system}", ""
    tools = [
        _tool(dialect, f"tool_{number}", _text(source, target // 4 // TOOL_COUNT - 200))
        for number in range(TOOL_COUNT)
    ]
    first: dict[str, object] = {
        "role": "user",
        "content": f"Repair the parser{whose}; its tests fail for an empty file.",
    }
    result_bytes = max(100, target // 2 // STEPS - 300)
    steps: list[object] = []
    for number in range(STEPS + step):
        steps += _step(dialect, f"call_{number:04d}", _text(source, result_bytes))
    if dialect == "anthropic_messages":
        return {"system": system, "tools": tools, "messages": [first, *steps]}
    return {
        "messages": [{"role": "system", "content": system}, first, *steps],
        "tools": tools,
    }


def _tool(dialect: LoadDialect, name: str, description: str) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path"],
    }
    if dialect == "anthropic_messages":
        return {"name": name, "description": description, "input_schema": schema}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def _step(dialect: LoadDialect, call: str, result: str) -> list[object]:
    """One tool call of the model and its result."""
    told = {"path": f"src/{call}.py"}
    if dialect == "anthropic_messages":
        use = {"type": "tool_use", "id": call, "name": "tool_1", "input": told}
        block = {"type": "tool_result", "tool_use_id": call, "content": result}
        return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [block]}]
    function = {"name": "tool_1", "arguments": json.dumps(told)}
    made = {"id": call, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": call, "content": result},
    ]


def _text(source: random.Random, length: int) -> str:
    """Words of code with a line break now and then, which JSON must escape."""
    words: list[str] = []
    size = 0
    while size < length:
        word = source.choice(_WORDS)
        words.append(word + ("\n" if len(words) % 12 == 11 else ""))
        size += len(word) + 1
    return " ".join(words)
