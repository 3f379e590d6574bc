"""Codex's transcripts: `sessions/YEAR/MONTH/DAY/rollout-TIME-ID.jsonl`.

Read from its files and from what ccusage (github.com/ryoppippi/ccusage) reads of them. What an answer has
used is a `token_usage_record` in newer versions; in older ones it is the last usage of a `token_count`,
which is said again when nothing was asked in between: then the sum over the session has not grown. The
oldest versions keep no usage at all. A thread that was forked begins with copies, its parent's first lines
among them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from turnout.learn.audit.call import (
    MAIN,
    Call,
    Tokens,
    Unread,
    repository_of,
    unix_seconds,
    usage_with_writes,
)
from turnout.learn.audit.files import decoded, lines

AGENT: Final = "codex"

MADE: Final = frozenset(
    {
        *("reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call"),
        *("tool_search_call", "image_generation_call"),
    }
)
"""Items of an answer, but for messages, which both sides write."""

UNNAMED: Final = {
    "local_shell_call": "local_shell",
    "web_search_call": "web_search",
    "tool_search_call": "tool_search",
    "image_generation_call": "image_generation",
}
"""Tools whose calls have no name."""


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: Tokens = 0
    cached_input_tokens: Tokens = 0
    cache_write_input_tokens: Tokens | None = None
    output_tokens: Tokens = 0
    reasoning_output_tokens: Tokens = 0


class _Info(msgspec.Struct):
    total_token_usage: _Usage | None = None
    last_token_usage: _Usage | None = None


class _Git(msgspec.Struct):
    repository_url: str | None = None


class _Payload(msgspec.Struct):
    """Of any line; what a line does not have is left at what it would mean."""

    type: str = ""
    # session_meta
    id: str | None = None
    session_id: str | None = None
    forked_from_id: str | None = None
    cwd: str | None = None
    cli_version: str | None = None
    source: msgspec.Raw = msgspec.Raw()
    git: _Git | None = None
    # turn_context
    model: str | None = None
    effort: str | None = None
    # response_item
    role: str | None = None
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    action: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    summary: msgspec.Raw = msgspec.Raw()
    # what was used
    info: _Info | None = None
    usage: _Usage | None = None
    response_id: str | None = None


class _Line(msgspec.Struct):
    timestamp: str = ""
    type: str = ""
    payload: msgspec.Raw = msgspec.Raw()


class _Spawned(msgspec.Struct):
    parent_thread_id: str | None = None


class _Subagent(msgspec.Struct):
    thread_spawn: _Spawned | None = None


class _Source(msgspec.Struct):
    subagent: _Subagent | str | None = None


_LINE: Final = msgspec.json.Decoder(_Line)
_PAYLOAD: Final = msgspec.json.Decoder(_Payload)
_SOURCE: Final = msgspec.json.Decoder(_Source | str | None)

READ: Final = frozenset(
    {
        *("session_meta", "turn_context", "response_item", "event_msg"),
        *("token_usage_record", "compacted"),
    }
)


def takes(path: Path) -> bool:
    return path.name.startswith("rollout-") and path.suffix == ".jsonl"


def read(path: Path, unread: Unread) -> Iterator[Call]:
    session = _Session(path)
    for text in lines(path, unread):
        line = decoded(text, _LINE, unread)
        if line is None or line.type not in READ:
            continue
        payload = decoded(line.payload, _PAYLOAD, unread)
        if payload is not None:
            session.on_line(line, payload, unread)
    if not session.calls:
        unread["sessions without usage"] += 1
    # The same sums come up in threads that have nothing to do with one another.
    for call in session.calls:
        yield structs.replace(call, request=session.family) if call.message[:1] == "=" else call


class _Session:
    """One file on its way.

    Attributes:
        family: the oldest thread that this one has copies of; itself if there are none.
    """

    def __init__(self, path: Path) -> None:
        self.family = ""
        self.calls: list[Call] = []
        self._id = path.stem
        self._root = path.stem
        self._is_subagent = False
        self._version = ""
        self._repo = ""
        self._model = ""
        self._effort = ""
        self._total: _Usage | None = None
        self._has_records = False
        self._starts_turn = False
        self._is_compacted = False
        self._heard = 0
        self._answer = _Answer()

    def on_line(self, line: _Line, payload: _Payload, unread: Unread) -> None:
        match line.type:
            case "session_meta":
                self._on_meta(payload)
            case "turn_context":
                self._model = payload.model or self._model
                self._effort = payload.effort or ""
                self._repo = self._repo or repository_of(payload.cwd or "")
            case "compacted":
                self._is_compacted = True
            case "response_item":
                self._on_item(payload)
            case "token_usage_record" if payload.usage is not None:
                self._has_records = True
                self._on_usage(line, payload.usage, payload.response_id or "", unread)
            case "event_msg":
                self._on_event(line, payload, unread)
            case _:
                pass

    def _on_meta(self, payload: _Payload) -> None:
        parent, is_subagent = _parent(payload.source)
        if not self.family:
            self._id = payload.id or self._id
            self._is_subagent = is_subagent
            self._root = payload.session_id or parent or self._id if self._is_subagent else self._id
            self._version = payload.cli_version or ""
            url = payload.git.repository_url if payload.git else None
            self._repo = (
                url.rstrip("/").rpartition("/")[2].removesuffix(".git")
                if url
                else repository_of(payload.cwd or "")
            )
        self.family = payload.forked_from_id or parent or payload.id or self._id

    def _on_item(self, payload: _Payload) -> None:
        answer = self._answer
        if payload.type in MADE or (payload.type == "message" and payload.role == "assistant"):
            if not answer.is_begun:
                answer.is_begun, answer.input_chars, self._heard = True, self._heard, 0
            if payload.type == "reasoning":
                answer.thinking_chars += len(payload.summary) + len(payload.content)
            elif payload.type == "message":
                answer.text_chars += len(payload.content)
            else:
                answer.tools.append(payload.name or UNNAMED.get(payload.type, payload.type))
                answer.tool_chars += sum(
                    map(len, (payload.arguments, payload.input, payload.action))
                )
        else:
            self._heard += len(payload.content) + len(payload.output)
            answer.has_image |= b'"input_image"' in bytes(payload.content)

    def _on_event(self, line: _Line, payload: _Payload, unread: Unread) -> None:
        if payload.type in ("user_message", "task_started"):
            self._starts_turn = True
        elif payload.type == "context_compacted":
            self._is_compacted = True
        elif payload.type == "token_count" and payload.info is not None and not self._has_records:
            total, last = payload.info.total_token_usage, payload.info.last_token_usage
            if total is not None and total == self._total:
                return
            if last is None and total is not None:
                last = _difference(total, self._total)
            self._total = total
            if last is not None:
                name = "" if total is None else "=" + ",".join(map(str, structs.astuple(total)))
                self._on_usage(line, last, name, unread)

    def _on_usage(self, line: _Line, usage: _Usage, name: str, unread: Unread) -> None:
        at = unix_seconds(line.timestamp)
        if at is None or not self._model:
            unread["answers without usage, model or time"] += 1
            return
        if not usage.input_tokens and not usage.output_tokens:
            return
        read = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_input_tokens or 0, usage.input_tokens - read)
        answer = self._answer
        self.calls.append(
            Call(
                agent=AGENT,
                client_version=self._version,
                repo=self._repo,
                session=self._root,
                thread=self._id if self._is_subagent else MAIN,
                begun=at,
                ended=at,
                starts_turn=self._starts_turn,
                model=self._model,
                usage=usage_with_writes(
                    self._model,
                    fresh=usage.input_tokens - read - written,
                    read=read,
                    written=written,
                    output=usage.output_tokens,
                    reasoning=usage.reasoning_output_tokens,
                ),
                text_chars=answer.text_chars,
                thinking_chars=answer.thinking_chars,
                tool_chars=answer.tool_chars,
                input_chars=answer.input_chars,
                tools=tuple(answer.tools),
                has_image=answer.has_image,
                is_compacted=self._is_compacted,
                stop_reason=self._effort,
                message=name,
            )
        )
        self._starts_turn = self._is_compacted = False
        self._answer = _Answer()


class _Answer(msgspec.Struct):
    """What has come of an answer whose usage has not been told yet."""

    is_begun: bool = False
    text_chars: int = 0
    thinking_chars: int = 0
    tool_chars: int = 0
    input_chars: int = 0
    has_image: bool = False
    tools: list[str] = []


def _parent(source: msgspec.Raw) -> tuple[str, bool]:
    """The thread that has spawned this one, and whether one has."""
    found = decoded(source, _SOURCE, Unread()) if source else None
    if not isinstance(found, _Source) or found.subagent is None:
        return "", False
    spawned = None if isinstance(found.subagent, str) else found.subagent.thread_spawn
    return (spawned.parent_thread_id or "" if spawned else ""), True


def _difference(total: _Usage, before: _Usage | None) -> _Usage:
    pairs = zip(structs.astuple(total), structs.astuple(before or _Usage()), strict=True)
    return _Usage(*(max(0, (one or 0) - (other or 0)) for one, other in pairs))
