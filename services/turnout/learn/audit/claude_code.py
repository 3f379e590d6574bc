"""Claude Code's transcripts: `projects/DIRECTORY/SESSION.jsonl`, and `agent-ID.jsonl` for subagents.

Read from its files and from what ccusage (github.com/ryoppippi/ccusage) reads of them. A line is one
content block; an answer's id and usage are repeated on each of its lines, and the last usage stands. An
answer without a stop reason has the placeholder of `message_start` as its output, which is all answers
before 2.1.78. Resumed sessions begin with copies of what they go on with. Older versions keep subagents
in the session's file, without ids; their lines point at the ones before them, which is how they are told.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from turnout.dialects.usage import Usage
from turnout.learn.audit.call import MAIN, Call, Tokens, Unread, Usd, repository_of, unix_seconds
from turnout.learn.audit.files import decoded, lines

AGENT: Final = "claude-code"

SYNTHETIC: Final = "<synthetic>"
"""The model of what Claude Code itself says, such as that a request has failed."""

INTERRUPTED: Final = "[Request interrupted"
"""How what Claude Code writes in the user's place begins when the user stops an answer."""


class _Written(msgspec.Struct):
    ephemeral_5m_input_tokens: Tokens | None = None
    ephemeral_1h_input_tokens: Tokens | None = None


class _Usage(msgspec.Struct):
    input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation: _Written | None = None
    output_tokens: Tokens | None = None
    service_tier: str | None = None
    speed: str | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    is_error: bool | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    content: str | list[_Block] = ""
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Line(msgspec.Struct, rename="camel"):
    type: str = ""
    subtype: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    request_id: str | None = None
    is_sidechain: bool | None = None
    is_meta: bool | None = None
    is_compact_summary: bool | None = None
    cwd: str | None = None
    version: str | None = None
    timestamp: str | None = None
    cost_usd: Usd | None = msgspec.field(default=None, name="costUSD")
    message: msgspec.Raw = msgspec.Raw()


_NAME: Final = re.compile(r"(agent-.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")
"""Other agents keep lines of JSON too."""

_LINE: Final = msgspec.json.Decoder(_Line)
_MESSAGE: Final = msgspec.json.Decoder(_Message)


class _Waiting(msgspec.Struct):
    """What a thread's next answer will have been told."""

    starts_turn: bool = False
    input_chars: int = 0
    tool_errors: int = 0
    has_image: bool = False
    is_compacted: bool = False


def takes(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


def read(path: Path, unread: Unread) -> Iterator[Call]:
    """Calls in the order in which their answers began."""
    answers: dict[tuple[str, str], Call] = {}
    waiting: dict[str, _Waiting] = {}
    roots: dict[str, str] = {}
    for text in lines(path, unread):
        line = decoded(text, _LINE, unread)
        if line is None:
            continue
        thread = _thread(line, roots)
        told = waiting.setdefault(thread, _Waiting())
        if line.type == "system" and line.subtype == "compact_boundary":
            told.is_compacted = True
        elif line.type in ("user", "assistant"):
            message = decoded(line.message, _MESSAGE, unread)
            if message is None:
                continue
            if line.type == "user":
                _hear(told, line, message)
            elif message.model != SYNTHETIC:
                call = _answer(answers, path, line, message, thread, told, unread)
                if call is not None:
                    waiting[thread] = _Waiting()
    yield from answers.values()


def _thread(line: _Line, roots: dict[str, str]) -> str:
    if not line.is_sidechain:
        return MAIN
    root = line.agent_id or roots.get(line.parent_uuid or "") or line.uuid or "subagent"
    if line.uuid:
        roots[line.uuid] = root
    return root


def _hear(told: _Waiting, line: _Line, message: _Message) -> None:
    """Something the model is told: by the user, by a tool, or by Claude Code."""
    is_typed = not line.is_meta and not line.is_compact_summary
    told.is_compacted |= bool(line.is_compact_summary)
    if isinstance(message.content, str):
        told.input_chars += len(message.content)
        told.starts_turn |= is_typed and not message.content.startswith(INTERRUPTED)
        return
    for block in message.content:
        text = block.text or ""
        told.input_chars += len(text) + len(block.content)
        told.has_image |= block.type == "image" or b'"image"' in bytes(block.content)
        if block.type == "tool_result":
            told.tool_errors += bool(block.is_error)
        elif is_typed and not text.startswith(INTERRUPTED):
            told.starts_turn = True


def _answer(
    answers: dict[tuple[str, str], Call],
    path: Path,
    line: _Line,
    message: _Message,
    thread: str,
    told: _Waiting,
    unread: Unread,
) -> Call | None:
    """The call that the line begins; None for one that goes on with an answer, or is none."""
    at = unix_seconds(line.timestamp or "")
    if message.usage is None or not message.model or at is None:
        unread["answers without usage, model or time"] += 1
        return None
    blocks = [] if isinstance(message.content, str) else message.content
    text = message.content if isinstance(message.content, str) else ""
    part = Call(
        agent=AGENT,
        client_version=line.version or "",
        repo=repository_of(line.cwd) if line.cwd else path.parent.name,
        session=line.session_id or path.stem,
        thread=thread,
        begun=at,
        ended=at,
        starts_turn=told.starts_turn,
        model=message.model,
        usage=_usage(message.usage),
        is_whole=message.stop_reason is not None,
        text_chars=len(text) + sum(len(block.text or "") for block in blocks),
        thinking_chars=sum(len(block.thinking or "") for block in blocks),
        tool_chars=sum(len(block.input) for block in blocks),
        input_chars=told.input_chars,
        tools=tuple(block.name or "" for block in blocks if block.type == "tool_use"),
        tool_errors=told.tool_errors,
        has_image=told.has_image,
        is_compacted=told.is_compacted,
        stop_reason=message.stop_reason or "",
        tier=_tier(message.usage),
        usd_reported=line.cost_usd,
        message=message.id or "",
        request=line.request_id or "",
    )
    key = message.id or line.uuid or f"line {len(answers)}", line.request_id or ""
    before = answers.get(key)
    answers[key] = part if before is None else _joined(before, part)
    return part if before is None else None


def _joined(before: Call, part: Call) -> Call:
    return structs.replace(
        before,
        ended=max(before.ended, part.ended),
        usage=part.usage,
        is_whole=part.is_whole,
        text_chars=before.text_chars + part.text_chars,
        thinking_chars=before.thinking_chars + part.thinking_chars,
        tool_chars=before.tool_chars + part.tool_chars,
        tools=before.tools + part.tools,
        stop_reason=part.stop_reason,
    )


def _tier(usage: _Usage) -> str:
    """What is billed at another price than the list's, in the provider's word."""
    told = (usage.speed, usage.service_tier)
    return next((one for one in told if one and one != "standard"), "")


def _usage(usage: _Usage) -> Usage:
    split = usage.cache_creation or _Written()
    hour = split.ephemeral_1h_input_tokens or 0
    five_minutes = split.ephemeral_5m_input_tokens or 0
    # Older versions tell the sum alone, and five minutes is what a write is for that does not say.
    rest = max(0, (usage.cache_creation_input_tokens or 0) - hour - five_minutes)
    return Usage(
        fresh_input=usage.input_tokens or 0,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write_5m=five_minutes + rest,
        cache_write_1h=hour,
        output=usage.output_tokens or 0,
    )
