"""The demo as a person starts it: its own product, a running one, and one that would cost money."""

import os
import subprocess
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e import product as running
from tests.e2e.product import Product
from turnout.demo.command import problems_of
from turnout.demo.player import Played

DEMO_SECONDS = 240.0
"""Starting three engines and sixty requests; twenty times what it takes on an idle machine."""

SMALL = ("demo", "--sessions", "4", "--longest", "6", "--seed", "5", "--compression", "1e6")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    directory = tmp_path_factory.mktemp("demo")
    settings = running.environment(directory / "data")
    with running.running(settings=settings, log=directory / "log") as started:
        yield started


def test_plays_through_a_turnout_of_its_own() -> None:
    ended = running.run(*SMALL, settings=os.environ, seconds=DEMO_SECONDS)
    assert ended.returncode == 0, ended.stderr
    assert "Cost by model" in ended.stdout
    assert "SIMULATED" in ended.stdout
    assert "cache hits" in ended.stdout
    assert "sessions 4," in ended.stdout
    assert "mode full" in ended.stdout
    assert "requests\n" in ended.stderr


def test_plays_through_a_running_one_and_leaves_its_rows_there(product: Product) -> None:
    url = ("--url", product.url)
    ended = running.run(*SMALL, *url, settings=product.settings, seconds=DEMO_SECONDS)
    assert ended.returncode == 0, ended.stderr
    with product.warehouse() as warehouse:
        rows = warehouse.query(
            "SELECT harness, dialect, uniqExact(session) FROM requests"
            " WHERE ticket LIKE 'demo-5-%' GROUP BY ALL ORDER BY ALL"
        ).result_rows
    assert rows == [
        ("claude_code", "anthropic_messages", 2),
        ("opencode", "openai_chat", 2),
    ]


def test_will_not_play_where_a_real_provider_would_answer(tmp_path: Path) -> None:
    told = {"TURNOUT_SIMULATOR__ENABLED": "never", "ANTHROPIC_API_KEY": "placeholder"}
    settings = running.environment(tmp_path / "data", **told)
    with running.running(settings=settings, log=tmp_path / "log") as real:
        ended = running.run("demo", "--url", real.url, settings=settings, seconds=DEMO_SECONDS)
    assert ended.returncode == 1
    assert "would ask a real provider (anthropic/" in ended.stderr


def test_says_when_nobody_answers() -> None:
    ended = running.run("demo", "--url", "http://127.0.0.1:9", settings=os.environ)
    assert ended.returncode == 1
    assert ended.stderr.startswith("turnout: No Turnout answers at http://127.0.0.1:9")
    assert len(ended.stderr.splitlines()) == 1


def test_a_request_that_failed_or_is_no_row_is_a_problem() -> None:
    assert problems_of(Played(requests=3, finished=2, interrupted=1), 3) == ()
    assert problems_of(Played(requests=3, failures=Counter({"503": 2})), 2) == (
        "2 requests failed with 503",
        "3 requests were sent and 2 are in ClickHouse",
    )


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (("--sessions", "0"), "a whole number from 1 to 10000"),
        (("--compression", "0.5"), "a number of at least 1"),
        (("--nothing",), "unrecognized arguments: --nothing"),
    ],
)
def test_a_wrong_option_is_one_clear_line(told: tuple[str, ...], wanted: str) -> None:
    ended = running.run("demo", *told, settings=os.environ)
    assert ended.returncode == 2
    assert wanted in ended.stderr.splitlines()[-1]


def test_commands_with_parsers_of_their_own_take_options_first() -> None:
    """argparse.REMAINDER refused `turnout train --data DIR`."""
    ended = subprocess.run(
        running.turnout("train", "--data", "/nowhere"), capture_output=True, text=True, check=False
    )
    assert "/nowhere" in ended.stderr
    assert "unrecognized" not in ended.stderr
