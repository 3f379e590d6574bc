"""Taking reasoning that its target refuses out of a body that goes to Google as it came.

A thread that another maker's model has served holds signatures under our seal, which Google refuses,
or those of another model that speaks this dialect as well.

Rules: a body without any is returned as the very object that came in; thought parts under a seal go,
with those that follow as their rest; on a call the documented stand-in takes the place of a signature,
because Gemini 3 refuses a call without one; elsewhere the signature goes, and with it a part or a
content that then says nothing; every other value keeps its bytes.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.gemini_generate.thoughts import SEALED, STAND_IN
from turnout.dialects.reading import MALFORMED, complaint
from turnout.errors import InvalidRequest

# A quote inside a string is escaped, so this is a member of a part.
_ANY: Final = rb'"thought(?:S|_s)ignature"\s*:\s*"[^"\\]*+"'
_SIGNED: Final = re.compile(_ANY)
_SEALED: Final = re.compile(
    rb'"thought(?:S|_s)ignature"\s*:\s*"%b' % re.escape(SEALED.encode()),
)
_VALUE: Final = re.compile(rb'(:\s*)"[^"\\]*+"$')
_CUT: Final = re.compile(rb"%b\s*,\s*|(?:,\s*)?%b" % (_ANY, _ANY))
_THOUGHT: Final = re.compile(rb'"thought"\s*:\s*true')


class _Body(msgspec.Struct):
    contents: msgspec.Raw = msgspec.Raw(b"[]")


class _Counted(msgspec.Struct, rename="camel"):
    generate_content_request: msgspec.Raw = msgspec.Raw()


class _Content(msgspec.Struct):
    parts: msgspec.Raw = msgspec.Raw(b"[]")


_BODY: Final = msgspec.json.Decoder(_Body)
_COUNTED: Final = msgspec.json.Decoder(_Counted)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_CONTENT: Final = msgspec.json.Decoder(_Content)
_PART: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SIGNATURES: Final = frozenset({"thoughtSignature", "thought_signature"})


def has_foreign_reasoning(body: bytes) -> bool:
    # The substring first: it is found at the speed of memory.
    return SEALED.encode() in body and _SEALED.search(body) is not None


def without_foreign_reasoning(body: bytes, *, others: Sequence[range] = ()) -> bytes:
    """`others` number contents that somebody else wrote. Raises `InvalidRequest` when the body is no
    request of this wire.
    """
    if not others and not has_foreign_reasoning(body):
        return body
    try:
        deeper = bytes(_COUNTED.decode(body).generate_content_request)
        written = bytes(_BODY.decode(deeper or body).contents)
        contents = [bytes(raw) for raw in _LIST.decode(written)]
        cleaned = [
            _cleaned(content, is_others=any(number in run for run in others))
            for number, content in enumerate(contents)
        ]
    except MALFORMED as error:
        raise complaint("", error) from None
    if cleaned == contents:
        return body
    kept = [content for content in cleaned if content is not None]
    if not kept:
        raise InvalidRequest("contents: hold nothing but another model's reasoning")
    return body.replace(written, b"[%b]" % b",".join(kept), 1)


def _cleaned(content: bytes, *, is_others: bool) -> bytes | None:
    """The content without what its target refuses; None when nothing is left of it."""
    has_reasoning = _SIGNED.search(content) or _THOUGHT.search(content)
    if not (has_reasoning if is_others else has_foreign_reasoning(content)):
        return content
    written = bytes(_CONTENT.decode(content).parts)
    kept: list[bytes] = []
    is_after_mark = is_others
    for raw in _LIST.decode(written):
        part = bytes(raw)
        fields = _PART.decode(part)
        is_thought = bytes(fields.get("thought", msgspec.Raw())) == b"true"
        is_signed = bool(_SIGNATURES & fields.keys())
        goes = is_signed if is_others else has_foreign_reasoning(part)
        if is_thought and (goes or (is_after_mark and not is_signed)):
            is_after_mark = True
            continue
        is_after_mark = is_others
        if goes:
            part = _unsigned(part, fields)
        if part:
            kept.append(part)
    return content.replace(written, b"[%b]" % b",".join(kept), 1) if kept else None


def _unsigned(part: bytes, fields: dict[str, msgspec.Raw]) -> bytes:
    """The part without its signature; nothing where it was there for that alone."""
    if "functionCall" in fields or "function_call" in fields:
        stand_in = rb'\g<1>"%b"' % STAND_IN.encode()
        return _SIGNED.sub(lambda found: _VALUE.sub(stand_in, found.group()), part)
    rest = {name: bytes(raw) for name, raw in fields.items() if name not in _SIGNATURES}
    return b"" if rest in ({}, {"text": b'""'}) else _CUT.sub(b"", part, count=1)
