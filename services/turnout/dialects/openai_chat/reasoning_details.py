"""`reasoning_details`: how this wire carries reasoning that has to come back as it was.

OpenRouter's field: a list beside the text of the reasoning, with signatures and encrypted forms, which
clients send back unmodified. Rules: what an upstream says there goes back to it in its own words (as
the signature of a `Thinking` part, one JSON list); other makers' reasoning goes to clients as one
encrypted entry a part, under our seal, which also says what stood before it, because this wire takes
an answer apart into text and calls (`answer_order`); text alone needs no entry.
Described at openrouter.ai, guide "Reasoning tokens".
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.passthrough import DropField, splice
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.seal import SEAL_PREFIX, seal, unseal_placed
from turnout.errors import InvalidRequest

FIELD: Final = "reasoning_details"
FIELD_MARK: Final = b'"reasoning_details"'
SEAL_MARK: Final = SEAL_PREFIX.encode()

_TEXTS: Final = ("text", "summary", "data")
_MUST_RETURN: Final = ("signature", "data")
TEXT_FIELDS: Final = ("reasoning_content", "reasoning")
_WITHOUT: Final = tuple(DropField(name) for name in (FIELD, *TEXT_FIELDS))

_Detail = dict[str, object]


class _Entry(msgspec.Struct):
    data: str = ""


class _Body(msgspec.Struct):
    messages: msgspec.Raw


class _Said(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    tool_calls: list[msgspec.Raw] | None = None
    function_call: msgspec.Raw | None = None
    refusal: str | None = None


_DETAIL: Final = msgspec.json.Decoder(_Detail)
_ENTRIES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_BODY: Final = msgspec.json.Decoder(_Body)
_SAID: Final = msgspec.json.Decoder(_Said)
_NOTHING: Final = frozenset({b"", b"null", b'""', b"[]"})


class Details:
    """The entries of one stretch of reasoning, put together from the pieces of a stream."""

    def __init__(self) -> None:
        self._entries: list[_Detail] = []

    def add(self, raws: Iterable[msgspec.Raw]) -> str:
        """Take in more; return the text that it holds. Raises `MALFORMED` kinds."""
        texts: list[str] = []
        for raw in raws:
            piece = _DETAIL.decode(raw)
            texts.extend(
                text for name in ("text", "summary") if isinstance(text := piece.get(name), str)
            )
            last = self._entries[-1] if self._entries else None
            if last is not None and _is_same(last, piece):
                _join(last, piece)
            else:
                self._entries.append(piece)
        return "".join(texts)

    def signature(self) -> str:
        """What has to come back: the entries as a JSON list; "" when text says everything."""
        if not any(entry.get(name) for entry in self._entries for name in _MUST_RETURN):
            return ""
        return msgspec.json.encode(self._entries).decode()


def _is_same(last: _Detail, piece: _Detail) -> bool:
    return last.get("type") == piece.get("type") and last.get("index") == piece.get("index")


def _join(last: _Detail, piece: _Detail) -> None:
    for name, value in piece.items():
        old = last.get(name)
        if name in _TEXTS and isinstance(old, str) and isinstance(value, str):
            last[name] = old + value
        elif value is not None:
            last[name] = value


def encode_entry(
    made_by: Provenance,
    *,
    text: str,
    signature: str,
    redacted: str,
    index: int,
    before: tuple[int, ...],
) -> bytes:
    """The list for a client, of one part of reasoning; empty when its text says everything.

    `before` is what stood between it and the last part that has an entry, in the words of `answer_order`.
    """
    if made_by.dialect == "openai_chat":
        return signature.encode()
    if not signature and not redacted:
        return b""
    sealed = seal(made_by, signature=signature, redacted=redacted, text=text, before=before)
    entry = {"type": "reasoning.encrypted", "data": sealed, "format": "unknown", "index": index}
    return msgspec.json.encode([entry])


def sealed_in(raw: bytes) -> Sequence[tuple[Thinking, tuple[int, ...]]]:
    """The parts of reasoning under our seal in a client's `reasoning_details`, each with what stood
    before it.
    """
    found: list[tuple[Thinking, tuple[int, ...]]] = []
    if SEAL_MARK not in raw:
        return found
    for item in _ENTRIES.decode(raw):
        sealed = unseal_placed("", _ENTRY.decode(item).data)
        if sealed is not None:
            found.append(sealed)
    return found


def without_sealed(body: bytes, *, others: Sequence[range] = ()) -> bytes:
    """The request without the reasoning under our seal, its text beside it included, and without any
    in the messages that `others` number; the very object where there is none. A message that says
    nothing else goes with it.
    """
    if not others and (SEAL_MARK not in body or FIELD_MARK not in body):
        return body
    try:
        written = bytes(_BODY.decode(body).messages)
        messages = [bytes(raw) for raw in _ENTRIES.decode(written)]
        cleaned = [
            _without(message)
            if SEAL_MARK in message or any(number in run for run in others)
            else message
            for number, message in enumerate(messages)
        ]
    except MALFORMED as error:
        raise complaint("", error) from None
    except InvalidRequest:
        raise InvalidRequest("messages: each must be a JSON object") from None
    if cleaned == messages:
        return body
    kept = [message for message in cleaned if message is not None]
    if not kept:
        raise InvalidRequest("messages: hold nothing but another model's reasoning")
    return body.replace(written, b"[%b]" % b",".join(kept), 1)


def _without(message: bytes) -> bytes | None:
    """None when the message then says nothing."""
    shorter = splice(message, _WITHOUT)
    if shorter is message:
        return message
    said = _SAID.decode(shorter)
    is_empty = bytes(said.content) in _NOTHING and not said.tool_calls and not said.refusal
    return None if is_empty and said.function_call is None else shorter
