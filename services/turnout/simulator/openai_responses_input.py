"""The items of an OpenAI Responses request: their shapes, their ids, and what answers what.

Rules of this module: pure; a shape says which fields an item must and may have (openai 3.54.0).
Items of tools that OpenAI runs itself are taken as they are. Encrypted content is known again when
this provider made it, for that model; anything else is refused as OpenAI refuses it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from turnout.catalog import Model
from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import (
    JsonObject,
    array_of,
    is_array,
    is_object,
    object_of,
    text_of,
)
from turnout.simulator.openai_checks import check_length
from turnout.simulator.seals import SealKind, decoded, opens

MAX_ID = 64
ID = re.compile(r"[a-zA-Z0-9_-]+")
ROLES = ("assistant", "system", "developer", "user")
SEALED_HEAD = b"\x80\x00\x00\x00\x00"
"""What a Fernet token begins with: OpenAI's encrypted contents all read gAAAA..."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Fields an item must have and may have beside its type, and how its id begins."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    prefix: str = ""


SHAPES: Mapping[str, Shape] = {
    "message": Shape(("role", "content"), ("id", "status", "phase"), "msg"),
    "function_call": Shape(
        ("call_id", "name", "arguments"), ("id", "status", "namespace", "caller", "async"), "fc"
    ),
    "function_call_output": Shape(
        ("call_id", "output"), ("id", "status", "caller", "name", "namespace"), "fc"
    ),
    "custom_tool_call": Shape(
        ("call_id", "name", "input"), ("id", "status", "namespace", "caller", "async"), "ctc"
    ),
    "custom_tool_call_output": Shape(("call_id", "output"), ("id", "status", "caller"), "ctc"),
    "tool_search_call": Shape(("arguments",), ("id", "call_id", "execution", "status"), "tsc"),
    "tool_search_output": Shape(("tools",), ("id", "call_id", "execution", "status")),
    "additional_tools": Shape(("role", "tools"), ("id",)),
    # Of Codex 0.169's own: what one agent of a session tells another.
    "agent_message": Shape(("author", "recipient", "content"), ("id",), "amsg"),
    "reasoning": Shape(("summary",), ("id", "content", "encrypted_content", "status"), "rs"),
    "compaction": Shape(("encrypted_content",), ("id",), "cmp"),
    "compaction_trigger": Shape((), ("id",)),
    "item_reference": Shape(("id",)),
    "configuration_update": Shape((), ("id", "reasoning", "text")),
}

RUN_BY_PROVIDER = (
    *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"),
    *("computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output"),
    *("shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output"),
    *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call"),
    *("program", "program_output"),
)

SAID = ("output_text", "refusal")
TOLD = ("input_text", "input_image", "input_file")

ANSWERED_BY = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "tool_search_call": "tool_search_output",
}
"""Which item answers which call."""

CALLED = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "tool_search_call": "tool search call",
}

UNSEEN = frozenset({"id", "status"})
"""Fields of an item that the model does not see."""


def read_items(body: JsonObject) -> list[JsonObject]:
    """The items of a request, a text as the message it stands for. Raises `Refused`."""
    given = body.get("input")
    if given is None:
        raise Refused(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be"
            " provided.",
            code="missing_required_parameter",
            param="input",
        )
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not is_array(given):
        raise Refused(
            "Invalid type for 'input': expected one of a string or array of objects.",
            code="invalid_type",
            param="input",
        )
    items = [_item(item, f"input[{number}]") for number, item in enumerate(given)]
    for number, item in enumerate(items):
        if item["type"] == "compaction_trigger" and number != len(items) - 1:
            raise Refused(
                f"Invalid 'input[{number}]': a compaction trigger must be the final input item.",
                code="invalid_value",
                param=f"input[{number}]",
            )
    return items


