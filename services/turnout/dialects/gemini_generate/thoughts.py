"""Thought signatures of this wire: Google's own, the seals on others' reasoning, and the stand-in.

A client of this wire drops reasoning and returns the signature on the part that the reasoning led to
(gemini-cli), or returns both (the AI SDK). So reasoning that another maker wrote goes out as thought
parts, and whole once more, under our seal, in the `thoughtSignature` of the part that follows: what
comes back is enough for its maker, whatever the client has dropped.

Rules: the field is base64 on this wire (google-genai refuses anything else, and a dot in it), so what
we put there is base64 of `turnout1.` and a JSON list of (seal, text), which begins with the same
characters always; the first thought part of each piece bears the seal without the text, as a mark of
whose it is; nothing sealed goes to Google. Gemini 3 refuses the first call of a step without a
signature, and documents two words that stand for one where another model made the call.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.reading import MALFORMED
from turnout.dialects.seal import SEAL_PREFIX, seal, unseal

STAND_IN: Final = "skip_thought_signature_validator"
"""For a call that no Gemini model made."""

STAND_INS: Final = frozenset({STAND_IN, "context_engineering_is_the_way_to_go"})
"""No signatures, whoever wrote them: gemini-cli adds the first to its own history."""

SEALED: Final = b64encode(SEAL_PREFIX.encode()).decode()
"""How every seal of ours begins: nine characters become twelve, and nothing of what follows."""

_OLD: Final = re.compile(r"gemini-(?:1|2)\b|gemini-(?:pro|flash)$|gemma|learnlm")

_PIECES: Final = msgspec.json.Decoder(list[tuple[str, str]])
_STANDARD: Final = str.maketrans("-_", "+/")


_BASE64: Final = re.compile("([a-zA-Z0-9+/_-]+)={0,2}")
"""Of either alphabet, filled up or not."""


def demands_signatures(model: str) -> bool:
    """Whether the model is of the generation that refuses calls without a signature; the same one
    takes thinking levels, and images inside a tool's result.
    """
    return _OLD.search(model.lower()) is None


def is_sealed(signature: str) -> bool:
    return signature.startswith(SEALED)


def is_signature(signature: str) -> bool:
    """Whether a Gemini model may have written it: the field is bytes, and what is no base64 is refused
    where it is sent back.
    """
    if signature in STAND_INS or is_sealed(signature):
        return False
    found = _BASE64.fullmatch(signature)
    return found is not None and len(found[1]) % 4 != 1


def mark(made_by: Provenance) -> str:
    """For a thought part: whose it is."""
    return _sealed([(seal(made_by), "")])


def sealed(thoughts: Sequence[Thinking]) -> str:
    """For the part that follows: all of the reasoning that led to it."""
    pieces = [
        (seal(one.provenance, signature=one.signature, redacted=one.redacted), one.text)
        for one in thoughts
    ]
    return _sealed(pieces)


def signature_of(thoughts: Sequence[Thinking]) -> str:
    """The signature that reasoning puts on the part behind it; "" for none."""
    if any(one.provenance.dialect != "gemini_generate" for one in thoughts):
        return sealed(thoughts)
    return next((one.signature for one in reversed(thoughts) if one.signature), "")


def _sealed(pieces: Sequence[tuple[str, str]]) -> str:
    return b64encode(SEAL_PREFIX.encode() + msgspec.json.encode(pieces)).decode()


def unsealed(signature: str) -> tuple[Thinking, ...]:
    """The reasoning under a seal; one piece without text where the seal is broken."""
    padded = signature.translate(_STANDARD).rstrip("=")
    try:
        told = b64decode(padded + "=" * (-len(padded) % 4))
        pieces = _PIECES.decode(told[len(SEAL_PREFIX) :])
    except (ValueError, *MALFORMED):
        return (Thinking("", Provenance("openai_chat")),)
    found = (unseal(text, one) for one, text in pieces)
    return tuple(one for one in found if one is not None)
