"""Neutral messages as items.

Rules: what came in this dialect goes out as it came, item by item; of another dialect every call has
a result directly behind it and every result a call, because the API refuses anything else: a missing
result is said to be missing, a result whose call is gone is told as user text. System messages stay
at their place, also in front, so that one more never moves what is before it. Reasoning goes back
only to the family of models that sealed it; ids of items are made by the API and left out.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Conversation,
    Document,
    Fields,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
    joined_text,
)
from turnout.dialects.openai_requests import NO_RESULT, first_word
from turnout.dialects.openai_responses import agent_messages
from turnout.dialects.openai_responses.items_decode import ITEM, ITEMS, PLAIN
from turnout.dialects.openai_responses.parts_encode import Json, PartEncoder
from turnout.dialects.openai_responses.tool_items import whole_item
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, split_name
from turnout.dialects.reading import ObjectReader, raw_fields

_OUTPUTS: Final[dict[ToolKind, str]] = {
    "function": "function_call_output",
    "custom": "custom_tool_call_output",
}


def sealed_form(thinking: Thinking) -> str:
    """`encrypted_content`: a stream tells it behind the text, as a signature."""
    return thinking.redacted or thinking.signature


def encode_items(conversation: Conversation, *, model: str, has: Capabilities) -> list[Json]:
    """The items of a conversation of another dialect."""
    return _ItemEncoder(conversation, model=model, has=has).encode()


class _ItemEncoder:
    def __init__(self, conversation: Conversation, *, model: str, has: Capabilities) -> None:
        self._conversation = conversation
        self._parts = PartEncoder(conversation, has)
        self._family = first_word(model)
        self._has = has
        self._out: list[Json] = []
        # Calls of the last assistant message that wait for a result, and what waits behind them.
        self._unanswered: dict[str, ToolKind] = {}
        self._waiting: list[Json] = []

    def encode(self) -> list[Json]:
        for message in self._conversation.messages:
            match message.role:
                case "system":
                    text = joined_text(message.parts)
                    if text:
                        self._put(_message("developer", self._parts.inputs((Text(text),))))
                case "user":
                    self._user(message)
                case "assistant":
                    self._end_results()
                    self._assistant(message)
        self._end_results()
        return self._out

    def _put(self, item: Json) -> None:
        (self._waiting if self._unanswered else self._out).append(item)

    def _end_results(self) -> None:
        for call_id, kind in self._unanswered.items():
            self._out.append(_output(call_id, kind, NO_RESULT))
        self._unanswered = {}
        self._out += self._waiting
        self._waiting = []

    def _user(self, message: Message) -> None:
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
            else:
                rest.append(part)
        if not self._unanswered:
            self._end_results()
        content = self._parts.inputs(part for part in rest if not _is_empty(part))
        if content:
            self._put(_message("user", content))

    def _result(self, result: ToolResult) -> None:
        call_id = result.call_id
        content = self._parts.inputs(result.parts)
        kind = self._unanswered.pop(call_id, None)
        if kind is None:
            note: Json = {"type": "input_text", "text": f"[result of {call_id}]"}
            self._put(_message("user", [note, *content]))
            return
        output: object = content
        if not any(isinstance(part, Image | Document) for part in result.parts):
            output = "\n\n".join(str(part["text"]) for part in content)
        self._out.append(_output(call_id, kind, output))

    def _assistant(self, message: Message) -> None:
        said: list[Json] = []
        for part in message.parts:
            match part:
                case Text() | Refusal():
                    if not _is_empty(part):
                        said.append(self._parts.output(part))
                    continue
                case _:
                    pass
            if said:
                self._out.append(_message("assistant", said))
                said = []
            match part:
                case Thinking():
                    self._out += self._reasoning(part)
                case ToolCall():
                    self._unanswered[part.call_id] = part.kind
                    self._out.append(_call(part))
                case _:
                    pass
        if said:
            self._out.append(_message("assistant", said))

    def _reasoning(self, thinking: Thinking) -> Iterator[Json]:
        made_by = thinking.provenance
        sealed = sealed_form(thinking)
        if made_by.dialect != "openai_responses" or not sealed or not self._has.thinking:
            return
        if made_by.model and first_word(made_by.model) != self._family:
            return
        summary = [{"type": "summary_text", "text": thinking.text}] if thinking.text else []
        yield {"type": "reasoning", "summary": summary, "encrypted_content": sealed}


def _is_empty(part: Part) -> bool:
    return isinstance(part, Text | Refusal) and not part.text


def _message(role: str, content: list[Json]) -> Json:
    return {"type": "message", "role": role, "content": content}


def _output(call_id: str, kind: ToolKind, output: object) -> Json:
    return {"type": _OUTPUTS[kind], "call_id": call_id, "output": output}


def _call(call: ToolCall) -> Json:
    if call.kind == "custom":
        return {
            "type": "custom_tool_call",
            "call_id": call.call_id,
            "name": call.name,
            "input": call.arguments,
        }
    return {
        "type": "function_call",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": call.arguments,
    }


def encode_own_message(message: Message, parts: PartEncoder, *, thinks: bool) -> Iterator[Json]:
    """The items that a message of this dialect was read from."""
    match message.role:
        case "assistant":
            yield from _own_answer(message, parts, thinks=thinks)
        case "user" | "system" if message.extras == ITEMS:
            for part in message.parts:
                yield from _own_item(part, parts)
        case "user" if message.extras and message.extras[0][0] == agent_messages.WHOLE:
            plain = agent_messages.with_plain_texts(message.extras[0][1].encode())
            yield msgspec.json.decode(plain, type=dict[str, object])
        case "user" | "system":
            extras = dict(message.extras)
            is_developer = extras.pop("role", "") == '"developer"'
            role = "developer" if is_developer else message.role
            content: object = parts.inputs(message.parts)
            if message.is_plain:
                content = joined_text(message.parts)
            yield {"role": role, "content": content} | raw_fields(tuple(extras.items()))


def _own_answer(message: Message, parts: PartEncoder, *, thinks: bool) -> Iterator[Json]:
    said: list[Json] = []
    item: Json = {}
    for part in message.parts:
        if isinstance(part, Text | Refusal) and not whole_item(part.extras):
            begins = bool(part.extras) and part.extras[0][0] == ITEM
            if said and begins:
                yield _said(item, said)
                said = []
            if begins:
                rest = ObjectReader(part.extras[0][1].encode(), ITEM).rest()
                item = raw_fields(rest)
            elif not said:
                item = {}
            said.append(parts.output(part))
            continue
        if said:
            yield _said(item, said)
            said = []
        if not isinstance(part, Thinking) or (
            thinks and part.provenance.dialect == "openai_responses"
        ):
            yield from _own_item(part, parts)
    if said:
        yield _said(item, said)


def _said(item: Json, said: list[Json]) -> Json:
    is_plain = item.pop(PLAIN, None) is not None
    content: object = said[0].get("text", "") if is_plain else said
    return {"role": "assistant", "content": content} | item


def _own_item(part: Part, parts: PartEncoder) -> Iterator[Json]:
    whole = "" if isinstance(part, Opaque) else whole_item(part.extras)
    if whole:
        if whole != "null":
            yield msgspec.json.decode(whole, type=dict[str, object])
        return
    match part:
        case Thinking():
            sealed = sealed_form(part)
            reasoning: Json = {"type": "reasoning"}
            if sealed:
                reasoning["encrypted_content"] = sealed
            yield reasoning | raw_fields(part.extras)
        case ToolCall():
            yield _own_call(part) | raw_fields(part.extras)
        case ToolResult():
            yield _own_result(part, parts) | raw_fields(part.extras)
        case Opaque(json=json):
            yield msgspec.json.decode(json, type=dict[str, object])
        case _:
            yield _message("user", parts.inputs((part,)))


def _own_call(call: ToolCall) -> Json:
    if call.name == TOOL_SEARCH and call.kind == "function":
        arguments = msgspec.Raw(call.arguments.encode())
        return {
            "type": "tool_search_call",
            "execution": "client",
            "call_id": call.call_id,
            "arguments": arguments,
        }
    namespace, name = split_name(call.name)
    shown = _call(call) | {"name": name}
    return shown | {"namespace": namespace} if namespace else shown


def _own_result(result: ToolResult, parts: PartEncoder) -> Json:
    if _names_tools(result.extras):
        return {"type": "tool_search_output", "execution": "client", "call_id": result.call_id}
    output: object = parts.inputs(result.parts)
    if result.is_plain:
        output = joined_text(tuple(part for part in result.parts if isinstance(part, Text)))
    return _output(result.call_id, result.kind, output)


def _names_tools(extras: Fields) -> bool:
    """Only the output of a search has its tools there."""
    return bool(extras) and extras[0][0] == "tools"
