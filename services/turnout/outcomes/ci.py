"""`turnout outcomes ci`: the test results of a build, by commit.

Results are counted from JUnit XML files; without one the exit code of the tests is one test. Commit,
branch, repository and job come from the environment that the CI sets, in the order of `_SYSTEMS`, the
session from the commit's own message where a clone is at hand.
A skipped test is neither passed nor failed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.parsers import expat

import msgspec

from turnout.errors import InvalidRequest, Unavailable
from turnout.outcomes.marks import marks_of
from turnout.outcomes.report import Report, stable_id
from turnout.outcomes.repository import Repository

SOURCE: Final = "ci"

MOST_FILE_BYTES: Final = 256 * 1024 * 1024
"""A report with the output of every test in it; larger ones are no reports."""

_READ_BYTES: Final = 64 * 1024

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")
"""As git abbreviates at the least, and as it is in a repository of SHA-256."""


@dataclass(frozen=True, slots=True)
class Results:
    passed: int
    failed: int


class _Head(msgspec.Struct):
    sha: str = ""


class _PullRequest(msgspec.Struct):
    head: _Head


class _Event(msgspec.Struct):
    """The part of GitHub's event file that is read."""

    pull_request: _PullRequest


@dataclass(frozen=True, slots=True)
class _System:
    """A CI by the variables that it sets; the first of each that is set counts.

    Attributes:
        mark: set by this CI alone.
        run: variables that together name one run of one job.
    """

    mark: str
    commit: tuple[str, ...]
    branch: tuple[str, ...]
    repository: tuple[str, ...]
    job: tuple[str, ...]
    run: tuple[str, ...]


_SYSTEMS: Final = (
    _System(
        "GITHUB_ACTIONS",
        ("GITHUB_SHA",),
        ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        ("GITHUB_REPOSITORY",),
        ("GITHUB_JOB",),
        ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"),
    ),
    _System(
        "GITLAB_CI",
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"),
        ("CI_PROJECT_PATH",),
        ("CI_JOB_NAME",),
        ("CI_JOB_ID",),
    ),
    _System(
        "CIRCLECI",
        ("CIRCLE_SHA1",),
        ("CIRCLE_BRANCH",),
        (),
        ("CIRCLE_JOB",),
        ("CIRCLE_WORKFLOW_JOB_ID",),
    ),
    _System(
        "BUILDKITE",
        ("BUILDKITE_COMMIT",),
        ("BUILDKITE_BRANCH",),
        (),
        ("BUILDKITE_LABEL",),
        ("BUILDKITE_JOB_ID",),
    ),
    _System(
        "TF_BUILD",
        ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
        ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"),
        ("BUILD_REPOSITORY_NAME",),
        ("SYSTEM_JOBDISPLAYNAME",),
        ("SYSTEM_JOBID", "SYSTEM_JOBATTEMPT"),
    ),
    _System(
        "BITBUCKET_BUILD_NUMBER",
        ("BITBUCKET_COMMIT",),
        ("BITBUCKET_BRANCH",),
        ("BITBUCKET_REPO_FULL_NAME",),
        (),
        ("BITBUCKET_STEP_UUID",),
    ),
    _System(
        "JENKINS_URL",
        ("GIT_COMMIT",),
        ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"),
        (),
        ("JOB_NAME",),
        ("BUILD_TAG",),
    ),
)


def ci_outcome(
    environment: Mapping[str, str],
    *,
    junit: Sequence[str],
    exit_code: int | None = None,
    commit: str = "",
    branch: str = "",
    repository: str = "",
    session: str = "",
    name: str = "",
) -> Report:
    """The outcome of this build. Raises `InvalidRequest` when it lacks a result or a commit."""
    system = next((one for one in _SYSTEMS if environment.get(one.mark)), None)

    def told(names: tuple[str, ...]) -> str:
        return next((environment[one] for one in names if environment.get(one)), "")

    if system is not None:
        commit = commit or _source_commit(system, environment) or told(system.commit)
        branch = branch or told(system.branch).removeprefix("refs/heads/")
        repository = repository or told(system.repository)
        name = name or told(system.job)
    if not commit:
        raise InvalidRequest("which commit was tested is not known here; say it with --commit SHA")
    if not _COMMIT.fullmatch(commit):
        raise InvalidRequest(
            f"{commit!r} is no commit, which has 7 to 64 hex digits; say --commit $(git rev-parse HEAD)"
        )
    results = _results(junit, exit_code)
    session = session or _session_of(commit)
    runs = [environment.get(one, "") for one in system.run] if system is not None else []
    return Report(
        id=stable_id(SOURCE, "tests", repository, commit, name, *sorted(junit), *runs),
        kind="tests",
        session=session,
        repository=repository,
        branch=branch,
        commit=commit,
        tests_passed=results.passed,
        tests_failed=results.failed,
        source=SOURCE,
    )


