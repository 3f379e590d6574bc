"""The facts of a messages request in one pass over its bytes.

Rules: only the top level and the messages' own fields are parsed; texts are hashed as they were
written and only the newest step is looked into; the billing line that Claude Code puts in front of
its system prompt differs per request and is left out; deferred tools are no part of the head,
because the API keeps them out of the prompt until they are called for; images and documents count by
what a model reads of them, not by their base64.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from turnout.bonds import BONDS
from turnout.capabilities import Needs
from turnout.dialects.anthropic_messages.bound import bound_fields
from turnout.dialects.anthropic_messages.survey_messages import (
    Attachments,
    SurveyedMessages,
)
from turnout.dialects.prefix import (
    Span,
    canonical_block,
    digest,
    head_of,
    length,
    message_digest,
    without_markers,
)
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.survey import BYTES_PER_TOKEN, Survey
from turnout.dialects.survey_thread import TypedText
from turnout.dialects.task_lists import task_list
from turnout.errors import InvalidRequest

_BILLING: Final = b'"x-anthropic-billing-header'
_NOTHING: Final = frozenset({b"", b"null"})
_STRING_BEGINS: Final = ord('"')

_ABSENT: Final = msgspec.Raw()

_Fields = dict[str, msgspec.Raw]


class _Kind(msgspec.Struct):
    type: str | None = None


class _OutputConfig(msgspec.Struct):
    format: msgspec.Raw = _ABSENT


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    messages: list[_Fields] | None = None
    system: msgspec.Raw = _ABSENT
    tools: list[msgspec.Raw] | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    thinking: _Kind | None = None
    output_config: _OutputConfig | None = None
    output_format: msgspec.Raw = _ABSENT
    metadata: _Metadata | None = None
    cache_control: msgspec.Raw = _ABSENT
    billing_policy: msgspec.Raw = _ABSENT
    compaction: msgspec.Raw = _ABSENT
    container: msgspec.Raw = _ABSENT
    inference_geo: msgspec.Raw = _ABSENT
    mcp_servers: msgspec.Raw = _ABSENT
    thread: msgspec.Raw = _ABSENT


_BOUND: Final = tuple(
    name
    for name in _Body.__struct_fields__
    if name in BONDS["anthropic_messages"] and name != "max_tokens"
)


class _Tool(msgspec.Struct):
    name: str | None = None
    type: str | None = None
    defer_loading: bool | None = None
    cache_control: msgspec.Raw = _ABSENT


_BODY: Final = msgspec.json.Decoder(_Body)
_TOOL: Final = msgspec.json.Decoder(_Tool)
_SYSTEM: Final = msgspec.json.Decoder(list[_Fields])


def survey_request(body: bytes) -> Survey:
    try:
        fields = _BODY.decode(body)
    except MALFORMED as error:
        raise complaint("", error, body) from None
    if not fields.messages:
        raise InvalidRequest("messages: required, a list of at least one message")
    messages = SurveyedMessages(fields.messages)
    # What is canonical differs from what was written by markers and punctuation alone.
    message_bytes = tuple(accumulate(map(length, messages.canonical)))
    markers = messages.markers
    system = _system(fields.system, markers)
    system_digest = digest(*system) if system else ""
    raw_tools = fields.tools or ()
    tools = [_tool(raw, number) for number, raw in enumerate(raw_tools)]
    offered: list[Span] = [
        memoryview(raw) if tool.cache_control is _ABSENT else without_markers(bytes(raw), markers)
        for raw, tool in zip(raw_tools, tools, strict=True)
        if not tool.defer_loading
    ]
    names = [tool.name or "" for tool in tools if not tool.defer_loading]
    offered_digest = digest(*offered)
    typed = TypedText(messages.roles, messages.typed)
    attachments = Attachments(messages.attachments)
    prompt_bytes = message_bytes[-1] + sum(map(len, system)) + sum(map(len, offered))
    wants_schema = _wants_schema(fields)
    thinking = fields.thinking.type if fields.thinking is not None else None
    return Survey(
        model=fields.model or "",
        stream=bool(fields.stream),
        body_bytes=len(body),
        needs=Needs(
            prompt_tokens_estimate=round(
                max(0, prompt_bytes - attachments.base64_bytes) / BYTES_PER_TOKEN
            )
            + attachments.tokens,
            max_output_tokens=fields.max_tokens,
            tools=bool(tools),
            images=attachments.images > 0,
            documents=attachments.documents > 0,
            structured_output=wants_schema,
            thinking=thinking in {"enabled", "adaptive"},
            server_tools=(
                *(tool.type for tool in tools if tool.type and tool.type != "custom"),
                *messages.own_kinds,
                *attachments.own_kinds,
                *_bound(fields),
            ),
        ),
        head_digest=head_of(system_digest, offered_digest),
        offered_digest=offered_digest,
        tools_digest=digest(*(name.encode() for name in names)) if names else "",
        system_digest=system_digest,
        message_digests=tuple(map(message_digest, messages.canonical)),
        message_bytes=message_bytes,
        message_count=len(messages.roles),
        last_role=messages.roles[-1],
        tool_count=len(tools),
        outcomes=() if typed.since_answer else messages.outcomes(since=typed.last_answer),
        tool_result_count=messages.result_count,
        first_typed_text=typed.first(),
        text=typed.newest(),
        stop_sequences=tuple(fields.stop_sequences or ()),
        has_output_format=wants_schema,
        user_field=(fields.metadata.user_id or "") if fields.metadata is not None else "",
        prompt_cache_key="",
        breakpoints=_breakpoints((*markers, bytes(fields.cache_control))),
        has_foreign_thinking=messages.has_foreign_thinking,
        attachment_tokens=attachments.tokens,
        tool_names=tuple(names),
        tasks=task_list(messages.task_calls),
        ended_turn=typed.ended_turn(messages.has_calls),
    )


def _bound(fields: _Body) -> tuple[str, ...]:
    written: dict[str, msgspec.Raw] = {name: getattr(fields, name) for name in _BOUND}
    said = {
        name: bytes(raw).decode(errors="replace")
        for name, raw in written.items()
        if raw is not _ABSENT
    }
    return bound_fields(said, fields.max_tokens)


def _system(raw: msgspec.Raw, markers: list[bytes]) -> Sequence[Span]:
    """What of the system prompt a cache compares, a text each; its markers go to `markers`."""
    text = memoryview(raw)
    if raw is _ABSENT or text[:5].tobytes() == b"null":
        return ()
    if text[0] == _STRING_BEGINS:
        return (text,)
    try:
        return [
            canonical_block(block, markers)
            for block in _SYSTEM.decode(raw)
            if not bytes(block.get("text", _ABSENT)).startswith(_BILLING)
        ]
    except MALFORMED as error:
        raise complaint("system", error) from None


def _tool(raw: msgspec.Raw, number: int) -> _Tool:
    try:
        return _TOOL.decode(raw)
    except MALFORMED as error:
        raise complaint(f"tools.{number}", error) from None


def _wants_schema(fields: _Body) -> bool:
    wanted = bytes(fields.output_config.format) if fields.output_config is not None else b""
    return wanted not in _NOTHING or bytes(fields.output_format) not in _NOTHING


def _breakpoints(markers: Sequence[bytes]) -> tuple[int, int]:
    """Markers of the client: (five minutes, one hour)."""
    written = [marker for marker in markers if b"{" in marker]
    long = sum(b'"1h"' in marker for marker in written)
    return (len(written) - long, long)
