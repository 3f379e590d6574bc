"""opencode's transcripts: the database `opencode.db`, and the files below `storage` of versions before 1.2.

Read from its databases and from what ccusage (github.com/ryoppippi/ccusage) reads of them. A message is an
answer; where it has several steps, each that ends with its own usage is one. Output does not hold
reasoning, which opencode itself charges as output. A subagent is a session that has a parent. The oldest
form is files, one a message and one a part of it; then come the tables `message` and `part`, and from 2.0
on `session_message` beside them. What a newer version has moved stays where it was: the same message
counts once.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from turnout.dialects.usage import Usage
from turnout.learn.audit.call import MAIN, Call, Unread, repository_of, usage_with_writes
from turnout.learn.audit.files import below, decoded, is_directory, whole
from turnout.learn.audit.opencode_forms import (
    ANSWERS,
    HEARD,
    MESSAGE,
    PART,
    ROW,
    SESSION,
    Counts,
    Message,
    Part,
    Place,
    Session,
    Span,
    State,
    Told,
    of_row,
)

AGENT: Final = "opencode"

MILLISECONDS: Final = 1_000.0

Decoded = TypeVar("Decoded")

SESSIONS: Final = ("session", "session_v2")
"""The tables of sessions, the older first; a session that was moved stays in both under the same id."""


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
            there = {
                _text(name)
                for (name,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
            sessions = {
                session.id: session
                for table in SESSIONS
                if table in there
                for session in _sessions(database, table)
            }
            calls = 0
            for session in sessions.values():
                for call in _of_session(
                    session, _told(database, there, session.id, unread), unread
                ):
                    calls += 1
                    yield call
            if not calls and (sessions or there.isdisjoint(SESSIONS)):
                unread["databases without answers in the known tables"] += 1
    except sqlite3.Error:
        unread["databases that cannot be read to their end"] += 1


def _sessions(database: sqlite3.Connection, table: str) -> Iterator[Session]:
    # The name is one of ours.
    query = f"SELECT id, parent_id, directory, version FROM {table} ORDER BY time_created, id"  # noqa: S608
    for row in database.execute(query):
        yield Session(*(_text(one) for one in row))


def _told(
    database: sqlite3.Connection, there: set[str], session: str, unread: Unread
) -> Iterator[Told]:
    """What was moved keeps its ids, so that what stands in both forms is told once."""
    seen: set[str] = set()
    if {"message", "part"} <= there:
        for told in _messages(database, session, unread):
            seen.add(told[0])
            yield told
    if "session_message" in there:
        yield from (one for one in _rows(database, session, unread) if one[0] not in seen)


def _messages(database: sqlite3.Connection, session: str, unread: Unread) -> Iterator[Told]:
    parts: dict[bytes, list[Part]] = defaultdict(list)
    for message, data in database.execute(
        "SELECT message_id, data FROM part WHERE session_id = ? ORDER BY id", (session,)
    ):
        part = decoded(_bytes(data), PART, unread, what="parts")
        if part is not None:
            parts[_bytes(message)].append(part)
    for id_, data in database.execute(
        "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id", (session,)
    ):
        message = decoded(_bytes(data), MESSAGE, unread, what="messages")
        if message is not None:
            yield _text(id_), message, parts[_bytes(id_)]


def _rows(database: sqlite3.Connection, session: str, unread: Unread) -> Iterator[Told]:
    asked = ""
    for id_, kind, data in database.execute(
        "SELECT id, type, data FROM session_message WHERE session_id = ? ORDER BY seq", (session,)
    ):
        name = _text(id_)
        if _text(kind) not in HEARD | ANSWERS:
            continue
        row = decoded(_bytes(data), ROW, unread, what="messages")
        if row is not None:
            asked = name if _text(kind) == "user" else asked
            yield name, *of_row(_text(kind), row, asked=asked)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: object) -> str:
    return _bytes(value).decode(errors="replace")


def _of_files(storage: Path, unread: Unread) -> Iterator[Call]:
    sessions: dict[str, Session] = {}
    for directory, _names, files in below(storage / "session", unread):
        for name in files:
            session = _file(directory / name, SESSION, unread)
            if session is not None:
                sessions[session.id] = session
    for directory, _names, files in below(storage / "message", unread):
        session = sessions.get(directory.name, Session(directory.name))
        messages = [(Path(name).stem, _file(directory / name, MESSAGE, unread)) for name in files]
        told = (
            (id_, message, _parts(storage, id_, unread))
            for id_, message in messages
            if message is not None
        )
        yield from _of_session(session, told, unread)


def _parts(storage: Path, message: str, unread: Unread) -> list[Part]:
    directory = storage / "part" / message
    if not is_directory(directory):
        return []
    found = [
        _file(place / name, PART, unread)
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
    tokens: Counts | None = None
    cost: float | None = None
    reason: str = ""
    text_chars: int = 0
    thinking_chars: int = 0
    tool_chars: int = 0
    result_chars: int = 0
    errors: int = 0
    tools: list[str] = msgspec.field(default_factory=list[str])


def _of_session(
    session: Session,
    messages: Iterable[Told],
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
                repo=repository_of(session.directory or (message.path or Place()).cwd or ""),
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


def _steps(message: Message, parts: Sequence[Part]) -> list[_Step]:
    """By their ends, as the parts tell them; the message's own figures where there is at most one."""
    times = message.time or Span()
    created = times.created or 0.0
    steps = [_Step(created, created)]
    for part in parts:
        step = steps[-1]
        span = (part.state.time if part.state else part.time) or Span()
        # A tool runs when the answer that calls it has ended.
        step.ended = max(step.ended, (span.start if part.state else span.end) or 0.0)
        match part.type:
            case "text":
                step.text_chars += len(part.text or "")
            case "reasoning":
                step.thinking_chars += len(part.text or "")
            case "tool":
                state = part.state or State()
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


def _usage(model: str, tokens: Counts) -> Usage:
    reasoning = tokens.reasoning or 0
    return usage_with_writes(
        model,
        fresh=tokens.input or 0,
        read=tokens.cache.read or 0,
        written=tokens.cache.write or 0,
        output=(tokens.output or 0) + reasoning,
        reasoning=reasoning,
    )
