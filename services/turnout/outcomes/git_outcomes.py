"""`turnout outcomes git`: what became of the agents' commits of a repository.

Per change: `merge` with the time it took (or the label `unmerged`), and `revert` when it was undone
(the label `reapplied` when that was undone in turn). Per landing: `survival` after a day and after a
week, and `human_edits`. The figures are those of the repository as it is now; fetch before.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from turnout.errors import InvalidRequest
from turnout.outcomes.history import History, history_of
from turnout.outcomes.lines import Measure, Measuring
from turnout.outcomes.marks import SESSION_TRAILERS
from turnout.outcomes.report import Report, moment, stable_id
from turnout.outcomes.repository import Repository
from turnout.outcomes.sessions import Session
from turnout.outcomes.undone import Reverts
from turnout.outcomes.work import Search, Work, find_work

SOURCE: Final = "git"

TARGETS: Final = (
    *("refs/remotes/origin/main", "refs/remotes/origin/master"),
    *("refs/heads/main", "refs/heads/master"),
)

LONGEST_SPAN_SECONDS: Final = 50 * 365 * 86_400
"""A commit may bear any date; the endpoint takes a hundred years."""

MOST_CHARACTERS: Final = 400
"""Of a branch's or repository's name, as the endpoint takes them."""

_DAYS: Final = re.compile(r"(\d{1,5})\s*(d|days?|w|weeks?)(?: ago)?")


@dataclass(frozen=True, slots=True)
class GitOptions:
    """What to read.

    Attributes:
        target: branch that work lands on; "" for the remote's own default.
        repository: the name that requests are tagged with; "" for that of the remote.
        branches: patterns of branches whose every commit is an agent's.
    """

    repo: Path
    since: float
    target: str = ""
    repository: str = ""
    trailers: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()


def git_outcomes(options: GitOptions, *, now: float) -> list[Report]:
    """Everything there is to report. Raises `InvalidRequest` when there is nothing to read."""
    repository = Repository(options.repo)
    repository.open()
    target = _target(repository, options.target)
    history = _read(repository, target, since=options.since)
    name = options.repository or repository_name(repository.origin())[:MOST_CHARACTERS]
    search = Search(
        repository=name,
        target=target,
        since=options.since,
        trailers=(*SESSION_TRAILERS, *options.trailers),
        branches=options.branches,
        sessions=options.sessions,
    )
    found, patches = find_work(repository, history, search)
    undone = Reverts(history, patches)
    parts = {one.landed_as[0] for one in found if one.is_squashed}
    reports: list[Report] = []
    for work in found:
        # A squash whose parts are known is told as its parts.
        if not (work.landed_as and work.landed_as[0] in parts and not work.is_squashed):
            reports += _of_work(work, undone, name)
    for measure in Measuring(repository, history).measure(found, patches, now=now):
        reports += _of_lines(measure, name)
    return [_not_ahead(one, now=now) for one in reports]


def since_of(told: str, *, now: float) -> float:
    """The time that `--since` names. Raises `InvalidRequest` for anything else than it says."""
    if matched := _DAYS.fullmatch(told.strip().lower()):
        days = int(matched[1]) * (7 if matched[2].startswith("w") else 1)
        return max(0.0, now - days * 86_400.0)
    try:
        found = datetime.fromisoformat(told.strip())
    except ValueError:
        raise InvalidRequest(
            f"--since {told!r} is no time; 30d, 4 weeks ago and 2026-11-01 are"
        ) from None
    return max(0.0, (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def repository_name(address: str) -> str:
    """`owner/name` of a remote's address; neither host nor credentials are in it."""
    path = re.sub(r"^[a-z+]+://[^/]*/", "", address.strip())
    if path == address.strip() and ":" in path:
        path = path.split(":", 1)[1]
    words = [word for word in path.split("/") if word]
    return "/".join(words[-2:]).removesuffix(".git") if len(words) > 1 else ""


