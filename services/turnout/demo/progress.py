"""How far a run has come: a bar where there is a terminal, a line now and then where there is none."""

import time
from dataclasses import dataclass
from typing import TextIO

BAR_CELLS = 30
REDRAW_SECONDS = 0.1
LINES = 10
"""Lines of a whole run that is written to a file or to CI."""


@dataclass(slots=True)
class Progress:
    """Counts to `total`."""

    out: TextIO
    total: int
    _drawn_at: float = 0.0
    _told: int = 0

    def show(self, done: int, *, failed: int) -> None:
        if self.out.isatty():
            self._draw(done, failed)
        elif (step := done * LINES // max(1, self.total)) > self._told:
            self._told = step
            self.out.write(f"  {self._text(done, failed)}\n")
            self.out.flush()

    def end(self) -> None:
        if self.out.isatty():
            self.out.write("\n")

    def _draw(self, done: int, failed: int) -> None:
        now = time.monotonic()
        if done < self.total and now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at = now
        full = done * BAR_CELLS // max(1, self.total)
        bar = "#" * full + "." * (BAR_CELLS - full)
        self.out.write(f"\r  [{bar}] {self._text(done, failed)}")
        self.out.flush()

    def _text(self, done: int, failed: int) -> str:
        told = f"{done} of {self.total} requests"
        return f"{told}, {failed} failed" if failed else told
