"""Our own signature on reasoning that another maker wrote.

A client gets reasoning in its own dialect's form and sends it back. Without a seal that says whose it
is, it would look like that of the dialect's own vendor, who refuses it on the next turn. So every
foreign piece carries a seal that says who made it and keeps the maker's own signature: it stands where
the dialect has a signature (Anthropic `signature`, Responses `encrypted_content`, Gemini
`thoughtSignature`).

Rules: a seal is readable by any replica (no state, no secret: it protects nothing, it only names);
what is under a seal never goes to a vendor whose dialect it came through in, only back to its maker.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.reading import MALFORMED

SEAL_PREFIX: Final = "turnout1."
"""All vendors' signatures are plain base64, which has no dot."""


class _Seal(msgspec.Struct, array_like=True):
    dialect: Dialect
    model: str
    signature: str = ""
    redacted: str = ""
    target: str = ""
    text: str = ""


class _PlacedSeal(_Seal, array_like=True):
    before: tuple[int, ...] = ()


_SEAL: Final = msgspec.json.Decoder(_PlacedSeal)


def seal(
    made_by: Provenance,
    *,
    signature: str = "",
    redacted: str = "",
    text: str = "",
    before: tuple[int, ...] = (),
) -> str:
    """`text` and `before` are for wires that do not bring the text back as it was, or not the order:
    the latter is the dialect's own to write and to read.
    """
    by, model, target = made_by.dialect, made_by.model, made_by.target
    told = (
        _PlacedSeal(by, model, signature, redacted, target, text, before)
        if before
        else _Seal(by, model, signature, redacted, target, text)
    )
    return SEAL_PREFIX + urlsafe_b64encode(msgspec.json.encode(told)).decode()


def unseal(text: str, signature: str) -> Thinking | None:
    """The foreign thinking behind a seal; None when it is none of ours."""
    found = unseal_placed(text, signature)
    return None if found is None else found[0]


def unseal_placed(text: str, signature: str) -> tuple[Thinking, tuple[int, ...]] | None:
    """Likewise, and what was told to stand before it."""
    if not signature.startswith(SEAL_PREFIX):
        return None
    try:
        told = _SEAL.decode(urlsafe_b64decode(signature.removeprefix(SEAL_PREFIX)))
    except (ValueError, *MALFORMED):
        # A seal that was cut still says that the block is not Claude's.
        return Thinking(text, Provenance("openai_chat")), ()
    made_by = Provenance(told.dialect, told.model, told.target)
    thinking = Thinking(
        told.text or text, made_by, signature=told.signature, redacted=told.redacted
    )
    return thinking, told.before


def opened(sealed: str, *, dialect: Dialect, reader: str) -> Thinking | None:
    """What `reader`, a target, has itself signed in this dialect; None where anybody else has."""
    told = unseal("", sealed)
    if told is None or not reader or told.provenance.target != reader:
        return None
    return told if told.provenance.dialect == dialect else None


def is_sealed_in(thinking: Thinking, dialect: Dialect) -> bool:
    """Whether the vendor of a dialect made it and sealed it, and so takes it back."""
    return thinking.provenance.dialect == dialect and bool(thinking.signature or thinking.redacted)
