"""Items of OpenAI's own tools, as calls and results that every dialect has.

Rules: what the client has run (a shell, a patch, a computer), and what OpenAI has run and shows (an MCP
server, code, a program, a search of files, a picture), is a call with its result, so that a model elsewhere knows
what has happened; the item goes along with the first of these parts and goes back whole to its own
dialect; an item that does not say enough has no such form. A web search shows no result but the answer
that cites it, so it has none either.
Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import (
    Base64Source,
    Fields,
    Image,
    JsonText,
    Part,
    ResultPart,
    Text,
    ToolCall,
    ToolResult,
)
from turnout.dialects.openai_responses.parts_decode import decode_image
from turnout.dialects.openai_responses.tool_names import joined_name
from turnout.dialects.reading import ObjectReader, decode_string, utf8

Side: TypeAlias = Literal["assistant", "user"]

WHOLE: Final = "turnout_whole"
"""On a part that stands for an item, or for some of it: the item; null where another part has it."""

CLIENTS_CALLS: Final = frozenset(
    {"local_shell_call", "shell_call", "apply_patch_call", "computer_call"}
)
CLIENTS_RESULTS: Final = frozenset(f"{kind}_output" for kind in CLIENTS_CALLS)

_FAILED: Final = "failed"
_UNSEEN_PICTURE: Final = "(a picture that is not shown)"

_REST: Final[Fields] = ((WHOLE, "null"),)
"""Of a part whose item goes along with another."""


def marked_as_rest(fields: Fields) -> Fields:
    return (*_REST, *fields)


def whole_item(fields: Fields) -> JsonText:
    """The item that a part with these extras stands for, "null" for what another has; else ""."""
    return fields[0][1] if fields and fields[0][0] == WHOLE else ""


class ToolItems:
    """The items of one input, in order."""

    def __init__(self) -> None:
        self._shells: dict[str, str] = {}

    def decode(self, kind: str, raw: msgspec.Raw, where: str) -> list[tuple[Side, Part]]:
        """The parts that the item stands for, each with its side; none where it has no such form."""
        fields = ObjectReader(raw, where)
        whole: Fields = ((WHOLE, utf8(where, bytes(raw))),)
        if kind in CLIENTS_RESULTS or kind == "program_output":
            result = self._result(kind, fields, whole)
            return [("user", result)] if result is not None else []
        if kind in CLIENTS_CALLS or kind == "program":
            call = self._call(kind, fields, whole)
            return [("assistant", call)] if call is not None else []
        made = _PROVIDERS.get(kind)
        call_id = fields.string("id")
        if made is None or not call_id:
            return []
        name, arguments = made, "{}"
        if kind == "mcp_call":
            name = joined_name(fields.string("server_label") or "", fields.string("name") or "")
            arguments = fields.string("arguments") or "{}"
        elif kind in _ARGUMENTS:
            key = _ARGUMENTS[kind]
            arguments = f'{{"{key}":{fields.json(key) or "null"}}}'
        parts: list[tuple[Side, Part]] = [
            ("assistant", ToolCall(call_id, name, arguments, extras=whole))
        ]
        error = fields.json("error")
        shown = (Text(_text(error)),) if error else tuple(_shown(kind, fields))
        if shown:
            result = ToolResult(call_id, shown, is_error=bool(error), extras=_REST)
            parts.append(("user", result))
        return parts

    def _call(self, kind: str, fields: ObjectReader, whole: Fields) -> ToolCall | None:
        call_id, item_id = fields.string("call_id"), fields.string("id")
        if not call_id:
            return None
        if item_id:
            self._shells[item_id] = call_id
        arguments = fields.json("operation") or fields.json("action")
        if not arguments:
            # A program, or the newer form of the computer's calls.
            key = "code" if kind == "program" else "actions"
            arguments = f'{{"{key}":{fields.json(key) or "null"}}}'
        return ToolCall(call_id, kind.removesuffix("_call"), arguments, extras=whole)

    def _result(self, kind: str, fields: ObjectReader, whole: Fields) -> ToolResult | None:
        call_id, item_id = fields.string("call_id"), fields.string("id") or ""
        if not call_id and kind == "local_shell_call_output":
            # The reference calls the call's id so here.
            call_id = self._shells.get(item_id, item_id)
        output = fields.json("result" if kind == "program_output" else "output")
        if not call_id or (not output and kind != "apply_patch_call_output"):
            return None
        part: ResultPart
        if kind == "computer_call_output":
            screen = decode_image(ObjectReader(output.encode(), fields.path("output")))
            part = replace(screen, extras=())
        else:
            part = Text(_text(output) if output else fields.string("status") or "")
        is_error = kind == "apply_patch_call_output" and fields.string("status") == _FAILED
        return ToolResult(call_id, (part,), is_error=is_error, extras=whole)


_PROVIDERS: Final = {
    "mcp_call": "mcp",
    "code_interpreter_call": "code_interpreter",
    "file_search_call": "file_search",
    "image_generation_call": "image_generation",
}
"""What OpenAI runs, by the name of its tool."""

_ARGUMENTS: Final = {"code_interpreter_call": "code", "file_search_call": "queries"}


def _shown(kind: str, fields: ObjectReader) -> Iterator[ResultPart]:
    match kind:
        case "mcp_call":
            output = fields.json("output")
            if output:
                yield Text(_text(output))
        case "file_search_call":
            results = fields.json("results")
            if results:
                yield Text(results)
        case "code_interpreter_call":
            for number, raw in enumerate(fields.list("outputs") or []):
                logs = ObjectReader(raw, f"{fields.path('outputs')}.{number}").string("logs")
                yield Text(_UNSEEN_PICTURE if logs is None else logs)
        case _:
            picture = fields.string("result")
            if picture:
                media_type = f"image/{fields.string('output_format') or 'png'}"
                yield Image(Base64Source(media_type, picture))


def _text(json: JsonText) -> str:
    """A string's text; anything else as it was written."""
    return decode_string(json.encode(), "output") if json.startswith('"') else json
