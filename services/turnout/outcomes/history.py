"""What of a repository's history came to the target branch, when, and by which commit. Pure.

A commit lands with the first commit on the target's own line (its first parents) that contains it:
itself after a fast-forward, a rebase or a squash; the merge commit otherwise, also one that a merge
queue made elsewhere before the target was moved to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from turnout.outcomes.repository import Commit


@dataclass(frozen=True, slots=True)
class Landing:
    """Where and when something came to the target.

    Attributes:
        place: index on the target's own line.
    """

    sha: str
    at: int
    place: int


@dataclass(frozen=True, slots=True)
class History:
    """The commits that were read.

    Attributes:
        tip: the newest commit of the target.
        boundary: the newest commit that was left out, "" when none was.
        line: the target's own line, oldest first.
        landed: how each commit came to the target; one that has not is missing.
    """

    tip: str
    boundary: str
    commits: Mapping[str, Commit]
    line: tuple[Commit, ...]
    landed: Mapping[str, Landing]

    def when(self, sha: str) -> tuple[int, int]:
        """Sorts landed commits by when they came to the target."""
        return (self.landed[sha].place, self.commits[sha].order)

    def at(self, landing: Landing, seconds: float) -> Commit:
        """The target as it was so long after a landing."""
        state = self.line[landing.place]
        for commit in self.line[landing.place :]:
            if commit.committed_at > landing.at + seconds:
                break
            state = commit
        return state

    def before(self, place: int) -> str:
        """The target's commit before one of its own line."""
        return self.line[place - 1].sha if place > 0 else self.boundary

    def place_at(self, at: float) -> int:
        """Where on its own line the target was the first time that it was as late as that."""
        return next(
            (place for place, one in enumerate(self.line) if one.committed_at >= at),
            len(self.line) - 1,
        )

    def resolve(self, short: str) -> str:
        """The whole id of one that may be shortened, "" when it is not among those read."""
        if short in self.commits:
            return short
        return next((sha for sha in self.commits if sha.startswith(short)), "")


def history_of(commits: Mapping[str, Commit], *, tip: str, boundary: str) -> History:
    """How the commits came to the target whose newest commit is `tip`."""
    line: list[Commit] = []
    sha = tip
    while sha in commits:
        commit = commits[sha]
        line.append(commit)
        sha = commit.parents[0] if commit.parents else ""
    line.reverse()
    landed: dict[str, Landing] = {}
    for place, commit in enumerate(line):
        landing = Landing(commit.sha, commit.committed_at, place)
        waiting = [commit.sha]
        while waiting:
            sha = waiting.pop()
            if sha in commits and sha not in landed:
                landed[sha] = landing
                waiting.extend(commits[sha].parents)
    return History(tip, boundary, commits, tuple(line), landed)


def branches_of(
    history: History, tips: Mapping[str, str], *, skip: frozenset[str]
) -> dict[str, str]:
    """The branch of each commit that is on one, by its own name; the first name where several are.

    `tips` are branch names with their newest commits, `skip` names that are no work of their own.
    """
    found: dict[str, str] = {}
    for name in sorted(set(tips) - skip):
        tip = tips[name]
        landing = history.landed.get(tip)
        waiting = [tip]
        while waiting:
            sha = waiting.pop()
            commit = history.commits.get(sha)
            if commit is None or sha in found or history.landed.get(sha) != landing:
                continue
            if landing is not None and landing.sha == sha and sha != tip:
                continue
            found[sha] = name
            waiting.extend(commit.parents)
    return found
