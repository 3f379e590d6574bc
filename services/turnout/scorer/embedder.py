"""The text embedder as the scorer asks it: a cache, one worker thread, a bounded queue, a deadline.

Rules of this module: an embedding is never worth an error to the request, so whatever goes wrong
is a `Skipped` with its reason; the model runs in one thread of its own, never on the event loop;
no text is kept, in the cache or in a log: embeddings are named by the digest of their text.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self, TypeAlias

import msgspec

from turnout.scorer.embedder_files import EMBEDDER_DIGEST, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder, Vector
from turnout.scorer.tokens import cut, text_digest

SkipReason: TypeAlias = Literal["no_text", "queue_full", "late", "failed", "closed"]

QUEUE_SIZE = 8
"""Texts waiting or running: at 14 ms each a longer queue only makes answers that are late."""

CACHE_SIZE = 4096
"""Embeddings kept: 1.6 kB each, 6.5 MB together; a thread's text comes back with every step."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A unit vector and whether it was there already."""

    vector: Vector
    is_cached: bool


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """There is no embedding, and why."""

    reason: SkipReason


class TextEmbedder(Protocol):
    @property
    def embedder_digest(self) -> str:
        """Names model, tokenizer and cut; artifacts are bound to it."""
        ...

    def known(self, text: str) -> Embedding | Skipped | None:
        """What can be said of the text at once; None when it has to be embedded."""
        ...

    async def embed(self, text: str, *, deadline_seconds: float) -> Embedding | Skipped:
        """Never raises to the request."""
        ...


class Encoder(Protocol):
    def encode(self, cut_text: str) -> Vector:
        """Blocking; called from one thread only."""
        ...


class QueuedEmbedder:
    """A `TextEmbedder` over a blocking encoder. Close it with `close` or `async with`."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        embedder_digest: str,
        queue_size: int = QUEUE_SIZE,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self._encoder = encoder
        self._embedder_digest = embedder_digest
        self._queue_size = queue_size
        self._cache = _Cache(cache_size)
        self._running: set[Future[Vector]] = set()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def embedder_digest(self) -> str:
        return self._embedder_digest

    @property
    def queue_depth(self) -> int:
        """Texts waiting or running now."""
        self._running = {future for future in self._running if not future.done()}
        return len(self._running)

    def known(self, text: str) -> Embedding | Skipped | None:
        """The cached embedding, or why there will be none; None when it has to be computed."""
        cut_text = cut(text)
        if not cut_text:
            return Skipped("no_text")
        cached = self._cache.get(text_digest(cut_text))
        if cached is not None:
            return Embedding(vector=cached, is_cached=True)
        if self._is_closed:
            return Skipped("closed")
        if self.queue_depth >= self._queue_size:
            return Skipped("queue_full")
        return None

    async def embed(self, text: str, *, deadline_seconds: float) -> Embedding | Skipped:
        """The text's embedding, from the cache or from the worker thread within the deadline.

        What is late when it runs is finished and cached, so that the thread's next step has it;
        what is late while it still waits is dropped.
        """
        known = self.known(text)
        if known is not None:
            return known
        cut_text = cut(text)
        digest = text_digest(cut_text)
        future = self._worker.submit(self._encode, digest, cut_text)
        self._running.add(future)
        return await self._wait(future, deadline_seconds)

    async def close(self) -> None:
        """Drop what waits, finish what runs, end the thread. Later calls are skipped."""
        self._is_closed = True
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)

    async def _wait(self, future: Future[Vector], deadline_seconds: float) -> Embedding | Skipped:
        waiting = asyncio.wrap_future(future)
        try:
            # Not wait_for: it raises CancelledError when `close` cancels the future, which
            # the caller could not tell from its own cancellation.
            await asyncio.wait((waiting,), timeout=deadline_seconds)
        finally:
            # Leaves the queue now; what already runs goes on and is cached.
            future.cancel()
        if not waiting.done():
            # Else asyncio would log a later failure as never retrieved, with its message.
            waiting.cancel()
            return Skipped("late")
        if waiting.cancelled():
            return Skipped("closed")
        error = waiting.exception()
        if error is not None:
            # The type alone: a message may quote the text.
            _LOG.warning("embedding failed: %s", type(error).__name__)
            return Skipped("failed")
        return Embedding(vector=waiting.result(), is_cached=False)

    def _encode(self, digest: str, cut_text: str) -> Vector:
        """In the worker thread. Two requests with one new text queue twice but compute once."""
        known = self._cache.get(digest)
        if known is not None:
            return known
        vector = self._encoder.encode(cut_text)
        self._cache.put(digest, vector)
        return vector


class _Cache:
    """Least recently used, bounded, shared by the event loop and the worker thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str) -> Vector | None:
        with self._lock:
            vector = self._vectors.get(digest)
            if vector is not None:
                self._vectors.move_to_end(digest)
            return vector

    def put(self, digest: str, vector: Vector) -> None:
        with self._lock:
            self._vectors[digest] = vector
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)


def load_embedder(root: Path) -> QueuedEmbedder:
    """The real embedder. Raises `Unavailable` naming the build command when files are missing."""
    encoder = OnnxEncoder(load_embedder_files(root))
    return QueuedEmbedder(encoder, embedder_digest=EMBEDDER_DIGEST)
