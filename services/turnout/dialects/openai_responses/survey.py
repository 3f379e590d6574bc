"""The facts of a responses request in one pass over its bytes.

Rules: only the top level and the items' own fields are parsed; texts are hashed as they were written
and only the newest step is looked into; the head is `instructions` and what stands before the first
item that is not the system's, with the tools; what lives on OpenAI's servers, or what only OpenAI can
read, is told like a server tool, because only its own models can be given it.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

import msgspec

from turnout.capabilities import Needs
from turnout.dialects.openai_responses.survey_items import SurveyedItems
from turnout.dialects.prefix import digest, head_of, length, message_digest
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.survey import Survey
from turnout.dialects.survey_thread import TypedText
from turnout.dialects.task_lists import task_list
from turnout.errors import InvalidRequest

_ABSENT: Final = msgspec.Raw()
_LIST_BEGINS: Final = ord("[")
_STRING_BEGINS: Final = ord('"')
_NOTHING: Final = frozenset({b"", b"null"})
_LEADING: Final = frozenset({"system", "developer"})
_CLIENT_RUN: Final = frozenset({"function", "custom", "namespace"})

_Fields = dict[str, msgspec.Raw]


class _Format(msgspec.Struct):
    type: str | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


class _Body(msgspec.Struct):
    input: msgspec.Raw = _ABSENT
    model: str | None = None
    instructions: msgspec.Raw = _ABSENT
    tools: msgspec.Raw = _ABSENT
    stream: bool | None = None
    max_output_tokens: int | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    background: bool | None = None
    previous_response_id: msgspec.Raw = _ABSENT
    conversation: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT


class _Tool(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    execution: str | None = None

    @property
    def is_client_run(self) -> bool:
        is_search = self.type == "tool_search" and self.execution == "client"
        return self.type in _CLIENT_RUN or is_search


_BODY: Final = msgspec.json.Decoder(_Body)
_TOOLS: Final = msgspec.json.Decoder(list[_Tool] | None)
_ITEMS: Final = msgspec.json.Decoder(list[_Fields])


def survey_request(body: bytes) -> Survey:
    try:
        fields = _BODY.decode(body)
    except MALFORMED as error:
        raise complaint("", error, body) from None
    items = SurveyedItems(_items(fields.input))
    canonical = items.canonical
    message_bytes = tuple(accumulate(map(length, canonical)))
    leading = next(
        (n for n, role in enumerate(items.roles) if role not in _LEADING), len(canonical)
    )
    digests = tuple(map(message_digest, canonical))
    instructions = memoryview(fields.instructions)
    has_instructions = bytes(instructions[:5]) not in _NOTHING
    system = [digest(instructions)] if has_instructions else []
    system += map(bytes.hex, digests[:leading])
    system_digest = digest(*(part.encode() for part in system)) if system else ""
    tools = _tools(fields.tools)
    raw_tools = memoryview(fields.tools) if tools else memoryview(b"")
    offered_digest = digest(raw_tools)
    typed = TypedText(items.roles, items.typed)
    wants = fields.text.format.type if fields.text is not None and fields.text.format else None
    effort = fields.reasoning.effort if fields.reasoning is not None else None
    for brought in items.tools:
        tools += _tools(brought)
    names = [tool.name or tool.type or "" for tool in tools]
    prompt_bytes = message_bytes[-1] + len(raw_tools) + len(instructions)
    return Survey(
        model=fields.model or "",
        stream=bool(fields.stream),
        body_bytes=len(body),
        needs=Needs(
            prompt_tokens_estimate=items.attachments.estimate(prompt_bytes),
            max_output_tokens=fields.max_output_tokens,
            tools=bool(tools),
            images=items.attachments.images > 0,
            documents=items.attachments.documents > 0,
            structured_output=wants in {"json_schema", "json_object"},
            thinking=effort not in {None, "none"},
            server_tools=(
                *_on_the_server(fields),
                *_server_tools(tools),
                *items.native_kinds,
                *items.attachments.bound,
            ),
        ),
        head_digest=head_of(system_digest, offered_digest),
        offered_digest=offered_digest,
        tools_digest=digest(*(name.encode() for name in names)) if names else "",
        system_digest=system_digest,
        message_digests=digests,
        message_bytes=message_bytes,
        message_count=len(canonical),
        last_role=items.roles[-1],
        tool_count=len(tools),
        outcomes=() if typed.since_answer else items.outcomes(since=typed.last_answer),
        tool_result_count=items.result_count,
        first_typed_text=typed.first(),
        text=typed.newest(),
        stop_sequences=(),
        has_output_format=wants == "json_schema",
        user_field=fields.user or fields.safety_identifier or "",
        prompt_cache_key=fields.prompt_cache_key or "",
        breakpoints=(0, 0),
        has_foreign_thinking=items.has_foreign_thinking,
        attachment_tokens=items.attachments.tokens,
        tool_names=tuple(names),
        tasks=task_list(items.task_calls),
        ended_turn=typed.ended_turn(items.has_calls),
    )


def _items(raw: msgspec.Raw) -> Sequence[_Fields]:
    """The items; a plain string is what the user typed."""
    view = memoryview(raw)
    if raw is _ABSENT or view[0] not in {_LIST_BEGINS, _STRING_BEGINS}:
        raise InvalidRequest("input: required, a string or a list of items")
    if view[0] == _STRING_BEGINS:
        return [{"role": msgspec.Raw(b'"user"'), "content": raw}]
    try:
        items = _ITEMS.decode(raw)
    except MALFORMED as error:
        raise complaint("input", error) from None
    if not items:
        raise InvalidRequest("input: must hold at least one item")
    return items


def _tools(raw: msgspec.Raw) -> list[_Tool]:
    try:
        return (_TOOLS.decode(raw) or []) if raw is not _ABSENT else []
    except MALFORMED as error:
        raise complaint("tools", error) from None


def _on_the_server(fields: _Body) -> Iterator[str]:
    """What the answer depends on and the body does not hold."""
    for name in ("previous_response_id", "conversation", "prompt"):
        value: msgspec.Raw = getattr(fields, name)
        if bytes(memoryview(value)[:5]) not in _NOTHING:
            yield name
    if fields.background:
        yield "background"


def _server_tools(tools: Sequence[_Tool]) -> Iterator[str]:
    for tool in tools:
        if tool.type and not tool.is_client_run:
            yield tool.type
