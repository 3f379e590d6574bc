"""Places to run blocking calls in, and a bounded queue before them.

Rules: a call never outlives its place: a caller who is cancelled leaves only when the thread is back,
since the engine's calls cannot be abandoned, only killed.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from turnout.engines.clickhouse.outcome import TOO_MANY_SIMULTANEOUS_QUERIES, refused

# How long a query may wait for a place, which is what the longest query before it may take.
QUEUE_SECONDS: Final = 30.0

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Lane:
    """Places to run queries in, and a bounded queue before them."""

    name: str
    places: int
    queue: int
    free: asyncio.Semaphore = field(init=False)
    threads: ThreadPoolExecutor = field(init=False)
    waiting: int = 0

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.places)
        self.threads = ThreadPoolExecutor(self.places, thread_name_prefix=self.name)

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        if self.free.locked() and self.waiting >= self.queue:
            raise refused(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Too many simultaneous queries: {self.places} run and {self.waiting} wait.",
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self.free.acquire()
        except TimeoutError:
            raise refused(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"No place became free within {QUEUE_SECONDS:.0f} s.",
            ) from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self.free.release()

    async def call(
        self,
        blocking: Callable[[], _T],
        *,
        on_cancel: Callable[[], None],
        unwanted: Callable[[_T], None],
    ) -> _T:
        """Run a call of the engine to its end, even when the caller is cancelled meanwhile.

        `on_cancel` may hurry it; what it gives to nobody goes to `unwanted`.
        """
        future = asyncio.get_running_loop().run_in_executor(self.threads, blocking)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread cannot be left to itself: the place is free only when it has come back.
            on_cancel()
            await asyncio.wait([future])
            if not future.cancelled() and future.exception() is None:
                unwanted(future.result())
            raise
