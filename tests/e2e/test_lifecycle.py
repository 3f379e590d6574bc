"""Starting and stopping: what a person sees, and what is kept."""

import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.artifacts import renamed
from tests.e2e.conftest import COMPOSITIONS
from tests.e2e.product import POLL_SECONDS, Product, environment, run, start
from tests.e2e.test_artifacts import wait_for
from turnout.policy.artifact import parse_artifact

BODY = {
    "model": "turnout/claude-sonnet-5-5",
    "max_tokens": 1000,
    "stream": True,
    "messages": [{"role": "user", "content": "Say something long."}],
}

PATIENCE_SECONDS = 10.0


@pytest.fixture(scope="module", params=COMPOSITIONS)
def arguments(request: pytest.FixtureRequest) -> Sequence[str]:
    return COMPOSITIONS[str(request.param)]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "data")


def answered(product: Product, request_id: str) -> bool:
    """Whether the row of a request is in ClickHouse, soon."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with product.warehouse() as warehouse:
        while time.monotonic() < deadline:
            counted = warehouse.query(
                "SELECT count() FROM requests WHERE request_id = {id:String} AND outcome = 'answered'",
                parameters={"id": request_id},
            )
            if counted.result_rows[0][0]:
                return True
            time.sleep(POLL_SECONDS)
    return False


def test_a_stop_lets_streams_finish_and_a_new_start_finds_everything(
    settings: dict[str, str], arguments: Sequence[str], tmp_path: Path
) -> None:
    product = start(*arguments, settings=settings, log=tmp_path / "log")
    try:
        httpx.put(f"{product.url}/v1/modes/default", json={"mode": "observe"}).raise_for_status()
        pushed = renamed("2030-01-01")
        httpx.put(f"{product.url}/v1/artifacts/active", content=pushed).raise_for_status()
        product.script("gap=0.05,tokens=60")
        with httpx.stream("POST", f"{product.url}/v1/messages", json=BODY, timeout=30) as answer:
            request_id = answer.headers["turnout-request-id"]
            chunks = answer.iter_raw()
            body = next(chunks)
            product.process.send_signal(signal.SIGTERM)
            body += b"".join(chunks)
        assert b"event: message_stop" in body
    finally:
        status = product.stop()
    assert status == 0, product.told()
    assert "Traceback" not in product.told()
    again = start(*arguments, settings=settings, log=tmp_path / "log")
    try:
        assert answered(again, request_id)
        wait_for(again, parse_artifact(pushed).digest)
        # A client that keeps its connection open does not hold up the stop.
        with httpx.Client() as client:
            assert client.get(f"{again.url}/v1/modes").json()["default"] == "observe"
            began = time.monotonic()
            assert again.stop(signal.SIGINT) == 0, again.told()
        assert time.monotonic() - began < PATIENCE_SECONDS
    finally:
        again.stop()
    assert "Traceback" not in again.told()


def refused(settings: dict[str, str], *arguments: str) -> str:
    """The one line that a start ends with."""
    ended = run(*arguments, settings=settings)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("turnout: ")
    return lines[0]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TURNOUT_INGRESS__PROT", "1", "Did you mean TURNOUT_INGRESS__PORT"),
        ("TURNOUT_INGRESS__HOST", "0.0.0.0", "router key"),
        ("TURNOUT_NATS__URL", "127.0.0.1:4222", "TURNOUT_NATS__URL"),
        ("TURNOUT_SCORER__ARTIFACT", "none.json", "none.json"),
        ("TURNOUT_DATA_DIR", "/dev/null/x", "/dev/null/x"),
    ],
)
def test_a_wrong_setting_is_one_line(
    settings: dict[str, str], name: str, value: str, says: str
) -> None:
    assert says in refused({**settings, name: value}, "serve")


@pytest.mark.parametrize("name", ["INGRESS", "NATS"])
def test_a_taken_port_is_one_line(settings: dict[str, str], name: str) -> None:
    setting = f"TURNOUT_{name}__PORT"
    with socket.create_server(("127.0.0.1", int(settings[setting]))):
        assert setting in refused(settings, "serve")


def test_a_taken_port_of_a_single_service_is_one_line(settings: dict[str, str]) -> None:
    told = {
        **settings,
        "TURNOUT_NATS__URL": "nats://127.0.0.1:1",
        "TURNOUT_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    port = settings["TURNOUT_SESSION_CACHE_TRACKER__PORT"]
    with socket.create_server(("127.0.0.1", int(port))):
        assert port in refused(told, "run", "session-cache-tracker")


def test_a_service_alone_needs_addresses(settings: dict[str, str]) -> None:
    assert "TURNOUT_NATS__URL" in refused(settings, "run", "ingress")


def test_a_service_beyond_loopback_needs_tls(settings: dict[str, str]) -> None:
    told = {
        **settings,
        "TURNOUT_NATS__URL": "nats://127.0.0.1:1",
        "TURNOUT_REDIS__URL": "redis://127.0.0.1:1/0",
        "TURNOUT_SCORER__HOST": "0.0.0.0",
    }
    assert "TURNOUT_TLS__" in refused(told, "run", "scorer")


def test_a_key_is_made_and_shown_once(settings: dict[str, str]) -> None:
    made = run("keys", "new", "ci", "--tenant", "acme", "--team", "core", settings=settings)
    assert made.returncode == 0
    key = made.stdout.strip()
    assert key.startswith("tk_")
    assert key not in made.stderr
    entry = made.stderr.splitlines()[-1]
    assert '"tenant": "acme"' in entry
    with_key = {**settings, "TURNOUT_INGRESS__KEYS": f"[{entry}]"}
    # It is understood: the start gets as far as the port.
    with socket.create_server(("127.0.0.1", int(settings["TURNOUT_INGRESS__PORT"]))):
        assert "TURNOUT_INGRESS__PORT" in refused(with_key, "serve")


@pytest.mark.parametrize("command", [("mode",), ("sql", "dearest_sessions")])
def test_the_small_commands_say_when_nobody_answers(
    settings: dict[str, str], command: Sequence[str]
) -> None:
    assert "answers at http://127.0.0.1:" in refused(settings, *command)


def test_an_unknown_query_is_one_line_with_those_that_there_are(settings: dict[str, str]) -> None:
    assert "dearest_sessions" in refused(settings, "sql", "no-such-query")