def _session_of(commit: str) -> str:
    """The first session that the commit names, where the build has a clone of it."""
    try:
        message = Repository(Path()).message(commit)
    except Unavailable:
        return ""
    return next(iter(marks_of(message, ()).sessions), "")


def _source_commit(system: _System, environment: Mapping[str, str]) -> str:
    """In a pull request GitHub tests a merge that nobody wrote; its event file names the commit."""
    path = environment.get("GITHUB_EVENT_PATH", "")
    if system.mark != "GITHUB_ACTIONS" or not environment.get("GITHUB_HEAD_REF") or not path:
        return ""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=_Event).pull_request.head.sha
    except (OSError, msgspec.MsgspecError):
        return ""


def _results(junit: Sequence[str], exit_code: int | None) -> Results:
    """From the files; a run that failed although no test did, or before it wrote any, counts as one
    test that failed. A run that passed has written the files it is told to have.
    """
    paths = sorted({path for pattern in junit for path in _matching(pattern)})
    if not paths and not exit_code:
        if junit:
            raise InvalidRequest(f"there is no file {junit[0]}; did the tests write JUnit XML?")
        if exit_code is None:
            raise InvalidRequest(
                "no result: name a JUnit XML file, or pass --exit-code with that of the tests"
            )
    found = [junit_results(path) for path in paths]
    passed, failed = sum(one.passed for one in found), sum(one.failed for one in found)
    if exit_code and not failed:
        failed = 1
    return Results(passed if found else int(exit_code == 0), failed)


def _matching(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_absolute():
        return sorted(path.parent.glob(path.name)) if not path.is_file() else [path]
    return [path] if path.is_file() else sorted(Path().glob(pattern))


def junit_results(path: Path) -> Results:
    """Count the test cases of a file; no text of it is kept."""
    counted = _Counted()
    parser = expat.ParserCreate()
    parser.StartElementHandler = counted.begin
    parser.EndElementHandler = counted.end
    parser.EntityDeclHandler = counted.refuse
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise InvalidRequest(f"{path} is larger than {MOST_FILE_BYTES} bytes")
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                parser.Parse(part, False)
            parser.Parse(b"", True)
    except OSError as reason:
        raise InvalidRequest(f"{path} cannot be read: {reason.strerror}") from None
    except (expat.ExpatError, _Refused) as reason:
        raise InvalidRequest(f"{path} is no JUnit XML: {reason}") from None
    if not counted.is_junit:
        raise InvalidRequest(f"{path} is no JUnit XML: it has no testsuite")
    return Results(counted.passed, counted.failed)


class _Refused(Exception):
    """Something that a report of tests has no use for."""


class _Counted:
    """Counts test cases as a file is read."""

    def __init__(self) -> None:
        self.is_junit = False
        self.passed = self.failed = 0
        self._result = ""

    def begin(self, name: str, _attributes: dict[str, str]) -> None:
        match name.rsplit(":", 1)[-1]:
            case "testsuite" | "testsuites":
                self.is_junit = True
            case "testcase":
                self._result = "passed"
            case "failure" | "error":
                self._result = self._result and "failed"
            case "skipped":
                self._result = self._result and "skipped"
            case _:
                pass

    def end(self, name: str) -> None:
        if name.rsplit(":", 1)[-1] == "testcase":
            self.passed += self._result == "passed"
            self.failed += self._result == "failed"
            self._result = ""

    def refuse(self, *_declared: object) -> None:
        raise _Refused("it declares entities")
