"""Counts the tokens of a request here, when no provider does.

Rules: a thread of its own, because a long prompt takes longer than the event loop can be held up;
bounded in requests that wait, in characters and in time; what goes wrong is an answer of None, and
whoever asked falls back to an estimate from bytes. The tokenizer is Rust, lets go of the
interpreter's lock while it counts, and has its vocabularies compiled in: nothing is read or fetched.
"""

import asyncio
import importlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import msgspec

from turnout.catalog.token_families import FIGURES, Family, TokenFigures
from turnout.dialects.conversation import Conversation
from turnout.dialects.token_count import Tally, tally_of

MAX_WAITING: Final = 64
"""Claude Code asks for some 27 counts at once; a prompt of 200 kB takes a few milliseconds."""

MAX_CHARACTERS: Final = 8_000_000
"""Counted of one request, which takes about a tenth of a second. Of a longer one each text is cut
to the same share, and what is cut off is taken to be like the rest."""

COUNT_SECONDS: Final = 5.0
"""From asking to having, waiting in line included; Claude Code waits for a count."""

_LOG = logging.getLogger(__name__)


class LocalCount(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    figures: of the family counted for, which say how far off the count may be.
    """

    tokens: int
    figures: TokenFigures


class CountTexts(Protocol):
    """The tokenizer library's one function."""

    def __call__(self, texts: Sequence[str], encoding: str, threads: int) -> list[int]: ...


class TokenCounter:
    """One per dispatcher; closed with it."""

    def __init__(self) -> None:
        self._lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="token-counter")
        self._waiting = 0

    def close(self) -> None:
        self._lane.shutdown(wait=False, cancel_futures=True)

    async def count(
        self, read: Callable[[], Conversation], family: Family, *, request_id: str
    ) -> LocalCount | None:
        """Tokens of what `read` gives; it is called on the counter's thread. None when that fails,
        takes too long, or too many are waiting.
        """
        if self._waiting >= MAX_WAITING:
            return None
        self._waiting += 1
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                tokens = await asyncio.get_running_loop().run_in_executor(
                    self._lane, lambda: _counted(tally_of(read(), family))
                )
        except Exception as error:  # noqa: BLE001 - a count that fails must not fail its request
            _LOG.warning(
                "tokens could not be counted",
                extra={"request_id": request_id, "error": type(error).__name__},
            )
            return None
        else:
            return LocalCount(tokens, FIGURES[family])
        finally:
            self._waiting -= 1


def _counted(tally: Tally) -> int:
    vocabulary = FIGURES[tally.family].vocabulary
    count: CountTexts = importlib.import_module("toktok").batch_count
    texts = [_encodable(text) for text in tally.texts]
    whole = sum(map(len, texts))
    if whole <= MAX_CHARACTERS:
        return tally.tokens(count(texts, vocabulary, 1))
    share = MAX_CHARACTERS / whole
    kept = [text[: int(len(text) * share)] for text in texts]
    counted = sum(count(kept, vocabulary, 1))
    return tally.tokens((round(counted * whole / max(1, sum(map(len, kept)))),))


def _encodable(text: str) -> str:
    """The tokenizer takes UTF-8 only; JSON allows lone surrogates, which become question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
