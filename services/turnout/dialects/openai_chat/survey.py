"""The facts of a chat request in one pass over its bytes.

Rules: only the top level and the messages' own fields are parsed; texts are hashed as they were
written and only the newest step is looked into; the head is what stands before the first message
that is not the system's, with the tools; images and files count by what a model reads of them, not
by their base64.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from turnout.capabilities import Needs
from turnout.dialects.openai_attachments import Attachments
from turnout.dialects.openai_chat.reasoning_details import FIELD as DETAILS
from turnout.dialects.openai_chat.reasoning_details import SEAL_MARK
from turnout.dialects.prefix import (
    Canonical,
    Span,
    canonical_fields,
    digest,
    head_of,
    length,
    message_digest,
    without_markers,
)
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.survey import Survey
from turnout.dialects.survey_results import Call, Result, ToolOutcome, outcomes_of, texts_in
from turnout.dialects.survey_thread import CONTEXT_BLOCK, TypedText, joined_texts, roles_of
from turnout.dialects.task_lists import TaskList, names_task_tool, task_list
from turnout.errors import InvalidRequest

_ATTACHED: Final = re.compile(r"\s*Attached (?:image|to the)")
"""How harnesses begin a message that carries images behind a tool."""

_IMAGE_PART: Final = re.compile(rb'"type"\s*:\s*"image_url"')
_BOUND_PART: Final = re.compile(rb'"type"\s*:\s*"(input_audio|audio_url|video_url)"')
_FILE_PART: Final = re.compile(rb'"type"\s*:\s*"file"')
_ROLES: Final = {
    b'"system"': "system",
    b'"developer"': "developer",
    b'"user"': "user",
    b'"assistant"': "assistant",
    b'"tool"': "tool",
    b'"function"': "function",
}
_LEADING: Final = frozenset({"system", "developer"})
_RESULTS: Final = frozenset({"tool", "function"})

_ABSENT: Final = msgspec.Raw()

_Fields = dict[str, msgspec.Raw]


class _Format(msgspec.Struct):
    type: str | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    messages: list[_Fields]
    model: str | None = None
    tools: msgspec.Raw = _ABSENT
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    web_search_options: msgspec.Raw = _ABSENT
    functions: msgspec.Raw = _ABSENT
    n: int | None = None
    modalities: list[str] | None = None
    cache_control: msgspec.Raw = _ABSENT


class _Named(msgspec.Struct):
    name: str | None = None
    arguments: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT
    cache_control: msgspec.Raw = _ABSENT


class _Tool(msgspec.Struct):
    type: str | None = None
    function: _Named | None = None
    custom: _Named | None = None
    cache_control: msgspec.Raw = _ABSENT

    @property
    def is_marked(self) -> bool:
        """Routers in front of Anthropic take a marker on the tool or on its function."""
        function = self.function
        return self.cache_control is not _ABSENT or (
            function is not None and function.cache_control is not _ABSENT
        )


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Named | None = None
    custom: _Named | None = None


class _Part(msgspec.Struct):
    type: str | None = None
    text: str | None = None


_NESTED: Final = frozenset({"function", "custom"})
"""Kinds whose tools stand in a field of that name."""

_BODY: Final = msgspec.json.Decoder(_Body)
_TOOLS: Final = msgspec.json.Decoder(list[_Tool] | None)
_CALLS: Final = msgspec.json.Decoder(list[_Call])
_CONTENT: Final = msgspec.json.Decoder(str | list[_Part] | None)
_STRING: Final = msgspec.json.Decoder(str | None)


def survey_request(body: bytes) -> Survey:
    try:
        fields = _BODY.decode(body)
    except MALFORMED as error:
        raise complaint("", error, body) from None
    messages = fields.messages
    if not messages:
        raise InvalidRequest("messages: must hold at least one message")
    roles = roles_of(messages, _ROLES)
    markers = [bytes(fields.cache_control)]
    canonical = _canonical(messages, markers)
    # What is canonical differs from what was written by markers and punctuation alone.
    message_bytes = tuple(accumulate(map(length, canonical)))
    leading = next((n for n, role in enumerate(roles) if role not in _LEADING), len(roles))
    digests = tuple(map(message_digest, canonical))
    tools = _tools(fields.tools)
    system_digest = digest(*digests[:leading]) if leading else ""
    raw_tools = memoryview(fields.tools)
    offered: Span = raw_tools if tools else b""
    if any(tool.is_marked for tool in tools):
        offered = without_markers(bytes(fields.tools), markers)
    offered_digest = digest(offered)
    attachments = Attachments(_IMAGE_PART, _FILE_PART, _BOUND_PART)
    for message, role in zip(messages, roles, strict=True):
        attachments.count(message, "content", is_models=role == "assistant")
    typed = TypedText(roles, lambda number: _typed(messages[number], number))
    outcomes = () if typed.since_answer else _outcomes(messages, roles, typed.last_answer)
    effort = fields.reasoning_effort
    names = [_name(tool) for tool in tools]
    wants_schema = fields.response_format is not None and fields.response_format.type
    max_new = fields.max_completion_tokens
    prompt_bytes = message_bytes[-1] + len(raw_tools)
    return Survey(
        model=fields.model or "",
        stream=bool(fields.stream),
        body_bytes=len(body),
        needs=Needs(
            prompt_tokens_estimate=attachments.estimate(prompt_bytes),
            max_output_tokens=max_new if max_new is not None else fields.max_tokens,
            tools=bool(tools),
            images=attachments.images > 0,
            documents=attachments.documents > 0,
            structured_output=wants_schema in {"json_schema", "json_object"},
            thinking=effort not in {None, "none"},
            server_tools=(*_server_tools(fields, tools), *attachments.bound),
        ),
        head_digest=head_of(system_digest, offered_digest),
        offered_digest=offered_digest,
        tools_digest=digest(*(name.encode() for name in names)) if tools else "",
        system_digest=system_digest,
        message_digests=digests,
        message_bytes=message_bytes,
        message_count=len(messages),
        last_role=roles[-1],
        tool_count=len(tools),
        outcomes=outcomes,
        tool_result_count=sum(role in _RESULTS for role in roles),
        first_typed_text=typed.first(),
        text=typed.newest(),
        stop_sequences=_strings(fields.stop),
        has_output_format=wants_schema == "json_schema",
        user_field=fields.user or fields.safety_identifier or "",
        prompt_cache_key=fields.prompt_cache_key or "",
        breakpoints=_breakpoints(markers),
        attachment_tokens=attachments.tokens,
        has_foreign_thinking=any(
            SEAL_MARK in bytes(message[DETAILS]) for message in messages if DETAILS in message
        ),
        asks_usage=fields.stream_options is not None
        and fields.stream_options.include_usage is True,
        tool_names=tuple(names),
        tasks=_tasks(messages),
        ended_turn=typed.ended_turn(lambda number: _has_calls(messages[number])),
    )


def _canonical(messages: Sequence[_Fields], markers: list[bytes]) -> list[Canonical]:
    """What a prompt cache compares of each message; their markers are added to `markers`."""
    done: list[Canonical] = []
    try:
        done.extend(canonical_fields(message, markers) for message in messages)
    except MALFORMED as error:
        raise complaint(f"messages.{len(done)}", error) from None
    return done


def _tools(raw: msgspec.Raw) -> list[_Tool]:
    try:
        tools: list[_Tool] = (_TOOLS.decode(raw) or []) if raw is not _ABSENT else []
    except MALFORMED as error:
        raise complaint("tools", error) from None
    for number, tool in enumerate(tools):
        if tool.type in _NESTED and tool.function is None and tool.custom is None:
            raise InvalidRequest(f"tools.{number}.{tool.type}: required, the tool itself")
    return tools


def _name(tool: _Tool | _Call) -> str:
    named = tool.function or tool.custom
    if named is not None and named.name:
        return named.name
    return (tool.type or "") if isinstance(tool, _Tool) else ""


def _server_tools(fields: _Body, tools: Sequence[_Tool]) -> tuple[str, ...]:
    kinds = [tool.type for tool in tools if tool.type not in {None, "function", "custom"}]
    for name in ("web_search_options", "functions"):
        value: msgspec.Raw = getattr(fields, name)
        if bytes(value) not in {b"", b"null"}:
            kinds.append(name)
    if (fields.n or 1) > 1:
        kinds.append("n")
    if "audio" in (fields.modalities or ()):
        kinds.append("modalities")
    return tuple(kind for kind in kinds if kind)


def _texts(message: _Fields, number: int) -> list[str]:
    """The texts of a message, one a part."""
    raw = message.get("content")
    if raw is None:
        return []
    try:
        content = _CONTENT.decode(raw)
    except MALFORMED as error:
        raise complaint(f"messages.{number}.content", error) from None
    match content:
        case None:
            return []
        case str():
            return [content]
        case parts:
            return [part.text for part in parts if part.type == "text" and part.text]


def _typed(message: _Fields, number: int) -> str:
    """What the user typed of a message: blocks that the harness added are left out."""
    return joined_texts(
        [
            text
            for text in _texts(message, number)
            if not CONTEXT_BLOCK.match(text) and not _ATTACHED.match(text)
        ]
    )


def _outcomes(
    messages: Sequence[_Fields], roles: Sequence[str], last_assistant: int
) -> tuple[ToolOutcome, ...]:
    """Results since the last answer. This wire has no mark for a failed tool."""
    calls: dict[str, Call] = {}
    if last_assistant >= 0:
        calls = _calls_of(messages[last_assistant], last_assistant)
    results: list[Result] = []
    for number in range(last_assistant + 1, len(messages)):
        if roles[number] not in _RESULTS:
            continue
        message = messages[number]
        where = f"messages.{number}"
        call_id = _string(message, "tool_call_id", where)
        name = _string(message, "name", where)
        content = message.get("content", _ABSENT)
        call = calls.get(call_id)
        size = len(memoryview(content))
        results.append(Result(call, call_id, texts_in(content), size, tool=name))
    return outcomes_of(results)


def _calls_of(message: _Fields, number: int) -> dict[str, Call]:
    raw = message.get("tool_calls")
    if raw is None or bytes(raw) == b"null":
        return {}
    try:
        calls = _CALLS.decode(raw)
    except MALFORMED as error:
        raise complaint(f"messages.{number}.tool_calls", error) from None
    return {call.id: _call(call) for call in calls if call.id}


def _has_calls(message: _Fields) -> bool:
    return bytes(message.get("tool_calls", _ABSENT)) not in {b"", b"null", b"[]"}


def _tasks(messages: Sequence[_Fields]) -> TaskList:
    calls: list[Call] = []
    for message in messages:
        raw = message.get("tool_calls", _ABSENT)
        if names_task_tool(raw):
            try:
                calls += [_call(call) for call in _CALLS.decode(raw)]
            except MALFORMED:
                # Its provider's to complain about.
                continue
    return task_list(calls)


def _call(written: _Call) -> Call:
    named = written.function or written.custom or _Named()
    return Call(_name(written), named.arguments if written.function else named.input)


def _string(message: _Fields, name: str, where: str) -> str:
    raw = message.get(name)
    if raw is None:
        return ""
    try:
        return _STRING.decode(raw) or ""
    except MALFORMED as error:
        raise complaint(f"{where}.{name}", error) from None


def _strings(stop: str | list[str] | None) -> tuple[str, ...]:
    match stop:
        case None:
            return ()
        case str():
            return (stop,)
        case several:
            return tuple(several)


def _breakpoints(markers: Sequence[bytes]) -> tuple[int, int]:
    set_ = [marker for marker in markers if b"{" in marker]
    long = sum(b'"1h"' in marker for marker in set_)
    return (len(set_) - long, long)
