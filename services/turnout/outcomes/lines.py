"""How many of the agents' lines are still there after a day and a week, and what people changed.

Rules: a line is the commit's that `git blame` names, white space, moves within a file, moves between
files of one commit and renames looked through. Lines are counted from the landing on: what an agent
wrote and replaced before is no loss. A person's edit is a line of an agent that a commit of nobody's
agent removed or replaced within a week of the landing; reverts are told as reverts and not here.
"""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from turnout.outcomes.history import History, Landing
from turnout.outcomes.marks import reverts
from turnout.outcomes.repository import Change, Owned, Removed, Repository
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


File: TypeAlias = tuple[str, str]
"""A commit and a path in it."""


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
    """Differences and blames of one run, each asked for once.

    A file is as it was when the target last changed it, so states between two changes of it share
    a blame, which looks back as far as the oldest landing that it is asked for. What has to be
    blamed is collected first, because blames are nearly all of the time and can run side by side.
    """

    repository: Repository
    history: History
    _changes: dict[str, list[Change]] = field(default_factory=dict)
    _touched: dict[str, list[int]] = field(default_factory=dict)
    _wanted: dict[File, int] = field(default_factory=dict)
    _owners: dict[File, tuple[Owned, ...]] = field(default_factory=dict)

    def measure(self, found: Sequence[Work], patches: Patches, *, now: float) -> list[Measure]:
        """What became of everything that has landed and is small enough to follow."""
        units = landed_units(found, patches)
        people = self._by_people(found, patches)
        self._read_changes([unit.shas[0] for unit in units], people)
        trails = zip(units, self._paths(units), strict=True)
        followed = [(unit, paths) for unit, paths in trails if 0 < len(paths) <= MOST_FILES]
        states = {
            unit.key: {at: self._files(unit, paths, seconds=at) for at in _moments(unit, now)}
            for unit, paths in followed
        }
        edits = self._edits(people, followed)
        self._blame()
        changed = self._changed(edits, [unit for unit, _ in followed])
        measures: list[Measure] = []
        for unit, _ in followed:
            counts = {at: self._count(unit, files) for at, files in states[unit.key].items()}
            most, until = counts[0.0], max(counts)
            if most:
                survival = tuple(
                    Kept(window, seconds, min(most, counts[seconds]))
                    for window, seconds in WINDOWS
                    if seconds in counts
                )
                kept = min(most, counts[until])
                lost = changed.get(unit.key, 0)
                measures.append(Measure(unit, most, survival, kept, lost, until))
        return measures

    def _read_changes(self, landed: Sequence[str], people: Sequence[str]) -> None:
        """What each of them, and each commit of the target's own line, changed in its first parent."""
        commits = self.history.commits
        shas = list(dict.fromkeys([*(one.sha for one in self.history.line), *landed, *people]))
        pairs = [(next(iter(commits[sha].parents), ""), sha) for sha in shas]
        self._changes = dict(zip(shas, self.repository.changes(pairs), strict=True))
        for place, commit in enumerate(self.history.line):
            for path in {path for one in self._changes[commit.sha] for path in (one.old, one.new)}:
                self._touched.setdefault(path, []).append(place)

    def _paths(self, units: Sequence[Landed]) -> Iterator[set[str]]:
        """Files that had lines of each when it landed."""
        pairs = [(unit.shas[0], unit.landing.sha) for unit in units]
        for unit, since in zip(units, self.repository.changes(pairs), strict=True):
            moved = {one.old: one.new for one in since if one.status == "R"}
            changed = self._changes[unit.shas[0]]
            paths = {moved.get(one.new, one.new) for one in changed if one.status != "D"}
            yield {path for path in paths if not path.endswith(GENERATED)}

    def _files(self, unit: Landed, paths: set[str], *, seconds: float) -> list[File]:
        """Where its lines may have been so long after the landing."""
        state = self.history.at(unit.landing, seconds)
        place = self.history.landed[state.sha].place
        current = self._follow(paths, unit.landing.place, place)
        return self._want(state.sha, current, since=unit.landing.place)

    def _follow(self, paths: set[str], first: int, last: int) -> set[str]:
        """The files by their names later on, with new files that may have taken lines of them."""
        current = set(paths)
        for commit in self.history.line[first + 1 : last + 1]:
            changes = self._changes[commit.sha]
            moved = {one.old: one.new for one in changes if one.status == "R"}
            touched = any(one.status in ("M", "D") and one.old in current for one in changes)
            current = {moved.get(path, path) for path in current}
            if touched:
                added = [one.new for one in changes if one.status in ("A", "C")]
                current.update(added[: max(0, MOST_FILES - len(current))])
        return current

    def _edits(
        self, people: Sequence[str], followed: Sequence[tuple[Landed, set[str]]]
    ) -> list[tuple[int, Removed, list[File]]]:
        """When people removed which lines, and the file that those were in."""
        names: set[str] = set()
        for unit, paths in followed:
            last = self.history.at(unit.landing, WEEK_SECONDS)
            for place in (unit.landing.place, self.history.landed[last.sha].place):
                names |= self._follow(paths, unit.landing.place, place)
            names |= {one.new for one in self._changes[unit.shas[0]]}
        touching = [
            sha
            for sha in people
            if len(self._changes[sha]) <= MOST_FILES
            and names & {one.old for one in self._changes[sha]}
        ]
        edits: list[tuple[int, Removed, list[File]]] = []
        for sha, files in self.repository.removed(touching).items():
            landed_at = self.history.landed[sha].at
            parent = self.history.commits[sha].parents[0]
            # What landed more than a week before is not counted.
            since = self.history.place_at(landed_at - WEEK_SECONDS)
            for removed in files:
                if removed.path in names:
                    found = self._want(parent, [removed.path], since=since)
                    edits.append((landed_at, removed, found))
        return edits

    def _changed(
        self, edits: Iterable[tuple[int, Removed, list[File]]], units: Sequence[Landed]
    ) -> dict[str, int]:
        """Lines of each unit that people removed or replaced within its week."""
        by_sha = {sha: unit for unit in units for sha in unit.shas}
        totals: dict[str, int] = {}
        for landed_at, removed, files in edits:
            for owned in (one for file in files for one in self._owners[file]):
                own = by_sha.get(owned.sha)
                if own is not None and landed_at <= own.landing.at + WEEK_SECONDS:
                    totals[own.key] = totals.get(own.key, 0) + _within(owned, removed.ranges)
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

    def _want(self, rev: str, paths: Iterable[str], *, since: int) -> list[File]:
        """The files that a blame will be of, for lines that landed at or after a place."""
        landing = self.history.landed.get(rev)
        if landing is None:
            return []
        files: list[File] = []
        for path in paths:
            if landing.sha == rev:
                touched = self._touched.get(path, [])
                before = bisect_right(touched, landing.place)
                if not before:
                    continue
                files.append((self.history.line[touched[before - 1]].sha, path))
            else:
                files.append((rev, path))
            self._wanted[files[-1]] = min(since, self._wanted.get(files[-1], since))
        return files

    def _blame(self) -> None:
        def owners(wanted: tuple[File, int]) -> tuple[Owned, ...]:
            (rev, path), since = wanted
            return self.repository.blame(rev, path, boundary=self.history.before(since))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self._owners = dict(
                zip(self._wanted, pool.map(owners, self._wanted.items()), strict=True)
            )

    def _count(self, unit: Landed, files: Iterable[File]) -> int:
        """Lines of the unit in them."""
        owners = (owned for file in files for owned in self._owners[file])
        return sum(owned.count for owned in owners if owned.sha in unit.shas)


def _moments(unit: Landed, now: float) -> list[float]:
    """Seconds after the landing that lines are counted at: then, after the windows that are over,
    and at last as late as within a week is possible.
    """
    age = max(0.0, now - unit.landing.at)
    windows = [float(seconds) for _, seconds in WINDOWS if age >= seconds]
    return [0.0, *windows, min(age, float(WEEK_SECONDS))]


def _within(owned: Owned, ranges: Iterable[tuple[int, int]]) -> int:
    """How many of the lines are in one of the ranges."""
    end = owned.first + owned.count
    overlaps = (min(end, first + count) - max(owned.first, first) for first, count in ranges)
    return sum(overlap for overlap in overlaps if overlap > 0)