def _target(repository: Repository, told: str) -> str:
    """The full name of the branch that work lands on."""
    if told:
        for name in (told, f"refs/remotes/origin/{told}", f"refs/heads/{told}"):
            if name.startswith("refs/") and repository.resolve(name):
                return name
        raise InvalidRequest(f"--target {told}: there is no branch of that name here")
    own = repository.symbolic("refs/remotes/origin/HEAD")
    for name in (own, *TARGETS):
        if name and repository.resolve(name):
            return name
    raise InvalidRequest("which branch work lands on is not clear here; name it with --target")


def _read(repository: Repository, target: str, *, since: float) -> History:
    tip = repository.resolve(target)
    boundary = repository.boundary(tip, before=since)
    commits = repository.commits([tip, *repository.refs().values()], boundary=boundary)
    return history_of(commits, tip=tip, boundary=boundary)


def _for_sessions(report: Report, sessions: Sequence[str]) -> Iterator[Report]:
    """The report for each session that it is about; the first keeps the id of one without any."""
    for at, session in enumerate(sessions or ("",)):
        id_ = report.id if at == 0 else stable_id(SOURCE, "also", report.id, session)
        yield msgspec.structs.replace(report, id=id_, session=session)


def _not_ahead(report: Report, *, now: float) -> Report:
    """A commit may bear a date of the years to come; the router takes no such time."""
    # Times in UTC are in the order of their texts.
    return msgspec.structs.replace(report, occurred_at=min(report.occurred_at, moment(now)))


def _span(first: int, last: int) -> float:
    return float(min(max(0, last - first), LONGEST_SPAN_SECONDS))


def _of_work(work: Work, undone: Reverts, repository: str) -> Iterator[Report]:
    landing, written_at = work.landing, work.written_at
    told = Report(
        id=stable_id(SOURCE, "merge", repository, work.key),
        kind="merge",
        repository=repository,
        branch=work.branch[:MOST_CHARACTERS],
        commit=work.commit.sha,
        source=SOURCE,
        occurred_at=moment(written_at),
    )
    if landing is None:
        unmerged = msgspec.structs.replace(told, kind="label", label="unmerged")
        yield from _for_sessions(unmerged, work.sessions)
        return
    merged = msgspec.structs.replace(
        told,
        occurred_at=moment(landing.at),
        after_seconds=_span(written_at, landing.at),
    )
    yield from _for_sessions(merged, work.sessions)
    if (last := undone.of(work)) is not None:
        reverted = msgspec.structs.replace(
            told,
            id=stable_id(SOURCE, "revert", repository, work.key),
            kind="revert" if last.stands else "label",
            label="" if last.stands else "reapplied",
            occurred_at=moment(last.landing.at),
            after_seconds=_span(landing.at, last.landing.at),
        )
        yield from _for_sessions(reverted, work.sessions)


def _of_lines(measure: Measure, repository: str) -> Iterator[Report]:
    """Counted once, for the first session, because sums over sessions must be right."""
    landed = measure.landed
    told = Report(
        id=stable_id(SOURCE, "human_edits", repository, landed.key),
        kind="human_edits",
        session=landed.sessions[0] if landed.sessions else "",
        repository=repository,
        branch=landed.branch[:MOST_CHARACTERS],
        commit=landed.shas[0],
        lines_written=measure.written,
        lines_kept=measure.kept,
        lines_changed=measure.changed,
        after_seconds=measure.after_seconds,
        source=SOURCE,
        occurred_at=moment(landed.landing.at + measure.after_seconds),
    )
    yield told
    for kept in measure.survival:
        yield msgspec.structs.replace(
            told,
            id=stable_id(SOURCE, f"survival-{kept.window}", repository, landed.key),
            kind="survival",
            lines_kept=kept.lines,
            lines_changed=None,
            after_seconds=float(kept.after_seconds),
            occurred_at=moment(landed.landing.at + kept.after_seconds),
        )
