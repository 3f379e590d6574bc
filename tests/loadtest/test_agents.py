"""`make loadtest` in small: real Locust, real Turnout in one process and split, the real upstream."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loadtest.written import rows

ROOT = Path(__file__).resolve().parents[2]
LOCUST = Path(os.environ.get("TURNOUT_TEST_LOCUST", ROOT / ".venv-loadtest" / "bin" / "locust"))
RUN_SECONDS = 400.0
"""Three targets of four seconds each, and two Turnouts that start on a busy machine."""

needs_locust = pytest.mark.skipif(
    not LOCUST.exists(),
    reason="NOT TESTED: Locust is not installed; `make .venv-loadtest/.ready` does it",
)


def run(*arguments: str, out: Path) -> subprocess.CompletedProcess[str]:
    told = ("--users", "4", "--seconds", "4", "--compression", "1000", "--out", str(out))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
    # A machine that is shared with a test suite keeps no deadline of 50 ms.
    env["TURNOUT_SCORER__DEADLINE_SECONDS"] = "2"
    return subprocess.run(
        [sys.executable, "-m", "loadtest.agents", *told, "--locust", str(LOCUST), *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@needs_locust
def test_agents_of_both_dialects_are_served_by_both_compositions(tmp_path: Path) -> None:
    ended = run("--traced", "1", out=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {(row["target"], row["dialect"]): row for row in rows(tmp_path / "summary.csv")}
    for target in ("direct", "embedded", "split"):
        for dialect in ("anthropic_messages", "openai_chat"):
            row = found[target, dialect]
            assert int(row["requests"]) > 0
            assert row["errors"] == "0"
            assert float(row["first_p50_ms"]) >= 20
            assert (int(row["compared"]) > 0) == (target != "direct")
    stages = {row["target"] for row in rows(tmp_path / "stages.csv")}
    assert stages == {"embedded", "split"}
    traced = {(row["target"], row["service"]) for row in rows(tmp_path / "spans.csv")}
    for service in ("ingress", "upstream-dispatcher", "telemetry"):
        assert ("split", service) in traced
        assert ("embedded", service) in traced
    assert "requests are rows in ClickHouse" in ended.stdout
    assert (tmp_path / "first_content.svg").read_text().startswith("<svg")


@needs_locust
def test_what_telemetry_misses_arrives_later(tmp_path: Path) -> None:
    ended = run("--targets", "embedded", "--kill", "telemetry", out=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "SIGKILL to telemetry (one of 1)" in ended.stdout


@needs_locust
def test_requests_that_fail_are_counted_and_said(tmp_path: Path) -> None:
    ended = run("--url", "http://127.0.0.1:9", out=tmp_path)
    assert ended.returncode == 1
    assert "requests failed" in ended.stdout
    assert all(row["errors"] == row["requests"] for row in rows(tmp_path / "summary.csv"))


def test_says_how_locust_is_installed(tmp_path: Path) -> None:
    ended = run("--locust", str(tmp_path / "locust"), out=tmp_path)
    assert ended.returncode == 1
    assert "`make loadtest` installs it" in ended.stderr


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (
            ("--targets", "direct,cluster"),
            "--targets: no cluster; there are direct, embedded, split",
        ),
        (("--users", "0"), "--users: '0' is no whole number above 0, such as 16"),
        (("--seconds", "-1"), "--seconds: '-1' is no whole number above 0"),
        (("--longest", "many"), "--longest: 'many' is no whole number above 0"),
        (("--scorers", "1.5"), "--scorers: '1.5' is no whole number above 0"),
        (("--compression", "0"), "--compression: '0' is no number above 0, such as 100"),
        (("--first-ms", "-1"), "--first-ms: '-1' is no number from 0 on, such as 20"),
        (("--gap-ms", "nan"), "--gap-ms: 'nan' is no number from 0 on"),
        (("--traced", "2"), "--traced: '2' is no number from 0 to 1, such as 0.1"),
        (("--kill", "nats"), "--kill: no nats; there are scorer,"),
        (("--kill", "all", "--url", "http://a"), "--kill: a Turnout that runs elsewhere"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    tmp_path: Path, told: tuple[str, ...], wanted: str
) -> None:
    ended = run(*told, out=tmp_path)
    assert ended.returncode == 2
    assert wanted in ended.stderr.splitlines()[-1]
