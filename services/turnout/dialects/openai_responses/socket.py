"""The WebSocket form of this dialect: frames into request bodies, events of an answer into frames.

A frame asks for one answer (`response.create`) and may send new items alone, behind an answer of the
same connection (`previous_response_id`). It may name a lane (`stream_id`): frames of one lane are answered
in their order, those of several side by side, and every event says its lane. Rules: a chained frame becomes
the body that the whole thread would have had, items in their own characters, so that what is behind sees
one thread that grows; what only this transport has is taken out; nobody is steered (`response.steer`),
because no other provider could be, and the input goes back as OpenAI gives it back.
Described at developers.openai.com, guide "WebSocket mode"; openai-python, `types/responses/`
`responses_client_event.py`, `response_steer_event.py` and `response_steer_failed_event.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.reading import MALFORMED, ObjectReader, complaint, decode_list
from turnout.errors import InvalidRequest

CREATE: Final = "response.create"
IGNORED: Final = frozenset({"response.processed"})
"""Codex tells that it has read an answer; nobody waits for that."""
STEER: Final = "response.steer"

MAX_LANE_CHARACTERS: Final = 256
"""Of a `stream_id`, which every event of its answers repeats."""

TRANSPORT_FIELDS: Final = (
    *("type", "previous_response_id", "generate", "stream", "stream_id", "background"),
)

METADATA_PREFIXES: Final = ("x-codex-", "x-openai-")
METADATA_NAMES: Final = frozenset({"session-id", "thread-id"})
"""What Codex says in headers over HTTP stands in `client_metadata` of each frame here."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_NOT_IN_A_HEADER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Field names are tokens and values have no controls but tab (RFC 9110, 5.1 and 5.5)."""

NOT_FOUND: Final = "previous_response_not_found"
TOO_OLD: Final = "websocket_connection_limit_reached"

_KEPT_OUT_OF_REASONING: Final = ("id", "status")
"""The id of a reasoning item that was not stored is refused where it is sent back."""


