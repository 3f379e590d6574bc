"""Seals: what a provider hands out signed or encrypted, and knows again when it comes back.

Rules of this module: pure; nothing is kept: a seal carries a digest of what was sealed and a code
that only this provider can make, for one purpose and one model. A seal of another model, another
provider or another purpose does not open.
"""

import base64
import hashlib
import hmac
from typing import Literal, TypeAlias

SealKind: TypeAlias = Literal["thinking", "prefix", "reasoning", "compaction", "thought"]
"""Anthropic's signature, which is two seals, OpenAI's two kinds of encrypted content, Gemini's thought
signature."""

KEY = b"turnout simulated provider"
DIGEST_BYTES = 16
CODE_BYTES = 32


def seal(kind: SealKind, *, model: str, content: str) -> bytes:
    """A seal over `content`, made by `model`."""
    digest = hashlib.blake2b(content.encode(), digest_size=DIGEST_BYTES).digest()
    return digest + _code(kind, model, digest)


def opens(sealed: bytes, kind: SealKind, *, model: str, content: str | None = None) -> bool:
    """`sealed` was made by `model` for `kind`, and over `content` where that is told."""
    digest, code = sealed[:DIGEST_BYTES], sealed[DIGEST_BYTES:]
    if not hmac.compare_digest(code, _code(kind, model, digest)):
        return False
    told = None if content is None else hashlib.blake2b(content.encode(), digest_size=DIGEST_BYTES)
    return told is None or hmac.compare_digest(digest, told.digest())


def decoded(text: str) -> bytes | None:
    """The bytes of a base64 text in either alphabet, padded or not; None when it is none."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None


def _code(kind: SealKind, model: str, digest: bytes) -> bytes:
    purpose = f"{kind}\n{model}\n".encode()
    return hashlib.blake2b(purpose + digest, key=KEY, digest_size=CODE_BYTES).digest()
