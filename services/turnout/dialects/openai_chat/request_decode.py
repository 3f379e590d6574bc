"""A chat request into the neutral conversation.

Rules: messages keep their order and place; tool messages that follow each other are results of one
user message; `developer` is a system message that remembers its name; a call or result without an
id gets one that depends on its place alone, so that the same history gives the same ids again;
what asks for something that no neutral answer can hold is refused by name.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.bonds import refused
from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    Message,
    OutputFormat,
    Provenance,
    Refusal,
    ResultPart,
    Sampling,
    Thinking,
    ThinkingControl,
    ToolCall,
    ToolResult,
)
from turnout.dialects.openai_chat.answer_order import in_order
from turnout.dialects.openai_chat.parts_decode import REFUSAL_FIELD, decode_parts
from turnout.dialects.openai_chat.reasoning_details import FIELD as DETAILS
from turnout.dialects.openai_chat.reasoning_details import TEXT_FIELDS, sealed_in
from turnout.dialects.openai_chat.tools_decode import decode_choice, decode_tools
from turnout.dialects.openai_chat.usual import (
    Usual,
    UsualAnswer,
    UsualDeveloper,
    UsualResult,
    UsualSystem,
    UsualUser,
    usual_message,
)
from turnout.dialects.reading import (
    MALFORMED,
    ObjectReader,
    complaint,
    decode_list,
    decode_string,
    utf8,
)
from turnout.errors import InvalidRequest, Unsupported

_DEVELOPER: Final[Fields] = (("role", '"developer"'),)


def decode_request(body: bytes) -> Conversation:
    fields = ObjectReader(body, "")
    _refuse_what_no_answer_can_hold(fields)
    model = fields.string("model") or ""
    raw_messages = fields.list("messages")
    if not raw_messages:
        raise InvalidRequest("messages: required, a list of at least one message")
    messages = _MessageDecoder().decode(raw_messages)
    tools = decode_tools(fields)
    max_completion = fields.integer("max_completion_tokens")
    max_old = fields.integer("max_tokens")
    user, safety = fields.string("user"), fields.json("safety_identifier")
    options = fields.object("stream_options")
    include_usage = bool(options and options.boolean("include_usage"))
    extras: Fields = (("safety_identifier", safety),) if safety else ()
    metadata = fields.object("metadata")
    return Conversation(
        dialect="openai_chat",
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=decode_choice(fields),
        parallel_tools=fields.boolean("parallel_tool_calls"),
        sampling=Sampling(
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            top_k=fields.integer("top_k"),
            presence_penalty=fields.number("presence_penalty"),
            frequency_penalty=fields.number("frequency_penalty"),
            seed=fields.integer("seed"),
            top_logprobs=_top_logprobs(fields),
        ),
        max_output_tokens=max_completion if max_completion is not None else max_old,
        stop_sequences=_stop_sequences(fields),
        output_format=_output_format(fields),
        thinking=ThinkingControl(effort=fields.string("reasoning_effort") or ""),
        stream=bool(fields.boolean("stream")),
        include_usage=include_usage,
        user=user
        or (decode_string(safety.encode(), "safety_identifier") if safety.startswith('"') else ""),
        metadata=() if metadata is None else metadata.rest(),
        service_tier=fields.string("service_tier") or "",
        verbosity=fields.string("verbosity") or "",
        prompt_cache_key=fields.string("prompt_cache_key") or "",
        extras=extras + fields.rest(),
    )


def _top_logprobs(fields: ObjectReader) -> int | None:
    wanted, top = fields.boolean("logprobs"), fields.integer("top_logprobs")
    return (top or 0) if wanted else None


def _stop_sequences(fields: ObjectReader) -> tuple[str, ...]:
    """A list of strings, or one string alone."""
    raw = fields.raw("stop")
    if raw is None:
        return ()
    if raw.startswith(b'"'):
        return (decode_string(raw, "stop"),)
    return tuple(decode_string(bytes(item), "stop") for item in decode_list(raw, "stop"))


def _refuse_what_no_answer_can_hold(fields: ObjectReader) -> None:
    if (fields.integer("n") or 1) > 1:
        raise Unsupported(refused("openai_chat", "n"))
    if "audio" in fields.strings("modalities"):
        raise Unsupported(refused("openai_chat", "modalities"))
    if fields.raw("functions") is not None:
        raise Unsupported(refused("openai_chat", "functions"))
    fields.raw("function_call")


class _MessageDecoder:
    """Walks the messages once, knowing which calls are still without a result."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._results: list[ToolResult] = []
        self._unanswered: list[str] = []
        self._call_count = 0

    def decode(self, raws: list[msgspec.Raw]) -> tuple[Message, ...]:
        for number, raw in enumerate(raws):
            usual = usual_message(raw)
            if usual is None:
                self._message(ObjectReader(raw, f"messages.{number}"))
            else:
                self._usual(usual)
        self._end_results()
        return tuple(self._messages)

    def _usual(self, message: Usual) -> None:
        if isinstance(message, UsualResult):
            self._answered(message.tool_call_id)
            self._results.append(message.part())
            return
        self._end_results()
        match message:
            case UsualAnswer():
                calls = message.calls
                self._call_count += len(calls)
                self._unanswered = [call.call_id for call in calls]
                self._messages.append(message.message(calls))
            case UsualUser():
                self._messages.append(message.message("user"))
            case UsualSystem():
                self._messages.append(message.message("system"))
            case UsualDeveloper():
                self._messages.append(message.message("system", _DEVELOPER))

    def _message(self, fields: ObjectReader) -> None:
        role = fields.string("role")
        if role in {"tool", "function"}:
            self._results.append(self._result(fields))
            return
        self._end_results()
        match role:
            case "system" | "developer":
                self._messages.append(_system(fields, role))
            case "user":
                self._messages.append(_user(fields))
            case "assistant":
                self._messages.append(self._assistant(fields))
            case _:
                raise InvalidRequest(
                    f"{fields.path('role')}: must be one of system, developer, user, "
                    "assistant, tool"
                )

    def _end_results(self) -> None:
        if self._results:
            self._messages.append(Message("user", tuple(self._results)))
            self._results = []

    def _result(self, fields: ObjectReader) -> ToolResult:
        call_id = fields.string("tool_call_id") or ""
        if not call_id:
            if not self._unanswered:
                raise InvalidRequest(f"{fields.path('tool_call_id')}: required, the id of a call")
            call_id = self._unanswered[0]
        self._answered(call_id)
        cache = read_cache(fields)
        parts, is_plain = decode_parts(fields)
        kept: list[ResultPart] = []
        for part in parts:
            if isinstance(part, ToolCall | ToolResult | Thinking | Refusal):
                raise InvalidRequest(f"{fields.path('content')}: must hold text parts")
            kept.append(part)
        return ToolResult(
            call_id, tuple(kept), is_plain=is_plain, cache=cache, extras=fields.rest()
        )

    def _answered(self, call_id: str) -> None:
        if call_id in self._unanswered:
            self._unanswered.remove(call_id)

    def _assistant(self, fields: ObjectReader) -> Message:
        reasoning = _reasoning(fields)
        content, is_plain = decode_parts(fields, required=False)
        refusal = fields.string("refusal")
        if refusal:
            content = (*content, Refusal(refusal, extras=REFUSAL_FIELD))
        self._unanswered = []
        calls = [
            self._call(ObjectReader(raw, f"{fields.path('tool_calls')}.{number}"))
            for number, raw in enumerate(fields.list("tool_calls") or [])
        ]
        old = fields.object("function_call")
        if old is not None:
            call_id = self._next_id()
            self._unanswered.append(call_id)
            calls.append(
                ToolCall(call_id, old.string("name") or "", old.string("arguments") or "{}")
            )
        parts = in_order(reasoning, content, calls)
        return Message("assistant", tuple(parts), is_plain=is_plain, extras=fields.rest())

    def _next_id(self) -> str:
        self._call_count += 1
        return f"call_{self._call_count}"

    def _call(self, fields: ObjectReader) -> ToolCall:
        made_id = self._next_id()
        call_id = fields.string("id") or made_id
        self._unanswered.append(call_id)
        kind = fields.string("type") or "function"
        if kind == "custom":
            custom = fields.object("custom")
            if custom is None:
                raise InvalidRequest(f"{fields.path('custom')}: required")
            custom_name, text = custom.string("name") or "", custom.string("input") or ""
            return ToolCall(call_id, custom_name, text, kind="custom", extras=fields.rest())
        function = fields.object("function")
        if function is None:
            raise InvalidRequest(f"{fields.path('function')}: required")
        name = function.string("name")
        if not name:
            raise InvalidRequest(f"{function.path('name')}: required, the name of a tool")
        raw = function.raw("arguments") or b'""'
        # Some servers write the arguments as an object, and clients echo what they were given.
        where = function.path("arguments")
        text = decode_string(raw, where) if raw[:1] == b'"' else utf8(where, raw)
        arguments = text if text.strip() else "{}"
        return ToolCall(call_id, name, arguments, extras=fields.rest())


