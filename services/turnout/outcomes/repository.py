"""A git repository, read with the git command line.

Rules: nothing is written, nothing fetched and no text of a file leaves this module: callers get ids,
paths and ranges of lines. What is asked of many commits is asked of one git for all of them, because
starting it costs more than an answer; only blame has no such way. Every command has a deadline; one
that fails is one clear error. Settings of the user that change what git prints (external diffs,
quoting, a pager) are switched off.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.errors import InvalidRequest, Unavailable

GIT_SECONDS: Final = 300.0
"""The patches of some 50,000 commits of a large repository take minutes."""

MOST_COMMITS: Final = 50_000
"""Commits in one run; a month of a large team is below it."""

LATEST_SECONDS: Final = 4_102_444_800
"""The year 2100; anybody can write any date into a commit."""

_PREFIX: Final = (
    *("git", "--no-pager", "--no-optional-locks"),
    *("-c", "core.quotepath=off", "-c", "diff.renameLimit=2000", "-c", "diff.orderFile="),
    *("-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8"),
)
# With one prefix for both sides the patch of a revert is the inverse of what it reverts.
_PLAIN_DIFF: Final = (
    *("--no-ext-diff", "--no-textconv", "--no-color"),
    *("--src-prefix=a/", "--dst-prefix=a/"),
)
_FIELDS: Final = ("%H", "%P", "%at", "%ct", "%ae", "%an", "%ce", "%B")
_HUNK: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+")
_BLAMED: Final = re.compile(rb"^([0-9a-f]{40,64}) \d+ (\d+) (\d+)$", re.MULTILINE)
_SHA: Final = re.compile(r"[0-9a-f]{40,64}")
_SHA_LINE: Final = re.compile(rb"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as far as it matters here.

    Attributes:
        order: place among all commits that were read; parents come before children.
        message: read for marks and for what it reverts; never sent.
    """

    sha: str
    parents: tuple[str, ...]
    written_at: int
    committed_at: int
    author_email: str
    author: str
    committer_email: str
    message: str
    order: int


@dataclass(frozen=True, slots=True)
class Change:
    """One path in a commit: `status` is git's letter, `old` and `new` differ when it was renamed."""

    status: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Owned:
    """Lines of a file that a commit wrote."""

    sha: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Removed:
    """Lines of the parent that a commit removed or replaced: ranges of (first, count)."""

    path: str
    ranges: tuple[tuple[int, int], ...]


