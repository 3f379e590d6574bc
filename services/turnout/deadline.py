"""A deadline for what every request waits for.

`asyncio.timeout` looks for the running loop three times, which in this version is a system call each, and
makes three objects: of a small request's time a hundredth.
"""

import asyncio
from types import TracebackType


class Deadline:
    """`with Deadline(seconds): await ...` raises `TimeoutError` when that takes longer.

    Works like `asyncio.timeout`: the task is cancelled, and the cancellation is turned into the error at
    the block's end; cancellations by others stay theirs.
    """

    __slots__ = ("_cancelling", "_has_rung", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_rung = False
        self._cancelling = 0
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = self._task = asyncio.current_task(loop)
        assert task is not None, "only a task can be told that it is late"
        self._cancelling = task.cancelling()
        self._timer = loop.call_later(self._seconds, self._ring)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        if not self._has_rung or task is None:
            return
        is_ours = task.uncancel() <= self._cancelling
        if is_ours and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _ring(self) -> None:
        self._has_rung = True
        if self._task is not None:
            self._task.cancel()
