"""opencode's transcripts: the database `opencode.db`, and the files below `storage` of versions before 1.2.

Read from its databases and from what ccusage (github.com/ryoppippi/ccusage) reads of them. A message is an
answer; where it has several steps, each that ends with its own usage is one. Output does not hold
reasoning, which opencode itself charges as output. A subagent is a session that has a parent. The older
files are one a message and one a part of it, and stay when a newer version has moved them to its
database: the same message counts once.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from turnout.dialects.usage import Usage
from turnout.learn.audit.call import (
    LATEST,
    MAIN,
    Call,
    Tokens,
    Unread,
    Usd,
    repository_of,
    usage_with_writes,
)
from turnout.learn.audit.files import below, decoded, is_directory, whole

AGENT: Final = "opencode"

MILLISECONDS: Final = 1_000.0

Decoded = TypeVar("Decoded")

Milliseconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=LATEST * 1_000)]


class _Cache(msgspec.Struct):
    read: Tokens | None = None
    write: Tokens | None = None


class _Tokens(msgspec.Struct):
    input: Tokens | None = None
    output: Tokens | None = None
    reasoning: Tokens | None = None
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Span(msgspec.Struct):
    created: Milliseconds | None = None
    completed: Milliseconds | None = None
    start: Milliseconds | None = None
    end: Milliseconds | None = None


class _Place(msgspec.Struct):
    cwd: str | None = None
    root: str | None = None


class _Message(msgspec.Struct, rename={"parent": "parentID", "model": "modelID"}):
    role: str = ""
    parent: str | None = None
    model: str | None = None
    time: _Span | None = None
    tokens: _Tokens | None = None
    cost: Usd | None = None
    path: _Place | None = None
    finish: str | None = None
    summary: msgspec.Raw = msgspec.Raw()


class _State(msgspec.Struct):
    status: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    time: _Span | None = None


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    tool: str | None = None
    mime: str | None = None
    reason: str | None = None
    state: _State | None = None
    time: _Span | None = None
    tokens: _Tokens | None = None
    cost: Usd | None = None


class _Session(msgspec.Struct, rename={"parent": "parentID"}):
    id: str = ""
    parent: str | None = None
    directory: str | None = None
    version: str | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_PART: Final = msgspec.json.Decoder(_Part)
_SESSION: Final = msgspec.json.Decoder(_Session)


def takes(path: Path) -> bool:
    """The database, or the directory of the older files."""
    if path.name == "storage":
        return is_directory(path / "message")
    return path.name.startswith("opencode") and path.suffix == ".db"


def read(path: Path, unread: Unread) -> Iterator[Call]:
    yield from _of_files(path, unread) if is_directory(path) else _of_database(path, unread)


def _of_database(path: Path, unread: Unread) -> Iterator[Call]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            named = database.execute(
                "SELECT id, parent_id, directory, version FROM session ORDER BY time_created, id"
            ).fetchall()
            calls = 0
            for row in named:
                id_, parent, directory, version = (_text(one) for one in row)
                session = _Session(id_, parent, directory, version)
                for call in _of_session(session, _messages(database, id_, unread), unread):
                    calls += 1
                    yield call
            if named and not calls:
                unread["databases without answers in the known tables"] += 1
    except sqlite3.Error:
        unread["databases that cannot be read to their end"] += 1


def _messages(
    database: sqlite3.Connection, session: str, unread: Unread
) -> Iterator[tuple[str, _Message, Sequence[_Part]]]:
    parts: dict[bytes, list[_Part]] = defaultdict(list)
    for message, data in database.execute(
        "SELECT message_id, data FROM part WHERE session_id = ? ORDER BY id", (session,)
    ):
        part = decoded(_bytes(data), _PART, unread, what="parts")
        if part is not None:
            parts[_bytes(message)].append(part)
    for id_, data in database.execute(
        "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id", (session,)
    ):
        message = decoded(_bytes(data), _MESSAGE, unread, what="messages")
        if message is not None:
            yield _text(id_), message, parts[_bytes(id_)]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: object) -> str:
    return _bytes(value).decode(errors="replace")


def _of_files(storage: Path, unread: Unread) -> Iterator[Call]:
    sessions: dict[str, _Session] = {}
    for directory, _names, files in below(storage / "session", unread):
        for name in files:
            session = _file(directory / name, _SESSION, unread)
            if session is not None:
                sessions[session.id] = session
    for directory, _names, files in below(storage / "message", unread):
        session = sessions.get(directory.name, _Session(directory.name))
        messages = [(Path(name).stem, _file(directory / name, _MESSAGE, unread)) for name in files]
        told = (
            (id_, message, _parts(storage, id_, unread))
            for id_, message in messages
            if message is not None
        )
        yield from _of_session(session, told, unread)


def _parts(storage: Path, message: str, unread: Unread) -> list[_Part]:
    directory = storage / "part" / message
    if not is_directory(directory):
        return []
    found = [
        _file(place / name, _PART, unread)
        for place, _names, files in below(directory, unread)
        for name in files
    ]
    return [one for one in found if one is not None]


def _file(path: Path, decoder: msgspec.json.Decoder[Decoded], unread: Unread) -> Decoded | None:
    data = whole(path, unread)
    return decoded(data, decoder, unread, what="files") if data else None


class _Step(msgspec.Struct):
    """One answer within a message; times in milliseconds."""

    begun: float
    ended: float
    tokens: _Tokens | None = None
    cost: float | None = None
    reason: str = ""
    text_chars: int = 0
    thinking_chars: int = 0
    tool_chars: int = 0
    result_chars: int = 0
    errors: int = 0
    tools: list[str] = msgspec.field(default_factory=list[str])


def _of_session(
    session: _Session,
    messages: Iterable[tuple[str, _Message, Sequence[_Part]]],
    unread: Unread,
) -> Iterator[Call]:
    asked: str | None = None
    heard, errors, has_image, is_compacted = 0, 0, False, False
    for id_, message, parts in messages:
        if message.role == "user":
            heard += sum(len(part.text or "") for part in parts)
            has_image |= any((part.mime or "").startswith("image/") for part in parts)
        if message.role != "assistant":
            continue
        for number, step in enumerate(_steps(message, parts)):
            usage = None if step.tokens is None else _usage(message.model or "", step.tokens)
            if usage is None or not usage.total or not message.model or not step.begun:
                unread["answers without usage, model or time"] += 1
                continue
            yield Call(
                agent=AGENT,
                client_version=session.version or "",
                repo=repository_of(session.directory or (message.path or _Place()).cwd or ""),
                session=session.parent or session.id,
                thread=session.id if session.parent else MAIN,
                begun=step.begun / MILLISECONDS,
                ended=max(step.begun, step.ended) / MILLISECONDS,
                starts_turn=message.parent != asked,
                model=message.model,
                usage=usage,
                text_chars=step.text_chars,
                thinking_chars=step.thinking_chars,
                tool_chars=step.tool_chars,
                input_chars=heard,
                tools=tuple(step.tools),
                tool_errors=errors,
                has_image=has_image,
                is_compacted=is_compacted,
                stop_reason=step.reason,
                usd_reported=step.cost,
                message=f"{id_} {number}",
            )
            asked = message.parent
            heard, errors, has_image, is_compacted = step.result_chars, step.errors, False, False
        # The message that sums up is asked for with the whole prompt; the next one has the sum.
        is_compacted |= bytes(message.summary) == b"true"


def _steps(message: _Message, parts: Sequence[_Part]) -> list[_Step]:
    """By their ends, as the parts tell them; the message's own figures where there is at most one."""
    times = message.time or _Span()
    created = times.created or 0.0
    steps = [_Step(created, created)]
    for part in parts:
        step = steps[-1]
        span = (part.state.time if part.state else part.time) or _Span()
        # A tool runs when the answer that calls it has ended.
        step.ended = max(step.ended, (span.start if part.state else span.end) or 0.0)
        match part.type:
            case "text":
                step.text_chars += len(part.text or "")
            case "reasoning":
                step.thinking_chars += len(part.text or "")
            case "tool":
                state = part.state or _State()
                step.tools.append(part.tool or "")
                step.tool_chars += len(state.input)
                step.result_chars += len(state.output)
                step.errors += state.status == "error"
            case "step-finish":
                step.tokens, step.cost, step.reason = part.tokens, part.cost, part.reason or ""
                steps.append(_Step(step.ended, step.ended))
            case _:
                pass
    finished = [step for step in steps if step.tokens is not None]
    if len(finished) > 1:
        return finished
    only = steps[0]
    only.tokens, only.cost, only.reason = message.tokens, message.cost, message.finish or ""
    if only.ended <= only.begun and not parts:
        only.ended = times.completed or created
    return [only]


def _usage(model: str, tokens: _Tokens) -> Usage:
    reasoning = tokens.reasoning or 0
    return usage_with_writes(
        model,
        fresh=tokens.input or 0,
        read=tokens.cache.read or 0,
        written=tokens.cache.write or 0,
        output=(tokens.output or 0) + reasoning,
        reasoning=reasoning,
    )
