"""How many of the agents' lines are still there after a day and a week, and what people changed.

Rules: a line is the commit's that `git blame` names, white space, moves within a file, moves between
files of one commit and renames looked through. Lines are counted from the landing on: what an agent
wrote and replaced before is no loss. A person's edit is a line of an agent that a commit of nobody's
agent removed or replaced within a week of the landing; reverts are told as reverts and not here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from turnout.outcomes.history import History, Landing
from turnout.outcomes.marks import reverts
from turnout.outcomes.repository import Change, Repository
from turnout.outcomes.work import Patches, Work

DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * DAY_SECONDS
WINDOWS: Final = (("day", DAY_SECONDS), ("week", WEEK_SECONDS))

MOST_FILES: Final = 300
"""Files of one change; what touches more is vendored or generated, and is not measured by line."""


GENERATED: Final = (
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    *("Cargo.lock", "poetry.lock", "uv.lock", "Pipfile.lock", "Gemfile.lock", "composer.lock"),
    *("go.sum", ".min.js", ".min.css", ".map", ".snap", "_pb2.py", "_pb2.pyi", ".pb.go"),
)
"""Ends of names of files that programs write: their lines are nobody's work, and there are many."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What came to the target as one: a commit with its copies, or a squashed branch."""

    key: str
    shas: tuple[str, ...]
    landing: Landing
    sessions: tuple[str, ...]
    branch: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Lines still there, so long after the landing."""

    window: str
    after_seconds: int
    lines: int


@dataclass(frozen=True, slots=True)
class Measure:
    """What became of the lines of one landing.

    Attributes:
        survival: of the windows that are over.
        kept: lines still there at the newest state within a week.
        changed: lines that people removed or replaced until then.
        after_seconds: from the landing to that state, or to now when nothing has happened since.
    """

    landed: Landed
    written: int
    survival: tuple[Kept, ...]
    kept: int
    changed: int
    after_seconds: float


def landed_units(found: Iterable[Work], patches: Patches) -> list[Landed]:
    """The work that has landed, by what it landed as; parts of one squash are one."""
    groups: dict[str, list[Work]] = {}
    for work in found:
        if work.landed_as:
            groups.setdefault(work.landed_as[0], []).append(work)
    units: list[Landed] = []
    for sha, parts in groups.items():
        landing = parts[0].landing
        assert landing is not None
        units.append(
            Landed(
                key=patches.of.get(sha, sha),
                shas=tuple(dict.fromkeys(one for part in parts for one in part.landed_as)),
                landing=landing,
                sessions=tuple(dict.fromkeys(one for part in parts for one in part.sessions)),
                branch=next((part.branch for part in parts if part.branch), ""),
            )
        )
    return units


@dataclass(slots=True)
class Measuring:
    """Blames and differences of one run, each asked for once."""

    repository: Repository
    history: History
    _blames: dict[tuple[str, str, str], dict[str, int]] = field(default_factory=dict)
    _changes: dict[str, list[Change]] = field(default_factory=dict)

    def measure(self, found: Sequence[Work], patches: Patches, *, now: float) -> list[Measure]:
        """What became of everything that has landed and is small enough to follow."""
        trails = [(unit, self._paths(unit)) for unit in landed_units(found, patches)]
        followed = [(unit, paths) for unit, paths in trails if 0 < len(paths) <= MOST_FILES]
        written = {unit.key: self._lines(unit, paths, seconds=0) for unit, paths in followed}
        changed = self._changed_by_people(followed, found, patches)
        measures: list[Measure] = []
        for unit, paths in followed:
            if not written[unit.key]:
                continue
            age = max(0.0, now - unit.landing.at)
            most = written[unit.key]
            survival = tuple(
                Kept(window, seconds, min(most, self._lines(unit, paths, seconds=seconds)))
                for window, seconds in WINDOWS
                if age >= seconds
            )
            until = min(age, float(WEEK_SECONDS))
            kept = min(most, self._lines(unit, paths, seconds=until))
            measures.append(Measure(unit, most, survival, kept, changed.get(unit.key, 0), until))
        return measures

    def _paths(self, unit: Landed) -> set[str]:
        """Files that had lines of it when it landed."""
        found: set[str] = set()
        for sha in unit.shas[:1]:
            paths = {one.new for one in self._changes_of(sha) if one.status != "D"}
            if sha != unit.landing.sha:
                moved = {
                    one.old: one.new
                    for one in self.repository.changes(sha, unit.landing.sha)
                    if one.status == "R"
                }
                paths = {moved.get(path, path) for path in paths}
            found |= {path for path in paths if not path.endswith(GENERATED)}
        return found

    def _lines(self, unit: Landed, paths: set[str], *, seconds: float) -> int:
        """How many lines of it the target had so long after the landing."""
        state = self.history.at(unit.landing, seconds)
        boundary = self.history.before(unit.landing.place)
        place = self.history.landed[state.sha].place
        total = 0
        for path in sorted(self._follow(paths, unit.landing.place, place)):
            counts = self._blame(state.sha, path, boundary)
            total += sum(counts.get(sha, 0) for sha in unit.shas)
        return total

    def _follow(self, paths: set[str], first: int, last: int) -> set[str]:
        """The files by their names later on, with new files that may have taken lines of them."""
        current = set(paths)
        for commit in self.history.line[first + 1 : last + 1]:
            changes = self._changes_of(commit.sha)
            moved = {one.old: one.new for one in changes if one.status == "R"}
            touched = any(one.status in ("M", "D") and one.old in current for one in changes)
            current = {moved.get(path, path) for path in current}
            if touched:
                added = [one.new for one in changes if one.status in ("A", "C")]
                current.update(added[: max(0, MOST_FILES - len(current))])
        return current

    def _changed_by_people(
        self,
        followed: Sequence[tuple[Landed, set[str]]],
        found: Sequence[Work],
        patches: Patches,
    ) -> dict[str, int]:
        """Lines of each unit that people removed or replaced within its week."""
        by_sha = {sha: unit for unit, _ in followed for sha in unit.shas}
        names: set[str] = set()
        for unit, paths in followed:
            last = self.history.at(unit.landing, WEEK_SECONDS)
            for place in (unit.landing.place, self.history.landed[last.sha].place):
                names |= self._follow(paths, unit.landing.place, place)
            names |= {one.new for sha in unit.shas[:1] for one in self._changes_of(sha)}
        totals: dict[str, int] = {}
        for sha in self._by_people(found, patches):
            landed_at = self.history.landed[sha].at
            touched = self._changes_of(sha)
            if len(touched) > MOST_FILES or not names & {one.old for one in touched}:
                continue
            parent = self.history.commits[sha].parents[0]
            # What landed more than a week before is not counted.
            boundary = self.history.before(self.history.place_at(landed_at - WEEK_SECONDS))
            for removed in self.repository.removed(sha):
                if removed.path not in names:
                    continue
                counts = self.repository.blame(
                    parent, removed.path, boundary=boundary, ranges=removed.ranges
                )
                for owner, lines in counts.items():
                    own = by_sha.get(owner)
                    if own is not None and landed_at <= own.landing.at + WEEK_SECONDS:
                        totals[own.key] = totals.get(own.key, 0) + lines
        return totals

    def _by_people(self, found: Sequence[Work], patches: Patches) -> list[str]:
        """Commits on the target that are no agent's, no merge and no revert."""
        ours = {one.sha for work in found for one in work.commits}
        ours |= {sha for work in found for sha in work.landed_as}
        undoing = {
            sha for work in found for one in work.commits for sha in patches.undoing(one.sha)
        }
        return sorted(
            (
                sha
                for sha in self.history.landed
                if sha not in ours
                and sha not in undoing
                and len(self.history.commits[sha].parents) == 1
                and not reverts(self.history.commits[sha].message)
            ),
            key=self.history.when,
        )

    def _blame(self, rev: str, path: str, boundary: str) -> dict[str, int]:
        key = (rev, path, boundary)
        if key not in self._blames:
            self._blames[key] = self.repository.blame(rev, path, boundary=boundary)
        return self._blames[key]

    def _changes_of(self, sha: str) -> list[Change]:
        if sha not in self._changes:
            self._changes[sha] = self.repository.changes_of(self.history.commits[sha])
        return self._changes[sha]