def check_pairing(items: list[JsonObject]) -> None:
    """Each call has its output behind it, and each output its call before it."""
    owed: dict[tuple[str, str], str] = {}
    known: set[tuple[str, str]] = set()
    calls = {output: call for call, output in ANSWERED_BY.items()}
    for item in items:
        kind, call_id = text_of(item["type"]), text_of(item.get("call_id"))
        if kind in ANSWERED_BY and call_id:
            known.add((kind, call_id))
            owed[kind, call_id] = CALLED[kind]
        elif kind in calls and call_id:
            if (calls[kind], call_id) not in known:
                raise Refused(
                    f"No tool call found for {CALLED[calls[kind]]} output with call_id {call_id}.",
                    param="input",
                )
            owed.pop((calls[kind], call_id), None)
    for (_, call_id), called in owed.items():
        raise Refused(f"No tool output found for {called} {call_id}.", param="input")


def check_encrypted(items: list[JsonObject], model: Model, *, stores: bool) -> None:
    """Encrypted content was made here for `model`; reasoning without it is one that was stored."""
    kinds: dict[str, SealKind] = {"reasoning": "reasoning", "compaction": "compaction"}
    for item in items:
        kind = kinds.get(text_of(item["type"]))
        content = item.get("encrypted_content")
        if kind is None:
            continue
        if isinstance(content, str):
            sealed = decoded(content)
            told = b"" if sealed is None else sealed.removeprefix(SEALED_HEAD)
            if not opens(told, kind, model=model.id):
                raise Refused(
                    f"The encrypted content {content[:4]}...{content[-4:]} could not be verified."
                    " Reason: Encrypted content could not be decrypted or parsed.",
                    code="invalid_encrypted_content",
                )
        elif not stores and text_of(item.get("id")):
            raise _not_stored(text_of(item["id"]))


def normal(item: JsonObject) -> JsonObject:
    """The item as the model sees it: a text and a list of one text part are the same prompt."""
    seen = {name: value for name, value in sorted(item.items()) if name not in UNSEEN}
    if seen["type"] == "message" and isinstance(seen["content"], str):
        kind = "output_text" if seen["role"] == "assistant" else "input_text"
        seen["content"] = [{"type": kind, "text": seen["content"]}]
    return seen


def last_request(items: list[JsonObject]) -> tuple[str, int]:
    """What a person said last, and how many runs of tool outputs came after it."""
    steps, inside = 0, False
    for item in reversed(items):
        is_output = item["type"] in ANSWERED_BY.values()
        steps += is_output and not inside
        inside = is_output
        if item["type"] != "agent_message" and item.get("role") != "user":
            continue
        content = item["content"]
        if isinstance(content, str):
            texts = [content]
        else:
            texts = [text_of(object_of(part).get("text")) for part in array_of(content)]
        if any(texts):
            return next(text for text in reversed(texts) if text), steps
    return "", steps


def _item(value: object, where: str) -> JsonObject:
    item = object_of(value)
    if "type" not in item and "role" in item:
        item = {"type": "message", **item}
    kind = text_of(item.get("type"))
    if kind in RUN_BY_PROVIDER:
        _check_ids(item, Shape((), prefix="ws" if kind == "web_search_call" else ""), where)
        return item
    shape = SHAPES.get(kind)
    if shape is None:
        raise _unsupported(kind, (*SHAPES, *RUN_BY_PROVIDER), f"{where}.type")
    for name in shape.required:
        if item.get(name) is None:
            raise Refused(
                f"Missing required parameter: '{where}.{name}'.",
                code="missing_required_parameter",
                param=f"{where}.{name}",
            )
    for name in item:
        if name not in {"type", *shape.required, *shape.optional}:
            raise Refused(
                f"Unknown parameter: '{where}.{name}'.",
                code="unknown_parameter",
                param=f"{where}.{name}",
            )
    if kind == "item_reference":
        raise _not_stored(text_of(item["id"]))
    _check_ids(item, shape, where)
    _check_values(item, kind, where)
    return item


