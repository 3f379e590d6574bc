"""Test results from files and exit codes, and the commit from the environment of a CI."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from turnout.errors import InvalidRequest
from turnout.outcomes.ci import Results, ci_outcome, junit_results
from turnout.outcomes.report import Report

SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40

SYSTEMS: Mapping[str, Mapping[str, str]] = {
    "GitHub": {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": SHA,
        "GITHUB_REF_NAME": "fix/login",
        "GITHUB_REPOSITORY": "acme/api",
        "GITHUB_RUN_ID": "1",
    },
    "GitLab": {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": SHA,
        "CI_COMMIT_REF_NAME": "fix/login",
        "CI_PROJECT_PATH": "acme/api",
        "CI_JOB_ID": "1",
    },
    "GitLab, merged result": {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": OTHER,
        "CI_COMMIT_REF_NAME": "refs/merge-requests/7/head",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": SHA,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix/login",
        "CI_PROJECT_PATH": "acme/api",
        "CI_JOB_ID": "1",
    },
    "CircleCI": {"CIRCLECI": "true", "CIRCLE_SHA1": SHA, "CIRCLE_BRANCH": "fix/login"},
    "Buildkite": {
        "BUILDKITE": "true",
        "BUILDKITE_COMMIT": SHA,
        "BUILDKITE_BRANCH": "fix/login",
    },
    "Azure": {
        "TF_BUILD": "True",
        "BUILD_SOURCEVERSION": SHA,
        "BUILD_SOURCEBRANCH": "refs/heads/fix/login",
    },
    "Bitbucket": {
        "BITBUCKET_BUILD_NUMBER": "7",
        "BITBUCKET_COMMIT": SHA,
        "BITBUCKET_BRANCH": "fix/login",
    },
    "Jenkins": {"JENKINS_URL": "http://ci", "GIT_COMMIT": SHA, "BRANCH_NAME": "fix/login"},
}


def told(environment: Mapping[str, str], *junit: str, name: str = "") -> Report:
    return ci_outcome(environment, junit=junit, exit_code=0, name=name)


@pytest.mark.parametrize("environment", SYSTEMS.values(), ids=SYSTEMS)
def test_commit_and_branch_come_from_the_environment(environment: Mapping[str, str]) -> None:
    report = told(environment)
    assert (report.commit, report.branch) == (SHA, "fix/login")
    assert report.repository in ("acme/api", "")


def test_a_pull_request_on_github_is_about_the_commit_that_was_pushed(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(f'{{"number": 7, "pull_request": {{"head": {{"sha": "{SHA}"}}}}}}')
    environment = {
        **SYSTEMS["GitHub"],
        "GITHUB_SHA": OTHER,
        "GITHUB_HEAD_REF": "fix/login",
        "GITHUB_REF_NAME": "7/merge",
        "GITHUB_EVENT_PATH": str(event),
    }
    assert (told(environment).commit, told(environment).branch) == (SHA, "fix/login")
    event.write_text("no JSON")
    assert told(environment).commit == OTHER


def test_one_run_is_one_report_and_another_run_or_suite_another() -> None:
    first = SYSTEMS["GitHub"]
    again = {**first, "GITHUB_RUN_ATTEMPT": "2"}
    ids = {told(first).id, told(first).id, told(again).id, told(first, name="web").id}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ('<testsuite><testcase name="a"/></testsuite>', Results(1, 0)),
        ("<testsuites/>", Results(0, 0)),
        (
            "<testsuites><testsuite><testsuite><testcase><failure>x</failure></testcase>"
            "<testcase><skipped/></testcase></testsuite></testsuite></testsuites>",
            Results(0, 1),
        ),
        ('<j:testsuite xmlns:j="u"><j:testcase/></j:testsuite>', Results(1, 0)),
        ("<testsuite><error>at start</error><testcase/></testsuite>", Results(1, 0)),
    ],
)
def test_cases_are_counted(tmp_path: Path, text: str, results: Results) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(text)
    assert junit_results(file) == results


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element"),
        ("<testsuite>", "no element|unclosed"),
        ("<html/>", "testsuite"),
        (
            '<!DOCTYPE t [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><testsuite>&c;</testsuite>',
            "entities",
        ),
    ],
)
def test_what_is_no_junit_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=rf"junit\.xml is no JUnit XML.*({why})"):
        junit_results(file)


def test_an_exit_code_alone_is_one_test(tmp_path: Path) -> None:
    def results(*junit: str, code: int) -> tuple[int | None, int | None]:
        report = ci_outcome(SYSTEMS["GitHub"], junit=junit, exit_code=code)
        return report.tests_passed, report.tests_failed

    file = tmp_path / "junit.xml"
    file.write_text("<testsuite><testcase/></testsuite>")
    missing = str(tmp_path / "missing.xml")
    assert results(code=0) == (1, 0)
    assert results(code=2) == (0, 1)
    assert results(missing, code=2) == (0, 1), "the tests ended before they wrote a file"
    assert results(str(file), code=2) == (1, 1), "it failed although no test did"
    assert results(str(file), code=0) == (1, 0)
