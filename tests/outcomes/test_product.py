"""The commands as a person gives them, against the whole product: what they tell is found as rows."""

import contextlib
import re
import stat
import subprocess
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.e2e.product import Product, environment, run, running
from tests.outcomes.workshop import Workshop, numbered

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 30.0
SESSION = "0f0e0d0c-1111-2222-3333-444455556666"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    directory = tmp_path_factory.mktemp("product")
    settings = environment(directory / "data")
    with running(settings=settings, log=directory / "log") as started:
        yield started


def until_rows(product: Product, query: str, count: int) -> Sequence[Sequence[object]]:
    deadline = time.monotonic() + WAIT_SECONDS
    with product.warehouse() as warehouse:
        while True:
            rows: Sequence[Sequence[object]] = ()
            # The product is ready before telemetry has made its tables.
            with contextlib.suppress(DatabaseError):
                rows = warehouse.query(query).result_rows
            if len(rows) >= count:
                return rows
            assert time.monotonic() < deadline, rows
            time.sleep(0.2)


def test_a_commit_without_a_mark_finds_its_session_and_its_outcomes_are_rows(
    product: Product, workshop: Workshop
) -> None:
    asked = httpx.post(
        f"{product.url}/v1/messages",
        headers={
            "x-claude-code-session-id": SESSION,
            "x-turnout-branch": "fix/login",
            "x-turnout-repository": "acme/api",
        },
        json={
            "model": "turnout/auto",
            "max_tokens": 64,
            "tools": [{"name": "edit", "input_schema": {"type": "object"}}],
            "messages": [{"role": "user", "content": "Fix the login"}],
        },
    )
    assert asked.status_code == 200, asked.text
    until_rows(product, f"SELECT 1 FROM requests WHERE session = '{SESSION}'", 1)
    workshop.at = int(time.time()) - 60
    workshop.branch("fix/login")
    sha = workshop.commit({"login.py": numbered("an agent", 6)}, "No mark at all")
    workshop.switch("main")
    workshop.merge("fix/login")

    for _ in range(2):
        done = run(
            *("outcomes", "git", "--repo", str(workshop.path), "--since", "2d"),
            *("--clickhouse", f"http://127.0.0.1:{product.port('CLICKHOUSE')}"),
            settings=product.settings,
            seconds=60,
        )
        assert done.returncode == 0, done.stderr
        assert "2 outcomes sent in 1 call\n" in done.stderr

    rows = until_rows(
        product,
        f"SELECT kind, session, branch FROM outcomes WHERE commit = '{sha}' ORDER BY kind",
        2,
    )
    assert list(rows) == [("human_edits", SESSION, "fix/login"), ("merge", SESSION, "fix/login")]


def test_a_build_is_a_row(product: Product, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text("<testsuite><testcase/><testcase><failure/></testcase></testsuite>")
    commit = "ab" * 20
    done = run(
        *("outcomes", "ci", str(file), "--commit", commit, "--exit-code", "1"),
        settings=product.settings,
    )
    assert done.returncode == 0, done.stderr
    rows = until_rows(
        product, f"SELECT tests_passed, tests_failed FROM outcomes WHERE commit = '{commit}'", 1
    )
    assert list(rows) == [(1, 1)]


def test_a_mistake_is_one_line_and_a_status(product: Product, tmp_path: Path) -> None:
    for arguments, says in (
        (("git", "--repo", str(tmp_path / "nowhere")), "is no directory"),
        (("git", "--since", "soon"), "--since 'soon'"),
        (("ci", "--commit", "abcdef0"), "--exit-code"),
        (("ci", "--commit", "HEAD", "--exit-code", "0"), "'HEAD' is no commit"),
        (
            ("ci", "--commit", "abcdef0", "--exit-code", "0", "--url", "http://127.0.0.1:1"),
            "answers",
        ),
    ):
        done = run("outcomes", *arguments, settings=product.settings)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("turnout: ")
        assert says in line


def test_the_readmes_hook_marks_commits_with_their_session(workshop: Workshop) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(
        r"```\n(#!/bin/sh\n# \.git/hooks/prepare-commit-msg\n.*?)```", readme, re.DOTALL
    )
    assert found
    hook = workshop.path / ".git" / "hooks" / "prepare-commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(found[1])
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)

    def message(**told: str) -> str:
        subprocess.run(
            ["git", "commit", "-q", "--allow-empty", "-m", "Fix"],
            cwd=workshop.path,
            env={**workshop.environment(), **told},
            check=True,
        )
        return workshop.git("log", "-1", "--format=%B")

    assert message(TURNOUT_SESSION=SESSION) == f"Fix\n\nTurnout-Session: {SESSION}"
    assert message() == "Fix"