class PreviousResponseUnknown(InvalidRequest):
    """A frame continues what this connection does not have; clients send everything again."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a frame can continue: an answer with all that was in front of it.

    Attributes:
        items: the items of the thread up to and including the answer, as they were written.
    """

    response_id: str
    items: tuple[bytes, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return sum(map(len, self.items))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a frame is, before it is its turn.

    Attributes:
        lane: its `stream_id`; "" where it names none.
        is_create, is_steering: neither for a frame that asks for nothing.
    """

    lane: str
    is_create: bool
    is_steering: bool


@dataclass(frozen=True, slots=True)
class Create:
    """A frame that asks for an answer.

    Attributes:
        body: what the request would be over HTTP.
        items: all items of it.
        previous: the answer that it continues; "" for none.
        model: as the client wrote it.
        generates: false where the client only warms up.
        metadata: headers that the frame brings.
    """

    body: bytes = field(repr=False)
    items: tuple[bytes, ...] = field(repr=False)
    previous: str
    model: str
    generates: bool
    metadata: Mapping[str, str]


class _Kind(msgspec.Struct):
    type: str = ""


class _Done(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Done | None = None


_KIND: Final = msgspec.json.Decoder(_Kind)
_EVENT: Final = msgspec.json.Decoder(_Event)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WARMED_UP: Final = frozenset({"response.created", "response.in_progress", "response.completed"})
_NOTHING: Final = msgspec.Raw(b"[]")
_NULL: Final = msgspec.Raw(b"null")
_ENDINGS: Final = frozenset({"response.completed", "response.incomplete"})
_FAULTS: Final = frozenset({"error", "response.error"})
_BROKEN_STATUS: Final = 502
_TERMINAL_MARK: Final = b'"response.'
_PREVIOUS: Final = "previous_response_id"
_PREVIOUS_MARK: Final = b'"previous_response_id"'


def read_envelope(text: bytes) -> Asked:
    """Raises `InvalidRequest` where it is no frame, or one of a kind that is not known."""
    frame = ObjectReader(text, "")
    kind = frame.string("type")
    if kind not in IGNORED and kind not in {CREATE, STEER}:
        raise InvalidRequest(
            f"type: must be {CREATE}; to stop an answer, close the connection that it is given on"
        )
    lane = frame.string("stream_id") or ""
    if len(lane) > MAX_LANE_CHARACTERS:
        raise InvalidRequest(f"stream_id: must have at most {MAX_LANE_CHARACTERS} characters")
    return Asked(lane, is_create=kind == CREATE, is_steering=kind == STEER)


def read_frame(text: bytes, chains: Mapping[str, Chain]) -> Create:
    """A frame that asks for an answer; `chains` by response are what it can continue.

    Raises `InvalidRequest` naming what is wrong.
    """
    frame = ObjectReader(text, "")
    previous = frame.string("previous_response_id")
    before: tuple[bytes, ...] = ()
    if previous is not None:
        chain = chains.get(previous)
        if chain is None:
            raise PreviousResponseUnknown(
                "previous_response_id: no such answer on this connection; send all items again"
            )
        before = chain.items
    generates = frame.boolean("generate")
    items = (*before, *_items(frame.raw("input")))
    rest = _FIELDS.decode(text)
    for name in TRANSPORT_FIELDS:
        rest.pop(name, None)
    rest["input"] = msgspec.Raw(b"[%b]" % b",".join(items))
    rest["stream"] = msgspec.Raw(b"true")
    return Create(
        body=msgspec.json.encode(rest),
        items=items,
        previous=previous or "",
        model=frame.string("model") or "",
        generates=generates is not False,
        metadata=_metadata(frame),
    )


def _items(raw: bytes | None) -> list[bytes]:
    if raw is None:
        return []
    if raw.startswith(b'"'):
        return [b'{"type":"message","role":"user","content":%b}' % raw]
    return [bytes(item) for item in decode_list(raw, "input")]


def _metadata(frame: ObjectReader) -> Mapping[str, str]:
    raw = frame.raw("client_metadata")
    if raw is None:
        return {}
    try:
        told = msgspec.json.decode(raw, type=dict[str, object])
    except MALFORMED as error:
        raise complaint("client_metadata", error) from None
    found = {
        name.lower(): value
        for name, value in told.items()
        if isinstance(value, str)
        and (name.lower().startswith(METADATA_PREFIXES) or name.lower() in METADATA_NAMES)
    }
    for name, value in found.items():
        # They go where headers go, and nothing else would notice a line end in one.
        if _HEADER_NAME.fullmatch(name) is None or _NOT_IN_A_HEADER.search(value):
            raise InvalidRequest(f"client_metadata: {name!r} cannot be a header")
    return found


class OneEnd:
    """Of an answer's events those up to the first that ends it.

    A broken answer's stream has `error` and then `response.failed`, for the clients of each. Here the next
    answer follows on the same connection, and whoever stops at the first would take the second for its
    end. Of the two `response.failed` goes out, which ends an answer for all clients; Codex hears an `error`
    only where a status stands in it, so one that nothing follows is given one.
    """

    def __init__(self) -> None:
        self._is_over = False
        self._fault = b""

    def feed(self, event: bytes) -> bytes:
        """The event; b"" for one that is not told, or not yet."""
        if self._is_over:
            return b""
        try:
            kind = _KIND.decode(event).type
        except MALFORMED:
            return event
        if kind in _FAULTS:
            self._fault = self._fault or event
            return b""
        self._is_over = kind in _ENDINGS or kind == "response.failed"
        return event

    def close(self) -> bytes:
        """The error that was all; b"" where another event has ended the answer."""
        if self._is_over or not self._fault:
            return b""
        fields = _FIELDS.decode(self._fault)
        fields.setdefault("status", msgspec.Raw(b"%d" % _BROKEN_STATUS))
        return msgspec.json.encode(fields)


def chain_behind(create: Create, event: bytes) -> Chain | None:
    """What can be continued once `event` has ended the answer; None while it has not, or failed."""
    if _TERMINAL_MARK not in event:
        return None
    try:
        told = _EVENT.decode(event)
    except MALFORMED:
        return None
    if told.type not in _ENDINGS or told.response is None:
        return None
    try:
        made = tuple(_as_input(bytes(item)) for item in told.response.output or ())
    except MALFORMED:
        return None
    return Chain(told.response.id, (*create.items, *made))


def _as_input(item: bytes) -> bytes:
    fields = _FIELDS.decode(item)
    if bytes(fields.get("type", msgspec.Raw())) != b'"reasoning"':
        return item
    for name in _KEPT_OUT_OF_REASONING:
        fields.pop(name, None)
    return msgspec.json.encode(fields)


def naming_previous(event: bytes, previous: str) -> bytes:
    """An event whose response says which one it continues, as the client asked and the body that was
    sent on does not tell.
    """
    if not previous or _PREVIOUS_MARK not in event:
        return event
    try:
        fields = _FIELDS.decode(event)
        response = _FIELDS.decode(fields.get("response", b"{}"))
    except MALFORMED:
        return event
    if _PREVIOUS not in response:
        return event
    named = response | {_PREVIOUS: msgspec.Raw(msgspec.json.encode(previous))}
    return msgspec.json.encode(fields | {"response": msgspec.Raw(msgspec.json.encode(named))})


def warmed_up(event: bytes) -> bytes | None:
    """An event of an answer that holds nothing, as the answer to a warm-up; None for one that tells
    of content, which clients over HTTP are given for want of any.
    """
    fields = _FIELDS.decode(event)
    told = _EVENT.decode(event)
    if told.type not in _WARMED_UP:
        return None
    if told.type in _ENDINGS:
        response = _FIELDS.decode(bytes(fields["response"]))
        fields["response"] = msgspec.Raw(msgspec.json.encode(response | {"output": _NOTHING}))
    return msgspec.json.encode(fields)


def in_lane(frame: bytes, lane: str) -> bytes:
    """A frame with the lane that it belongs to, which the client names events by."""
    if not lane:
        return frame
    rest = frame.lstrip()[1:]
    mark = b'{"stream_id":%b' % msgspec.json.encode(lane)
    return mark + (b"" if rest.lstrip().startswith(b"}") else b",") + rest


def steering_refused(text: bytes) -> bytes:
    """The answer to input for an answer that is being given: it goes back, to be sent as a request."""
    fields = _FIELDS.decode(text)
    steer = {name: fields.get(name, _NULL) for name in ("previous_response_id", "input")}
    error = {
        "type": "invalid_request_error",
        "code": "steering_not_supported",
        "message": "Steering is not supported here; send the input with the next response.create.",
    }
    told = {"type": "response.steer.failed", "sequence_number": 0, "steer": steer, "error": error}
    return msgspec.json.encode(told)


def error_frame(answer: ErrorAnswer) -> bytes:
    """An error answer as the frame in its place; status and headers stand in it."""
    return frame_of_error(answer.status, answer.headers, answer.body)


def frame_of_error(status: int, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    try:
        fields = _FIELDS.decode(body)
    except MALFORMED:
        fields = {}
    told: dict[str, object] = {"type": "error", "status": status}
    told["error"] = fields.get("error", {"message": "The request failed.", "code": None})
    shown = {name: value for name, value in headers if name == "retry-after" or name[:2] == "x-"}
    if shown:
        told["headers"] = shown
    return msgspec.json.encode(told)


def coded_error_frame(status: int, code: str, message: str) -> bytes:
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    return msgspec.json.encode({"type": "error", "status": status, "error": error})
