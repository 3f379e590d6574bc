"""The commands against an ingress that listens: what arrives, told twice, refused or unanswered."""

import json
import socket
from pathlib import Path

import pytest

from tests.outcomes.conftest import Listening
from tests.outcomes.workshop import Workshop, numbered
from turnout.errors import InvalidRequest, TurnoutError, Unavailable
from turnout.outcomes.commands import main
from turnout.outcomes.git_outcomes import repository_name, since_of
from turnout.outcomes.report import BATCH, Report, send, stable_id
from turnout.outcomes.sessions import read_sessions

SINCE = "2026-03-01"


def run(*arguments: str, url: str = "http://127.0.0.1:1") -> int:
    return main(arguments, url=url, database="turnout")


def worked(workshop: Workshop) -> str:
    workshop.branch("fix/login")
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.switch("main")
    workshop.merge("fix/login")
    return sha


def test_what_git_says_arrives_as_facts(
    workshop: Workshop, ingress: Listening, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = worked(workshop)
    assert run("git", "--repo", str(workshop.path), "--since", SINCE, "--url", ingress.url) == 0

    facts = {(fact.kind, fact.after_seconds): fact for fact in ingress.outcomes}
    merge = facts["merge", 60.0]
    assert (merge.commit, merge.session, merge.branch) == (sha, "s-1", "fix/login")
    assert (merge.repository, merge.source) == ("acme/api", "git")
    assert merge.occurred_at == workshop.at
    survived = facts["survival", 86_400.0]
    assert (survived.lines_kept, survived.lines_written) == (6, 6)
    assert ("survival", 7 * 86_400.0) in facts
    assert "4 outcomes sent in 1 call\n" in capsys.readouterr().err


def test_telling_it_twice_tells_the_same_facts(workshop: Workshop, ingress: Listening) -> None:
    worked(workshop)
    for _ in range(2):
        run("git", "--repo", str(workshop.path), "--since", SINCE, "--url", ingress.url)
    assert len(ingress.outcomes) == 8
    assert len({fact.event_id for fact in ingress.outcomes}) == 4


def test_a_dry_run_prints_and_sends_nothing(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    worked(workshop)
    assert run("git", "--repo", str(workshop.path), "--since", SINCE, "--dry-run") == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in printed] == ["merge", "human_edits", "survival", "survival"]


def test_many_outcomes_go_in_bounded_batches(ingress: Listening) -> None:
    reports = [
        Report(id=stable_id("git", "merge", str(at)), kind="merge", commit="0" * 40)
        for at in range(2 * BATCH + 1)
    ]
    assert send(reports, url=ingress.url, key="") == 3
    assert len({fact.event_id for fact in ingress.outcomes}) == len(reports)


def test_nothing_to_tell_needs_nobody_to_listen() -> None:
    assert send([], url="http://127.0.0.1:1", key="") == 0


def test_a_refusal_says_what_the_router_said(ingress: Listening) -> None:
    with pytest.raises(InvalidRequest, match=r"400: 0\.commit"):
        send([Report(id="1", kind="merge", commit="0" * 81)], url=ingress.url, key="")
    with pytest.raises(InvalidRequest, match=r"401: .*router key"):
        send([Report(id="1", kind="merge", commit="0")], url=ingress.url, key="tk_wrong")
    assert ingress.outcomes == []


def test_a_router_that_is_not_there_is_one_clear_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"No Turnout answers at {url}"):
            send([Report(id="1", kind="merge", commit="0")], url=url, key="")
        with pytest.raises(Unavailable, match="No ClickHouse answers"):
            read_sessions(url, database="turnout", since=0)
    for url in ("nowhere", "ftp://x", "", "http://[::1", "http://h:99999"):
        with pytest.raises(InvalidRequest, match="--url"):
            send([Report(id="1", kind="merge", commit="0")], url=url, key="")
        with pytest.raises(InvalidRequest, match="--clickhouse"):
            read_sessions(url, database="turnout", since=0)


def test_since_is_days_weeks_or_a_date() -> None:
    now = 1_800_000_000.0
    assert since_of("30d", now=now) == since_of("30 days ago", now=now) == now - 30 * 86_400
    assert since_of("2 weeks ago", now=now) == now - 14 * 86_400
    assert since_of("2026-03-02T09:00:00+00:00", now=now) == 1_772_442_000
    assert since_of("2026-03-02", now=now) == 1_772_409_600
    assert since_of("99999d", now=now) == since_of("0001-01-01", now=now) == 0
    for wrong in ("yesterday", "", "30", "-3d", "2026-13-01"):
        with pytest.raises(InvalidRequest, match="--since"):
            since_of(wrong, now=now)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("git@git.example.com:acme/api.git", "acme/api"),
        ("https://user:secret@git.example.com/acme/api.git", "acme/api"),
        ("https://git.example.com/group/acme/api", "acme/api"),
        ("ssh://git@git.example.com:2222/acme/api.git", "acme/api"),
        ("", ""),
        ("origin", ""),
    ],
)
def test_a_repository_is_named_without_its_host(address: str, name: str) -> None:
    assert repository_name(address) == name


JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite name="api" tests="4">
  <testcase name="one"/>
  <testcase name="two"><system-out>text</system-out></testcase>
  <testcase name="three"><failure message="m">the secret trace</failure></testcase>
  <testcase name="four"><skipped/></testcase>
  <testcase name="five"><error/><failure/></testcase>
</testsuite></testsuites>
"""

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "f" * 40,
    "GITHUB_REF_NAME": "fix/login",
    "GITHUB_REPOSITORY": "acme/api",
    "GITHUB_JOB": "test",
    "GITHUB_RUN_ID": "1017",
    "GITHUB_RUN_ATTEMPT": "1",
}


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("GITLAB_CI", "JENKINS_URL", "CIRCLECI", "BUILDKITE", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_HEAD_REF", raising=False)
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_ci_says_arrives_as_a_fact(github: Path, ingress: Listening) -> None:
    (github / "report.xml").write_text(JUNIT)
    for _ in range(2):
        assert run("ci", "*.xml", "--url", ingress.url) == 0

    first, second = ingress.outcomes
    assert first == second
    assert (first.kind, first.tests_passed, first.tests_failed) == ("tests", 2, 2)
    assert (first.commit, first.branch, first.repository) == ("f" * 40, "fix/login", "acme/api")
    assert first.source == "ci"


def test_ci_reads_the_session_from_the_commit_that_it_tested(
    github: Path,
    workshop: Workshop,
    ingress: Listening,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sha = workshop.agent({"login.py": numbered("an agent", 6)}, session="s-7")
    monkeypatch.setenv("GITHUB_SHA", sha)
    run("ci", "--exit-code", "0", "--url", ingress.url)
    monkeypatch.chdir(workshop.path)
    run("ci", "--exit-code", "0", "--url", ingress.url)
    assert "1 outcome sent in 1 call\n" in capsys.readouterr().err
    assert [fact.session for fact in ingress.outcomes] == ["", "s-7"]


@pytest.mark.usefixtures("github")
def test_a_ci_without_a_result_or_a_commit_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(*arguments: str) -> str:
        with pytest.raises(TurnoutError) as caught:
            run("ci", *arguments)
        return str(caught.value)

    assert "--exit-code" in said()
    assert "missing.xml" in said("missing.xml")
    assert "missing.xml" in said("missing.xml", "--exit-code", "0")
    for wrong in ("HEAD", "zzz", "abc", "f" * 65):
        assert f"'{wrong}' is no commit, which has 7 to 64" in said("--commit", wrong)
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "--commit" in said("--exit-code", "0")
