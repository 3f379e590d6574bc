"""What a person is told whose settings cannot be, those of split mode above all: one line, and exit
status 1.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.product import ROOT
from turnout.engines.free_ports import free_ports

SECONDS = 60


def said(tmp_path: Path, *arguments: str, **told: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
    ran = subprocess.run(
        [sys.executable, "-m", "turnout", *arguments],
        env={
            **kept,
            "PYTHONPATH": str(ROOT / "services"),
            "TURNOUT_DATA_DIR": str(tmp_path),
            **{f"TURNOUT_{name}": value for name, value in told.items()},
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("count", ["0", "65", "three", "1.5", ""])
def test_a_wrong_number_of_scorers(tmp_path: Path, count: str) -> None:
    for line in (
        said(tmp_path, "serve", "--split", "--scorers", count),
        said(tmp_path, "serve", "--split", SCORER__REPLICAS=count),
    ):
        assert line.startswith("turnout: TURNOUT_SCORER__REPLICAS: ")
        assert "1 to 64" in line


def test_scorers_without_split(tmp_path: Path) -> None:
    line = said(tmp_path, "serve", "--scorers", "3")
    assert line == "turnout: --scorers needs --split: one process has one scorer.\n"


def test_metrics_ports_that_end_beyond_the_last(tmp_path: Path) -> None:
    line = said(tmp_path, "serve", "--split", "--scorers", "3", SCORER__METRICS_PORT="65534")
    assert line == (
        "turnout: TURNOUT_SCORER__METRICS_PORT: 3 scorers need the ports from 65534 on, and the last"
        " port is 65535; set it to 65533 or lower.\n"
    )


def test_an_address_that_is_none(tmp_path: Path) -> None:
    line = said(tmp_path, "run", "ingress", SCORER__ADDRESS="http://scorer:7701")
    assert line.startswith("turnout: TURNOUT_SCORER__ADDRESS: an address reads host:port,")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    ingress, scorer, tracker, dispatcher = map(str, free_ports(4))
    with socket.create_server(("127.0.0.1", int(dispatcher))):
        line = said(
            tmp_path,
            *("serve", "--split"),
            INGRESS__PORT=ingress,
            SCORER__PORT=scorer,
            SESSION_CACHE_TRACKER__PORT=tracker,
            UPSTREAM_DISPATCHER__PORT=dispatcher,
        )
    assert line.startswith(f"turnout: upstream-dispatcher cannot start: 127.0.0.1:{dispatcher} is ")
    assert line.endswith("set TURNOUT_UPSTREAM_DISPATCHER__PORT\n")


@pytest.mark.parametrize("name", ["LISTENER_FD", "HANDOVER_FD"])
def test_a_descriptor_that_is_none(tmp_path: Path, name: str) -> None:
    told = {name: "9999", "NATS__URL": "nats://127.0.0.1:1"}
    line = said(tmp_path, "run", "ingress", **told)
    assert line.startswith(f"turnout: TURNOUT_{name} is 9999: ")


@pytest.mark.parametrize("arguments", [("serve",), ("serve", "--split"), ("run", "telemetry")])
def test_a_database_that_is_no_name(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    line = said(tmp_path, *arguments, CLICKHOUSE__DATABASE="x; DROP")
    assert line.startswith("turnout: TURNOUT_CLICKHOUSE__DATABASE: ")
    assert line.endswith("Database of the tables: letters, digits and underscores.\n")