def _check_ids(item: JsonObject, shape: Shape, where: str) -> None:
    known, call = item.get("id"), item.get("call_id")
    if isinstance(known, str):
        if not ID.fullmatch(known):
            raise Refused(
                f"Invalid '{where}.id': '{known}'. Expected an ID that contains letters, numbers,"
                " underscores, or dashes, but this value contained additional characters.",
                code="invalid_value",
                param=f"{where}.id",
            )
        if not known.startswith(shape.prefix):
            raise Refused(
                f"Invalid '{where}.id': '{known}'. Expected an ID that begins with"
                f" '{shape.prefix}'.",
                code="invalid_value",
                param=f"{where}.id",
            )
        check_length(known, f"{where}.id", most=MAX_ID)
    if isinstance(call, str):
        if not call:
            raise Refused(
                f"Invalid '{where}.call_id': empty string. Expected a string with minimum length 1,"
                " but got an empty string instead.",
                code="empty_string",
                param=f"{where}.call_id",
            )
        check_length(call, f"{where}.call_id", most=MAX_ID)


def _check_values(item: JsonObject, kind: str, where: str) -> None:
    match kind:
        case "message":
            role = text_of(item["role"])
            if role not in ROLES:
                raise _unsupported(role, ROLES, where)
            _check_parts(item["content"], SAID if role == "assistant" else TOLD, f"{where}.content")
        case "function_call" | "custom_tool_call":
            field = "arguments" if kind == "function_call" else "input"
            if not isinstance(item[field], str):
                raise _wrong_type(f"{where}.{field}", "a string")
        case "function_call_output" | "custom_tool_call_output":
            _check_parts(item["output"], TOLD, f"{where}.output")
        case "agent_message":
            _check_told(item["content"], f"{where}.content")
        case "reasoning":
            _check_parts(item["summary"], ("summary_text",), f"{where}.summary")
            if item.get("content") is not None:
                _check_parts(item["content"], ("reasoning_text",), f"{where}.content")
        case _:
            pass


def _check_told(content: object, where: str) -> None:
    """Texts and what the provider has encrypted, which this one never does: none can be opened."""
    _check_parts(content, ("input_text", "encrypted_content"), where)
    for part in map(object_of, array_of(content)):
        if part["type"] == "encrypted_content":
            raise Refused(
                "The encrypted content could not be verified. Reason: Encrypted content could not be"
                " decrypted or parsed.",
                code="invalid_encrypted_content",
            )


def _check_parts(content: object, kinds: tuple[str, ...], where: str) -> None:
    if isinstance(content, str) and kinds in {SAID, TOLD}:
        return
    if not is_array(content):
        raise _wrong_type(where, "an array of objects")
    for number, value in enumerate(content):
        here = f"{where}[{number}]"
        if not is_object(value):
            raise _wrong_type(here, "an object")
        kind = text_of(value.get("type"))
        if kind not in kinds:
            raise _unsupported(kind, kinds, here)
        field = kind if kind in {"refusal", "encrypted_content"} else "text"
        if kind == "input_image":
            _check_image(value, here)
        elif kind != "input_file" and not isinstance(value.get(field), str):
            raise Refused(
                f"Missing required parameter: '{here}.{field}'.",
                code="missing_required_parameter",
                param=f"{here}.{field}",
            )


def _check_image(part: JsonObject, where: str) -> None:
    url = part.get("image_url")
    if url is None and part.get("file_id"):
        return
    is_link = isinstance(url, str) and url.startswith(("https://", "http://"))
    is_data = isinstance(url, str) and url.startswith("data:image/") and ";base64," in url
    if not is_link and not is_data:
        raise Refused(
            f"Invalid '{where}.image_url'. Expected a valid URL, but got a value with an invalid"
            " format.",
            code="invalid_value",
            param=f"{where}.image_url",
        )


def _unsupported(value: str, choices: tuple[str, ...], where: str) -> Refused:
    *first, last = (f"'{choice}'" for choice in choices)
    joined = f"{', '.join(first)}, and {last}" if len(choices) > 2 else " and ".join((*first, last))
    return Refused(
        f"Invalid value: '{value}'. Supported values are: {joined}.",
        code="invalid_value",
        param=where,
    )


def _wrong_type(where: str, wanted: str) -> Refused:
    return Refused(
        f"Invalid type for '{where}': expected {wanted}.", code="invalid_type", param=where
    )


def _not_stored(name: str) -> Refused:
    return Refused(
        f"Item with id '{name}' not found. Items are not persisted when `store` is set to false."
        " Try again with `store` set to true, or remove this item from your input.",
        status=404,
        param="input",
    )