def _system(fields: ObjectReader, role: str) -> Message:
    parts, is_plain = decode_parts(fields)
    extras = _DEVELOPER if role == "developer" else ()
    return Message("system", parts, is_plain=is_plain, extras=extras + fields.rest())


def _user(fields: ObjectReader) -> Message:
    parts, is_plain = decode_parts(fields)
    return Message("user", parts, is_plain=is_plain, extras=fields.rest())


def _reasoning(fields: ObjectReader) -> Sequence[tuple[Thinking, tuple[int, ...]]]:
    """Reasoning of the history, each part with what stood before it; remembers the field where it is
    not the usual one.
    """
    texts = [(name, fields.string(name)) for name in TEXT_FIELDS]
    details = fields.raw(DETAILS) or b""
    try:
        sealed = sealed_in(details)
    except MALFORMED as error:
        raise complaint(fields.path(DETAILS), error) from None
    if sealed:
        return sealed
    name, text = next(((name, text) for name, text in texts if text), ("", ""))
    if not text and not details:
        return ()
    extras: Fields = (("field", f'"{name}"'),) if name == "reasoning" else ()
    signature = utf8(fields.path(DETAILS), details)
    made_by = Provenance("openai_chat")
    return ((Thinking(text or "", made_by, signature=signature, extras=extras), ()),)


def _output_format(fields: ObjectReader) -> OutputFormat | None:
    wanted = fields.object("response_format")
    if wanted is None:
        return None
    match wanted.string("type"):
        case "json_object":
            return OutputFormat("json")
        case "json_schema":
            inner = wanted.object("json_schema")
            if inner is None:
                raise InvalidRequest("response_format.json_schema: required")
            return OutputFormat(
                "json_schema",
                schema=inner.json("schema"),
                name=inner.string("name") or "",
                strict=inner.boolean("strict"),
            )
        case "text" | None:
            return None
        case _:
            raise InvalidRequest("response_format.type: must be text, json_object or json_schema")
