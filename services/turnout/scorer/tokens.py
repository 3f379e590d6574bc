"""Text to token ids: cut by characters, tokenised, cut by tokens to head and tail.

Rules of this module: an embedding depends on the cut text alone, so the digest of the cut text is
its name; the shipped tokenizer pads and truncates at 128, and here it must do neither. Any change
of the cut raises CUT_VERSION in turnout.scorer.embedder_files.
"""

import hashlib

import tokenizers

MAX_TOKENS = 192
"""Head and tail together with the two special tokens: 14 ms on one slow core, where 512 take 87."""

_SPECIAL_TOKENS = 2

_HALF_TOKENS = (MAX_TOKENS - _SPECIAL_TOKENS) // 2
"""Head and tail get the same: the ask stands first in some texts and last in others."""

END_CHARACTERS = 1024
"""Kept of each end before tokenising: 95 tokens rarely have more than 600 characters, and
tokenising a text of 200,000 takes 177 ms."""

_SEAM = "\n"
"""Stands where the middle was, so that no word is made of two halves."""


def cut(text: str) -> str:
    """The part of the text that an embedding can depend on."""
    if len(text) <= 2 * END_CHARACTERS:
        return text.strip()
    return (text[:END_CHARACTERS] + _SEAM + text[-END_CHARACTERS:]).strip()


def text_digest(cut_text: str) -> str:
    """Names a cut text without telling it. Lone surrogates, which JSON allows, are kept apart."""
    return hashlib.sha256(cut_text.encode(errors="surrogatepass")).hexdigest()


class TokenCutter:
    """Token ids of the head and the tail of a text, special tokens at both ends."""

    def __init__(self, tokenizer: bytes) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def ids(self, cut_text: str) -> list[int]:
        """At most MAX_TOKENS ids of a text that `cut` has cut."""
        # The tokenizer is Rust and takes UTF-8 only; a lone surrogate becomes a question mark.
        clean = cut_text.encode(errors="replace").decode()
        ids = self._tokenizer.encode(clean, add_special_tokens=True).ids
        if len(ids) <= MAX_TOKENS:
            return ids
        head, tail = 1 + _HALF_TOKENS, _HALF_TOKENS + 1
        return [*ids[:head], *ids[-tail:]]
