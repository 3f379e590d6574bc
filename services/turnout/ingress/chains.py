"""The chained digests of prompts that grow: of a thread's next request only what is new is hashed.

Rules: what is told is what `prefix.chain` tells, whatever was asked before; how much is kept is bounded by the
number of digests, and what was not asked for longest goes first.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from turnout.dialects.prefix import chain

MAX_DIGESTS: Final = 20_000
"""Of all threads together, a hundred bytes each: a hundred threads of two hundred messages."""


class _Known(NamedTuple):
    messages: tuple[bytes, ...]
    chained: tuple[str, ...]


class Chains:
    """Of one ingress."""

    def __init__(self, *, max_digests: int = MAX_DIGESTS) -> None:
        self._max_digests = max_digests
        # By head and first message, which threads seldom have in common and steps of one always do.
        self._known: OrderedDict[tuple[str, bytes], _Known] = OrderedDict()
        self.size = 0
        """Digests that are kept."""

    def of(self, head_digest: str, messages: tuple[bytes, ...]) -> tuple[str, ...]:
        """One digest a message; `messages` are the digests of each alone."""
        if not messages:
            return ()
        key = (head_digest, messages[0])
        old = self._known.pop(key, None)
        if old is not None:
            self.size -= len(old.messages)
        if old is not None and messages[: len(old.messages)] == old.messages:
            newer = chain(old.chained[-1], messages[len(old.messages) :])
            chained = old.chained + newer
        else:
            chained = chain(head_digest, messages)
        self._known[key] = _Known(messages, chained)
        self.size += len(messages)
        while self.size > self._max_digests:
            _, gone = self._known.popitem(last=False)
            self.size -= len(gone.messages)
        return chained
