"""The agents' work in a history: which changes are theirs, and as what they came to the target.

Rules: a change keeps its name (`key`) when it is rebased, amended in its message, force-pushed or
picked, because its patch does; so it is counted once however often it was written. A branch that was
squashed is found by the patch of the whole branch.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from turnout.outcomes.history import History, Landing, branches_of
from turnout.outcomes.marks import Marks, marks_of, merged_branch, reverts
from turnout.outcomes.repository import Commit, Repository
from turnout.outcomes.sessions import Session, session_at

MOST_SQUASH_TRIES: Final = 30
"""Commits of one branch, newest first, that a squash may have ended with."""

NO_BRANCHES: Final = ("HEAD", "gh-readonly-queue/*", "*/gh-readonly-queue/*", "trunk-merge/*")
"""Names of the target itself and of merge queues."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes:
        repository: as requests are tagged with it; "" when not known.
        trailers: names of lines that name a session.
        branches: patterns of branches whose every commit is an agent's.
        sessions: runs of agents, to match commits by branch and time.
    """

    repository: str
    target: str
    since: float
    trailers: tuple[str, ...]
    branches: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One change of an agent, with every commit that it was written as.

    Attributes:
        landed_as: commits on the target that have its lines; empty when it has not landed.
        is_squashed: it came in as a part of another commit.
    """

    key: str
    commits: tuple[Commit, ...]
    sessions: tuple[str, ...]
    branch: str
    landing: Landing | None = None
    landed_as: tuple[str, ...] = ()
    is_squashed: bool = False

    @property
    def commit(self) -> Commit:
        """The one that is spoken of: as it landed, else as it was written last."""
        landed = [one for one in self.commits if one.sha in self.landed_as]
        return landed[0] if landed else self.commits[-1]

    @property
    def written_at(self) -> int:
        return min(one.written_at for one in self.commits)


class Patches:
    """Patches of the commits that landed and of the agents', computed once."""

    def __init__(self, repository: Repository, history: History, ours: Sequence[str]) -> None:
        self._history = history
        landed = [sha for sha in history.landed if len(history.commits[sha].parents) < 2]
        self.of = repository.patch_ids(sorted({*landed, *ours}))
        self._inverse = repository.patch_ids(sorted(ours), inverse=True)
        self._landed: dict[str, list[str]] = {}
        for sha in sorted(landed, key=history.when):
            if patch := self.of.get(sha):
                self._landed.setdefault(patch, []).append(sha)

    def copies(self, patch: str) -> list[str]:
        """Landed commits with this patch, the first to land first."""
        return self._landed.get(patch, [])

    def undoing(self, sha: str) -> list[str]:
        """Landed commits whose patch is the inverse of this one's."""
        return self._landed.get(self._inverse.get(sha, "none"), [])


def find_work(
    repository: Repository, history: History, search: Search
) -> tuple[list[Work], Patches]:
    """All changes of agents, in the order in which they were first written."""
    tips = branch_tips(repository.refs(), target=search.target)
    named = branches_of(history, tips, skip=frozenset(_skipped(tips, search.target)))
    marked = _marked(history, search, named)
    patches = Patches(repository, history, sorted(marked))
    groups: dict[str, list[Commit]] = {}
    for sha in sorted(marked, key=lambda one: history.commits[one].order):
        groups.setdefault(patches.of.get(sha, sha), []).append(history.commits[sha])
    found: list[Work] = []
    for key, commits in groups.items():
        sessions = tuple(dict.fromkeys(name for one in commits for name in marked[one.sha]))
        branch = next((named[one.sha] for one in commits if one.sha in named), "")
        work = Work(key, tuple(commits), sessions, branch)
        found.append(_landed(work, history, patches.copies(key)))
    squashed = _squashed(repository, history, found, tips, patches)
    return [squashed.get(one.key, one) for one in found], patches