class Repository:
    """One repository on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        """Raises `InvalidRequest` when there is no repository, or one without its history."""
        if not self._path.is_dir():
            raise InvalidRequest(f"--repo {self._path} is no directory")
        if self._text("rev-parse", "--is-shallow-repository").strip() == "true":
            raise InvalidRequest(
                f"{self._path} is a shallow clone; fetch its history first: git fetch --unshallow,"
                " or fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 in GitLab"
            )

    def resolve(self, name: str) -> str:
        """The commit of a name, "" when there is none."""
        found = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        return found.stdout.decode().strip() if found.returncode == 0 else ""

    def message(self, sha: str) -> str:
        """A commit's message, "" when it is not here or there is no repository at all."""
        found = self._run("log", "-1", "--format=%B", "--end-of-options", sha, "--")
        return found.stdout.decode(errors="replace") if found.returncode == 0 else ""

    def symbolic(self, name: str) -> str:
        found = self._run("symbolic-ref", "--quiet", name)
        return found.stdout.decode().strip() if found.returncode == 0 else ""

    def origin(self) -> str:
        """The address of the remote `origin`, "" without one. It may hold credentials."""
        found = self._run("config", "--get", "remote.origin.url")
        return found.stdout.decode(errors="replace").strip() if found.returncode == 0 else ""

    def refs(self) -> dict[str, str]:
        """Full names of branches, remote branches and pull requests, with their commits."""
        told = self._text(
            "for-each-ref",
            "--format=%(refname)%00%(objectname)%00%(objecttype)",
            "refs/heads",
            "refs/remotes",
            "refs/pull",
            "refs/merge-requests",
        )
        rows = [line.split("\0") for line in told.splitlines()]
        return {name: sha for name, sha, kind in rows if kind == "commit"}

    def boundary(self, target: str, *, before: float) -> str:
        """The last commit of the target's own line that is older, "" when there is none."""
        return self._text(
            "rev-list", "-1", "--first-parent", f"--min-age={int(before)}", target
        ).strip()

    def commits(self, tips: Iterable[str], *, boundary: str) -> dict[str, Commit]:
        """All commits that the tips have and the boundary has not."""
        told = self._output(
            [
                "log",
                "-z",
                "--topo-order",
                "--reverse",
                f"--format={'%x00'.join(_FIELDS)}",
                "--stdin",
            ],
            given=[*sorted(set(tips)), *([f"^{boundary}"] if boundary else [])],
        )
        words = told.decode(errors="replace").split("\0")
        width = len(_FIELDS)
        rows = [words[at : at + width] for at in range(0, len(words) - width + 1, width)]
        if len(rows) > MOST_COMMITS:
            raise InvalidRequest(
                f"{len(rows)} commits are more than {MOST_COMMITS} in one run; set a later --since"
            )
        return {row[0]: _commit(row, order) for order, row in enumerate(rows)}

    def patch_ids(
        self, shas: Sequence[str], *, inverse: bool = False, against: str = ""
    ) -> dict[str, str]:
        """What each commit changes, or differs in from another, as a digest that a rebase leaves as
        it is.
        """
        flags = ["diff-tree", "--stdin", "-p", "--root", *_PLAIN_DIFF, *(["-R"] if inverse else [])]
        patches = self._output(flags, given=[f"{sha} {against}".rstrip() for sha in shas])
        return dict(_pairs(self._output(["patch-id", "--stable"], raw=patches).decode()))

    def merge_base(self, one: str, other: str) -> str:
        found = self._run("merge-base", one, other)
        return found.stdout.decode().strip() if found.returncode == 0 else ""

    def changes(self, pairs: Sequence[tuple[str, str]]) -> list[list[Change]]:
        """Paths that differ between each two commits, the old one first, renames recognised; "" is
        what was there before a first commit.
        """
        names = ("-r", "-z", "-M", "--root", "--always", "--name-status")
        told = self._output(
            ["diff-tree", "--stdin", *names], given=[f"{new} {old}".rstrip() for old, new in pairs]
        )
        return _changes(told)

    def removed(self, shas: Sequence[str]) -> dict[str, list[Removed]]:
        """Which lines of its parent each commit removed or replaced; white space alone is no change."""
        flags = ("--stdin", "-p", "-U0", "-M", "-w", *_PLAIN_DIFF)
        found: dict[str, list[Removed]] = {}
        for sha, removed in _removed(self._output(["diff-tree", *flags], given=shas)):
            found.setdefault(sha, []).append(removed)
        return found

    def blame(self, rev: str, path: str, *, boundary: str) -> tuple[Owned, ...]:
        """Who wrote the lines of a file, moves and white space looked through.

        Lines older than the boundary count for the boundary. A path that is no text file there, or
        does not exist, has none.
        """
        span = f"{boundary}..{rev}" if boundary else rev
        found = self._run("blame", "--incremental", "-w", "-M", "-C", span, "--", path)
        told = _BLAMED.findall(found.stdout) if found.returncode == 0 else ()
        return tuple(Owned(sha.decode(), int(first), int(count)) for sha, first, count in told)

    def _text(self, *arguments: str) -> str:
        return self._output(list(arguments)).decode(errors="replace")

    def _output(
        self, arguments: list[str], *, given: Sequence[str] = (), raw: bytes | None = None
    ) -> bytes:
        sent = raw if raw is not None else "".join(f"{line}\n" for line in given).encode()
        found = self._run(*arguments, sent=sent)
        if found.returncode:
            said = found.stderr.decode(errors="replace").strip().splitlines()
            raise InvalidRequest(
                f"git {arguments[0]} in {self._path}: {said[0] if said else found.returncode}"
            )
        return found.stdout

    def _run(self, *arguments: str, sent: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        # A hook's GIT_DIR would mean another repository than --repo.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
        }
        environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        try:
            return subprocess.run(  # noqa: S603  (a list of arguments, no shell)
                [*_PREFIX, "-C", str(self._path), *arguments],
                input=sent,
                capture_output=True,
                timeout=GIT_SECONDS,
                env=environment,
                check=False,
            )
        except FileNotFoundError:
            raise Unavailable("git is not installed, or not on the PATH") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(
                f"git {arguments[0]} took longer than {GIT_SECONDS:.0f} s; set a later --since"
            ) from None


def _commit(row: Sequence[str], order: int) -> Commit:
    sha, parents, written, committed, email, author, committer, message = row
    return Commit(
        sha=sha,
        parents=tuple(parents.split()),
        written_at=_time(written),
        committed_at=_time(committed),
        author_email=email,
        author=author,
        committer_email=committer,
        message=message,
        order=order,
    )


def _time(told: str) -> int:
    """Broken and made-up dates of commits are brought to where dates are possible."""
    return min(max(0, int(told or 0)), LATEST_SECONDS)


def _pairs(told: str) -> Iterator[tuple[str, str]]:
    for line in told.splitlines():
        patch, _, sha = line.partition(" ")
        if _SHA.fullmatch(sha):
            yield sha, patch


def _changes(told: bytes) -> list[list[Change]]:
    """`--name-status -z`: a commit, and of each of its changes the status, the path, and for a rename
    or copy another path.
    """
    words = iter([os.fsdecode(word) for word in told.split(b"\0")[:-1]])
    found: list[list[Change]] = []
    for word in words:
        if _SHA.fullmatch(word):
            found.append([])
            continue
        old = next(words)
        new = next(words) if word[:1] in ("R", "C") else old
        found[-1].append(Change(word[:1], old, new))
    return found


def _removed(told: bytes) -> Iterator[tuple[str, Removed]]:
    """Of a patch without context: the commit it is of, and a path with its ranges."""
    sha, path, is_header = "", "", True
    found: list[tuple[int, int]] = []
    for line in (*told.split(b"\n"), b"diff --git "):
        # No line of a file begins like these: it has a sign before it.
        is_commit = _SHA_LINE.fullmatch(line) is not None
        if is_commit or line.startswith(b"diff --git "):
            if path and found:
                yield sha, Removed(path, tuple(found))
            path, found, is_header = "", [], True
            sha = line.decode() if is_commit else sha
        elif is_header and line.startswith(b"--- a/"):
            # A path with a tab at its end is one that has a space.
            path = os.fsdecode(line[len(b"--- a/") :].rstrip(b"\t"))
        elif line.startswith(b"@@"):
            is_header = False
            if matched := _HUNK.match(line):
                count = 1 if matched[2] is None else int(matched[2])
                if count:
                    found.append((int(matched[1]), count))
