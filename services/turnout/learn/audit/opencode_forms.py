"""What opencode keeps of a session, in either of its forms, as messages with their parts.

Rules: both forms give the same structs, in words of the older one, whose messages have parts in a table
or files of their own. A row of the newer one (opencode's packages/schema/src/session-message.ts, and what
1.18.33 and 2.0 were seen to write) has its content within it; its kind is a column beside it.
"""

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec

from turnout.learn.audit.call import LATEST, Tokens, Usd

Milliseconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=LATEST * 1_000)]


class Cache(msgspec.Struct):
    read: Tokens | None = None
    write: Tokens | None = None


class Counts(msgspec.Struct):
    input: Tokens | None = None
    output: Tokens | None = None
    reasoning: Tokens | None = None
    cache: Cache = msgspec.field(default_factory=Cache)


class Span(msgspec.Struct):
    created: Milliseconds | None = None
    completed: Milliseconds | None = None
    start: Milliseconds | None = None
    end: Milliseconds | None = None


class Place(msgspec.Struct):
    cwd: str | None = None
    root: str | None = None


class Message(msgspec.Struct, rename={"parent": "parentID", "model": "modelID"}):
    role: str = ""
    parent: str | None = None
    model: str | None = None
    time: Span | None = None
    tokens: Counts | None = None
    cost: Usd | None = None
    path: Place | None = None
    finish: str | None = None
    summary: msgspec.Raw = msgspec.Raw()


class State(msgspec.Struct):
    status: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    time: Span | None = None


class Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    tool: str | None = None
    mime: str | None = None
    reason: str | None = None
    state: State | None = None
    time: Span | None = None
    tokens: Counts | None = None
    cost: Usd | None = None


class Session(msgspec.Struct, rename={"parent": "parentID"}):
    id: str = ""
    parent: str | None = None
    directory: str | None = None
    version: str | None = None


Told: TypeAlias = tuple[str, Message, Sequence[Part]]
"""A message with its id and its parts."""


class RowSpan(msgspec.Struct):
    created: Milliseconds | None = None
    ran: Milliseconds | None = None
    streamed: Milliseconds | None = None
    completed: Milliseconds | None = None


class RowState(msgspec.Struct):
    status: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    structured: msgspec.Raw = msgspec.Raw()


class Content(msgspec.Struct):
    type: str = ""
    text: str | None = None
    name: str | None = None
    state: RowState | None = None
    time: RowSpan | None = None


class File(msgspec.Struct):
    mime: str | None = None


class Model(msgspec.Struct):
    id: str | None = None


class Row(msgspec.Struct):
    text: str | None = None
    files: list[File] | None = None
    model: Model | None = None
    content: list[Content] | None = None
    status: str | None = None
    finish: str | None = None
    tokens: Counts | None = None
    cost: Usd | None = None
    time: RowSpan | None = None


MESSAGE: Final = msgspec.json.Decoder(Message)
PART: Final = msgspec.json.Decoder(Part)
SESSION: Final = msgspec.json.Decoder(Session)
ROW: Final = msgspec.json.Decoder(Row)

HEARD: Final = frozenset({"user", "synthetic", "system", "skill"})
"""Kinds of rows that the model is told as they stand."""

ANSWERS: Final = frozenset({"assistant", "compaction"})

UNFINISHED: Final = frozenset({"running", "failed"})
"""How a compaction may stand that has compacted nothing."""


def of_row(kind: str, row: Row, *, asked: str) -> tuple[Message, Sequence[Part]]:
    """A row of a kind in `HEARD` or `ANSWERS`; `asked` is the id of the user's newest one."""
    if kind in HEARD:
        files = [Part("file", mime=one.mime) for one in row.files or ()]
        return Message("user"), [Part("text", row.text), *files]
    times = row.time or RowSpan()
    is_sum = kind == "compaction" and row.status not in UNFINISHED
    message = Message(
        "assistant",
        asked,
        (row.model or Model()).id,
        time=Span(times.created, times.completed),
        tokens=row.tokens,
        cost=row.cost,
        finish=row.finish,
        summary=msgspec.Raw(b"true" if is_sum else b""),
    )
    content = row.content or ()
    # What is completed has waited for its tools; older rows do not say when the answer itself ended.
    has_tools = any(one.state is not None for one in content)
    ended = times.streamed or (None if has_tools else times.completed)
    return message, [_part(one, ended) for one in content]


def _part(one: Content, ended: float | None) -> Part:
    times = one.time or RowSpan()
    if one.state is None:
        return Part(one.type, one.text, time=Span(end=times.completed or ended))
    said = one.state.content if bytes(one.state.content) != b"[]" else one.state.structured
    state = State(one.state.status, one.state.input, said, Span(start=times.ran or times.created))
    return Part(one.type, tool=one.name, state=state)
