"""`turnout outcomes git` and `turnout outcomes ci`: the arguments, and what is printed."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from turnout.outcomes.ci import ci_outcome
from turnout.outcomes.git_outcomes import GitOptions, git_outcomes, since_of
from turnout.outcomes.report import Report, send, show
from turnout.outcomes.sessions import read_sessions


def main(argv: Sequence[str], *, url: str, database: str) -> int:
    """Run one of them. `url` is where the router is when nothing else is said.

    Raises `TurnoutError` with one line when something is wrong.
    """
    options = _parser(url, database).parse_args(argv)
    match str(options.action):
        case "git":
            reports = git_outcomes(_git_options(options, now=time.time()), now=time.time())
        case "ci":
            reports = [
                ci_outcome(
                    os.environ,
                    junit=[str(one) for one in options.junit],
                    exit_code=options.exit_code,
                    commit=str(options.commit),
                    branch=str(options.branch),
                    repository=str(options.repository),
                    session=str(options.session),
                    name=str(options.name),
                )
            ]
        case action:
            raise AssertionError(action)
    return _deliver(reports, options)


def _deliver(reports: Sequence[Report], options: argparse.Namespace) -> int:
    if options.dry_run:
        show(reports)
        sys.stderr.write(f"{_counted(len(reports), 'outcome')}, none sent (--dry-run)\n")
        return 0
    calls = send(reports, url=str(options.url), key=str(options.key))
    sys.stderr.write(f"{_counted(len(reports), 'outcome')} sent in {_counted(calls, 'call')}\n")
    return 0


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _git_options(options: argparse.Namespace, *, now: float) -> GitOptions:
    since = since_of(str(options.since), now=now)
    clickhouse = str(options.clickhouse)
    return GitOptions(
        repo=Path(options.repo),
        since=since,
        target=str(options.target),
        repository=str(options.repository),
        trailers=tuple(str(one) for one in options.trailer),
        branches=tuple(str(one) for one in options.agent_branch),
        sessions=read_sessions(clickhouse, database=str(options.database), since=since)
        if clickhouse
        else (),
    )


def _parser(url: str, database: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="turnout outcomes",
        description="Report what came of the agents' work. Ids, counts, branches and times are"
        " sent; no source text.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    git = actions.add_parser("git", help="merges, reverts, surviving lines and people's edits")
    git.add_argument("--repo", default=".", help="the repository (default: here)")
    git.add_argument(
        "--since",
        default="30d",
        help="30d, 4 weeks ago or a date; a week's survival needs more than a week"
        " (default: %(default)s)",
    )
    git.add_argument("--target", default="", help="branch that work lands on")
    git.add_argument(
        "--trailer", action="append", default=[], help="another trailer that names a session"
    )
    git.add_argument(
        "--agent-branch",
        action="append",
        default=[],
        metavar="PATTERN",
        help="branches whose every commit is an agent's, such as 'claude/*'",
    )
    git.add_argument(
        "--clickhouse",
        default="",
        metavar="URL",
        help="also match commits to sessions by branch and time, with the sessions found there",
    )
    git.add_argument("--database", default=database, help="of the facts (default: %(default)s)")
    ci = actions.add_parser("ci", help="test results of this build")
    ci.add_argument("junit", nargs="*", help="JUnit XML files or patterns")
    ci.add_argument(
        "--exit-code",
        type=int,
        help="of the tests: alone, or beside files to tell a run that failed although no test did",
    )
    ci.add_argument("--commit", default="", help="from the CI's environment if left out")
    ci.add_argument("--branch", default="", help="from the CI's environment if left out")
    ci.add_argument("--session", default="", help="session that the commit is of")
    ci.add_argument("--name", default="", help="of the suite; the CI's job if left out")
    for one in (git, ci):
        one.add_argument(
            "--repository",
            default="",
            help="as requests are tagged; told from the remote or the CI",
        )
        one.add_argument(
            "--url",
            default=os.environ.get("TURNOUT_URL", url),
            help="where Turnout runs (TURNOUT_URL; default: %(default)s)",
        )
        one.add_argument(
            "--key", default=os.environ.get("TURNOUT_KEY", ""), help="a router key (TURNOUT_KEY)"
        )
        one.add_argument("--dry-run", action="store_true", help="print what would be sent")
    return parser