def branch_tips(refs: Mapping[str, str], *, target: str) -> dict[str, str]:
    """Branches by the names that people give them; a local one stands before a remote's."""
    found: dict[str, str] = {}
    for ref, sha in sorted(refs.items()):
        if ref == target:
            continue
        _, kind, name = ref.split("/", 2)
        if kind == "remotes":
            name = name.split("/", 1)[-1]
        elif kind != "heads":
            name = f"{kind}/{name}"
        found.setdefault(name, sha)
    return found


def _skipped(tips: Mapping[str, str], target: str) -> list[str]:
    own = target.rsplit("/", maxsplit=1)[-1]
    return [
        name
        for name in tips
        if name == own or any(fnmatch.fnmatchcase(name, pattern) for pattern in NO_BRANCHES)
    ]


def _marked(
    history: History, search: Search, named: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The agents' commits with their sessions; a merge or a revert is no work of its own."""
    found: dict[str, tuple[str, ...]] = {}
    for commit in history.commits.values():
        is_old = commit.sha not in history.landed and commit.committed_at < search.since
        if len(commit.parents) > 1 or is_old or reverts(commit.message):
            continue
        emails = (commit.author_email, commit.committer_email)
        marks = marks_of(commit.message, emails, trailers=search.trailers)
        branch = named.get(commit.sha) or _branch_by_merge(history, commit)
        is_agent = marks.is_agent or any(
            fnmatch.fnmatchcase(branch, pattern) for pattern in search.branches
        )
        sessions = marks.sessions or _by_time(commit, branch, search, marks)
        if is_agent or sessions:
            found[commit.sha] = sessions
    return found


def _by_time(commit: Commit, branch: str, search: Search, marks: Marks) -> tuple[str, ...]:
    """The session that was at work on the branch when the commit was written."""
    if marks.sessions or not branch:
        return ()
    found = session_at(
        search.sessions, repository=search.repository, branch=branch, at=commit.written_at
    )
    return (found,) if found else ()


def _branch_by_merge(history: History, commit: Commit) -> str:
    landing = history.landed.get(commit.sha)
    if landing is None or landing.sha == commit.sha:
        return ""
    return merged_branch(history.commits[landing.sha].message)


def _landed(work: Work, history: History, copies: Sequence[str]) -> Work:
    """As itself, or as a commit with the same patch: rebased, or picked."""
    own = [one.sha for one in work.commits if one.sha in history.landed]
    shas = sorted({*own, *copies}, key=history.when)
    if not shas:
        return work
    landing = history.landed[shas[0]]
    known = {one.sha for one in work.commits}
    others = [history.commits[sha] for sha in shas if sha not in known]
    branch = work.branch or _branch_by_merge(history, history.commits[shas[0]])
    commits = (*work.commits, *others)
    return replace(work, commits=commits, landing=landing, landed_as=tuple(shas), branch=branch)


def _squashed(
    repository: Repository,
    history: History,
    found: Sequence[Work],
    tips: Mapping[str, str],
    patches: Patches,
) -> dict[str, Work]:
    """Work that has landed as a part of a squashed branch, by its key."""
    open_work = {commit.sha: one for one in found if one.landing is None for commit in one.commits}
    squashed: dict[str, Work] = {}
    for tip in sorted(set(tips.values())):
        own = _own_line(history, tip)
        if not any(sha in open_work and open_work[sha].key not in squashed for sha in own):
            continue
        fork = repository.merge_base(history.tip, tip)
        tried = own[:MOST_SQUASH_TRIES] if fork else []
        wholes = repository.patch_ids(tried, against=fork)
        for at, sha in enumerate(tried):
            copies = patches.copies(wholes.get(sha, ""))
            if not copies:
                continue
            landing = history.landed[copies[0]]
            for part in own[at:]:
                if (work := open_work.get(part)) is not None:
                    squashed[work.key] = replace(
                        work, landing=landing, landed_as=tuple(copies), is_squashed=True
                    )
            break
    return squashed


def _own_line(history: History, tip: str) -> list[str]:
    """The commits of a branch that the target has not, newest first, along its first parents."""
    found: list[str] = []
    sha = tip
    while sha in history.commits and sha not in history.landed:
        found.append(sha)
        parents = history.commits[sha].parents
        sha = parents[0] if parents else ""
    return found
