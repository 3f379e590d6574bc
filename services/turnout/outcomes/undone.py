"""Which work was reverted, and whether that still stands. Pure.

A revert is a commit on the target that says so in git's words, names the merge that brought the work
in, or changes exactly the inverse. One that was reverted itself, or after which the work landed
again, does not stand.
"""

from dataclasses import dataclass

from turnout.outcomes.history import History, Landing
from turnout.outcomes.marks import reverts
from turnout.outcomes.work import Patches, Work


@dataclass(frozen=True, slots=True)
class Undone:
    """The newest revert of a piece of work.

    Attributes:
        stands: whether the work is gone now.
    """

    landing: Landing
    stands: bool


class Reverts:
    """The reverts on the target, and what each reverts."""

    def __init__(self, history: History, patches: Patches) -> None:
        self._history = history
        self._patches = patches
        self._of: dict[str, list[str]] = {}
        for sha in sorted(history.landed, key=history.when):
            for short in reverts(history.commits[sha].message):
                if whole := history.resolve(short):
                    self._of.setdefault(whole, []).append(sha)

    def of(self, work: Work) -> Undone | None:
        """What undid it last, None when nothing ever did."""
        landing = work.landing
        if landing is None:
            return None
        known = {*work.landed_as, landing.sha, *(one.sha for one in work.commits)}
        named = {sha for one in known for sha in self._of.get(one, ())}
        inverse = {sha for one in work.commits for sha in self._patches.undoing(one.sha)}
        first = self._history.when(work.landed_as[0])
        found = sorted(
            (sha for sha in named | inverse if self._history.when(sha) > first),
            key=self._history.when,
        )
        if not found:
            return None
        last = found[-1]
        again = any(self._history.when(sha) > self._history.when(last) for sha in work.landed_as)
        return Undone(self._history.landed[last], not again and not self._is_undone(last))

    def _is_undone(self, sha: str) -> bool:
        """Whether a revert that stands undid this commit."""
        return any(
            self._history.when(one) > self._history.when(sha) and not self._is_undone(one)
            for one in self._of.get(sha, ())
        )
