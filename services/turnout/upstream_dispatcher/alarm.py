"""A deadline for many short waits, one after the other.

`asyncio.timeout` makes and cancels a timer for every wait, which for the pieces of a stream costs more
than looking at them. Here the timer of an earlier wait stays: when it rings before the present wait is
due, it is set to that time. So a stream has a timer every few seconds and none a piece.
"""

import asyncio
from types import TracebackType
from typing import Self


class Alarm:
    """`with alarm.at(due): await ...` raises `TimeoutError` when loop time `due` comes first.

    Works like `asyncio.timeout_at`: the task is cancelled, and the cancellation is turned into the error
    at the block's end; cancellations by others stay theirs. One wait at a time; `close` ends its timer.
    """

    __slots__ = ("_cancelling", "_due", "_has_rung", "_loop", "_rings_at", "_task", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = float("inf")
        self._due = 0.0
        self._has_rung = False
        self._cancelling = 0
        # Who waits; None between two waits.
        self._task: asyncio.Task[object] | None = None

    def at(self, due: float) -> Self:
        """Loop time of the wait that follows."""
        self._due = due
        if due < self._rings_at:
            self._set(due)
        return self

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._rings_at = float("inf")

    def __enter__(self) -> None:
        # Told of the loop, asyncio need not look for it, which is a system call in this version.
        task = self._task = asyncio.current_task(self._loop)
        self._has_rung = False
        self._cancelling = 0 if task is None else task.cancelling()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self._has_rung or task is None:
            return
        is_ours = task.uncancel() <= self._cancelling
        if is_ours and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _set(self, at: float) -> None:
        self.close()
        self._rings_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = float("inf")
        if self._task is None:
            return
        if self._loop.time() < self._due:
            self._set(self._due)
            return
        self._has_rung = True
        self._task.cancel()
