"""The small commands around the facts' tables, run as a person runs them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.engines.clickhouse.library import connect
from turnout.errors import InvalidRequest
from turnout.telemetry.schema import load_migrations
from turnout.warehousing import shortened, values_of

ROOT = Path(__file__).parent.parent
COMMAND_SECONDS = 300.0


def turnout(*told: str, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "turnout", *told],
        env={**os.environ, "TURNOUT_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def unread(*told: str, data_dir: Path) -> tuple[int, str]:
    """Exit status and standard error of a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "turnout", *told],
            env={**os.environ, "TURNOUT_DATA_DIR": str(data_dir)},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("told", [("schema", "render"), ("sql",)])
def test_a_command_whose_output_nobody_reads_ends_quietly(
    tmp_path: Path, told: tuple[str, ...]
) -> None:
    assert unread(*told, data_dir=tmp_path) == (141, "")


@pytest.mark.parametrize("cluster", ["", "main"])
def test_the_engine_can_parse_every_statement_for_one_server_and_for_a_cluster(
    tmp_path: Path, cluster: str
) -> None:
    told = ["schema", "render", *(["--cluster", cluster] if cluster else [])]
    printed = turnout(*told, data_dir=tmp_path)
    assert printed.returncode == 0, printed.stderr
    statements = [part.strip() for part in printed.stdout.split(";\n") if part.strip()]
    assert len(statements) > len(load_migrations())
    connection = connect(str(tmp_path / "engine"))
    try:
        for statement in statements:
            quoted = statement.removesuffix(";").replace("\\", "\\\\").replace("'", "\\'")
            connection.query(f"SELECT formatQuery('{quoted}')", "Null")
            assert "${" not in statement
            assert ("ON CLUSTER 'main'" in statement) == bool(cluster), statement[:200]
    finally:
        connection.close()


def test_the_document_of_the_schema_is_the_committed_one(tmp_path: Path) -> None:
    printed = turnout("schema", "document", data_dir=tmp_path)

    assert printed.returncode == 0, printed.stderr
    committed = (ROOT / "deploy" / "clickhouse" / "SCHEMA.md").read_text(encoding="utf-8")
    assert printed.stdout == committed, "run turnout schema document > deploy/clickhouse/SCHEMA.md"
    assert "|  |\n" not in committed, "every column says what it means"


def test_synthetic_facts_answer_every_query(tmp_path: Path) -> None:
    made = turnout("facts", "generate", "--rows", "960", "--days", "3", data_dir=tmp_path)
    assert made.returncode == 0, made.stderr
    again = turnout("facts", "generate", "--rows", "960", data_dir=tmp_path)
    timed = turnout("facts", "time", data_dir=tmp_path)

    assert unread("facts", "time", data_dir=tmp_path) == (141, "")
    assert again.returncode == 1
    (line,) = again.stderr.splitlines()
    assert "holds facts already" in line
    facts = tmp_path / "synthetic"
    assert f"remove the directory {facts}, or name another one with --database" in line
    shutil.rmtree(facts)
    removed = turnout("facts", "time", data_dir=tmp_path)
    assert removed.returncode == 1
    assert removed.stderr == (
        "turnout: there is no database turnout_synthetic of facts;"
        " make it with `turnout facts generate`\n"
    )
    assert timed.returncode == 0, timed.stderr
    assert timed.stdout.startswith("960 requests")
    assert len(timed.stdout.splitlines()) > 20


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (("sql", "cheapest"), "there is no query 'cheapest'"),
        (("sql", "dearest_sessions", "top"), "'top' is no value of a parameter"),
        (("sql", "dearest_sessions", "top=1", "top=2"), "top is told twice, as '1' and '2'"),
        (("sql", "dearest_sessions", "top=x"), "top is a whole number such as 20"),
        (("schema", "render", "--cluster", "a'b"), "is no name for a database or cluster"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, told: tuple[str, ...], why: str) -> None:
    said = turnout(*told, data_dir=tmp_path)

    assert said.returncode == 1
    assert why in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", ["abc", "0", "-1", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_a_number_of_rows_is_above_nothing(tmp_path: Path, number: str) -> None:
    said = turnout("facts", "generate", "--rows", number, data_dir=tmp_path)

    assert said.returncode == 2
    assert "--rows: " in said.stderr
    assert "is no whole number above 0, such as 100" in said.stderr


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\u2502 0.12345678901234567 \u2502", "\u2502            0.123457 \u2502"),
        ("\u2502 1234567.123456789 \u2502", "\u2502           1234567 \u2502"),
        ("\u2502 -12.000000000001 \u2502", "\u2502         -12.0000 \u2502"),
        ("\u2502 12.5 \u2502 0.250000000 \u2502", "\u2502 12.5 \u2502        0.25 \u2502"),
        ("\u2502 1.25e-05 \u2502", "\u2502 1.25e-05 \u2502"),
        ("\u2502 17 \u2502 2026-11-30 10:00:00.123456 \u2502", ""),
        ("\u2502 gpt-5.1234567 \u2502 0.142.5 \u2502", ""),
    ],
)
def test_fractions_have_six_digits_in_as_much_room(written: str, shown: str) -> None:
    assert shortened(written) == (shown or written)


def test_a_query_can_be_printed_for_another_client(tmp_path: Path) -> None:
    said = turnout("sql", "dearest_sessions", "top=3", "--print", data_dir=tmp_path)

    assert said.returncode == 0, said.stderr
    assert "    3 AS top -- parameter" in said.stdout


def test_values_are_pairs() -> None:
    assert values_of(["since=2026-01-01", "only_tenant=a=b"]) == {
        "since": "2026-01-01",
        "only_tenant": "a=b",
    }
    with pytest.raises(InvalidRequest):
        values_of(["since"])
