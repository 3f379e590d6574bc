"""The prompt cache of a provider, as the providers document theirs.

Rules of this module: pure; time comes in as `now=` in seconds. `charge` says what a request reads
and writes and changes nothing; `commit` makes its writes visible. They are two steps because an
entry can be read only once the answer that wrote it has begun, so two requests sent at once both
miss, as they do at a provider.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LOOKBACK_BLOCKS = 20
"""How many blocks before a breakpoint Anthropic searches for an earlier entry."""

MAX_ENTRIES = 200_000
"""Bound of the store, about 30 MB; the entries unused for longest go first."""

DIGEST_BYTES = 16
"""Long enough that two prefixes never meet."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of an explicitly cached prompt; `lifetime_seconds` makes its end a breakpoint."""

    data: bytes
    tokens: int
    lifetime_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """An entry to make or to refresh."""

    digest: bytes
    lifetime_seconds: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request costs in prompt tokens, every token in one figure, and what it leaves.

    `written` maps a lifetime in seconds to the tokens written with it.
    """

    fresh: int
    read: int
    written: dict[int, int] = field(default_factory=dict)
    stores: tuple[Store, ...] = ()

    @property
    def total(self) -> int:
        return self.fresh + self.read + sum(self.written.values())


@dataclass(slots=True)
class PromptCache:
    """Entries by digest of account and prefix. Keeps at most `max_entries`, newest use last."""

    max_entries: int = MAX_ENTRIES
    _entries: dict[bytes, tuple[int, float]] = field(default_factory=dict)

    def charge_explicit(
        self, blocks: Sequence[Block], *, account: bytes, minimum_tokens: int, now: float
    ) -> Charge:
        """Breakpoints as at Anthropic: the longest entry at or shortly before one is read.

        What lies between that entry and each later breakpoint is written with the breakpoint's
        lifetime; the rest is fresh. A breakpoint before `minimum_tokens` does nothing.
        """
        digests = list(_chain(account, (block.data for block in blocks)))
        ends: list[int] = []
        for block in blocks:
            ends.append((ends[-1] if ends else 0) + block.tokens)
        marks = [
            index
            for index, block in enumerate(blocks)
            if block.lifetime_seconds is not None and ends[index] >= minimum_tokens
        ]
        hit = self._longest_hit(digests, marks, now=now)
        read = reached = ends[hit] if hit >= 0 else 0
        written: dict[int, int] = {}
        stores: list[Store] = []
        for index in sorted({*marks, hit} - {-1}):
            entry = self._alive(digests[index], now=now)
            lifetime = blocks[index].lifetime_seconds
            if index <= hit:
                if entry is not None:
                    stores.append(Store(digests[index], entry))
            elif lifetime is not None:
                written[lifetime] = written.get(lifetime, 0) + ends[index] - reached
                reached = ends[index]
                stores.append(Store(digests[index], lifetime))
        total = ends[-1] if ends else 0
        return Charge(fresh=total - reached, read=read, written=written, stores=tuple(stores))

    def charge_automatic(
        self,
        pieces: Sequence[bytes],
        *,
        total_tokens: int,
        account: bytes,
        minimum_tokens: int,
        block_tokens: int,
        lifetime_seconds: int,
        now: float,
    ) -> Charge:
        """Automatic prefixes as at OpenAI: `pieces` are whole blocks of `block_tokens`.

        A hit shorter than `minimum_tokens` is none, and a prompt shorter than that is not kept.
        `written` says what has been stored anew; who has no write price bills it as fresh.
        """
        if len(pieces) * block_tokens < minimum_tokens:
            return Charge(fresh=total_tokens, read=0)
        digests = list(_chain(account, pieces))
        blocks_read = 0
        for digest in digests:
            if self._alive(digest, now=now) is None:
                break
            blocks_read += 1
        read = blocks_read * block_tokens
        if read < minimum_tokens:
            read = 0
        new = len(digests) * block_tokens - read
        return Charge(
            fresh=total_tokens - read - new,
            read=read,
            written={lifetime_seconds: new} if new else {},
            stores=tuple(Store(digest, lifetime_seconds) for digest in digests),
        )

    def commit(self, charge: Charge, *, now: float) -> None:
        """Make or refresh the entries of a charge; the answer has begun."""
        for store in charge.stores:
            self._entries.pop(store.digest, None)
            self._entries[store.digest] = (store.lifetime_seconds, now + store.lifetime_seconds)
        while len(self._entries) > self.max_entries:
            del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _longest_hit(self, digests: Sequence[bytes], marks: Sequence[int], *, now: float) -> int:
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - LOOKBACK_BLOCKS), -1):
                if self._alive(digests[index], now=now) is not None:
                    return index
        return -1

    def _alive(self, digest: bytes, *, now: float) -> int | None:
        """The lifetime of an entry that can be read now."""
        entry = self._entries.get(digest)
        return None if entry is None or entry[1] <= now else entry[0]


def account_of(*, credential: str, model: str) -> bytes:
    """Whose cache it is: entries are shared neither between keys nor between models."""
    return hashlib.blake2b(f"{credential}\n{model}".encode(), digest_size=DIGEST_BYTES).digest()


def _chain(account: bytes, pieces: Sequence[bytes] | Iterator[bytes]) -> Iterator[bytes]:
    """The digest of every prefix, each made from the one before."""
    digest = account
    for piece in pieces:
        digest = hashlib.blake2b(digest + piece, digest_size=DIGEST_BYTES).digest()
        yield digest
