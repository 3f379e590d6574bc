"""Watch a client's side of the connection while its answer is under way.

The watch begins a moment after the answer does: most of what is fast is over by then, and a task
for each request is a measurable part of a small one. Leaving is noticed within `START_SECONDS` plus
the event loop's delay, well inside the 50 ms in which the upstream call has to be aborted.
"""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from turnout.ingress.body import ClientGone

START_SECONDS = 0.02


class ClientWatch:
    """`async with ClientWatch(receive): ...` raises `ClientGone` in the block when the client
    closes the connection. Works like `asyncio.timeout`: the block's own task is cancelled, and the
    cancellation is turned into the error at its end.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_gone = False
        self._cancelling = 0
        self._owner: asyncio.Task[object] | None = None
        self._task: asyncio.Task[None] | None = None
        self._start: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._owner = asyncio.current_task(loop)
        # Cancellations asked for by others before us stay theirs.
        self._cancelling = 0 if self._owner is None else self._owner.cancelling()
        self._start = loop.call_later(START_SECONDS, self._begin)
        return self

    def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
        self._is_gone = True
        if self._owner is not None:
            self._owner.cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del error, trace
        owner, self._owner = self._owner, None
        if self._start is not None:
            self._start.cancel()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._is_gone and owner is not None:
            is_ours = owner.uncancel() <= self._cancelling
            if is_ours and (kind is None or issubclass(kind, asyncio.CancelledError)):
                raise ClientGone
