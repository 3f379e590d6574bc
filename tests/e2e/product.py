"""The product as its own process, the way a person starts it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.engines.free_ports import free_ports
from turnout.telemetry.schema import load_migrations

START_SECONDS = 60.0
"""Five processes and three engines on two busy cores; ten times what it usually takes."""

STOP_SECONDS = 40.0

END_SECONDS = 10.0
"""For the provider to notice that nobody listens any more."""

POLL_SECONDS = 0.05

PORTS = (
    "INGRESS__PORT",
    "NATS__PORT",
    "REDIS__PORT",
    "CLICKHOUSE__PORT",
    "SIMULATOR__PORT",
    "SCORER__PORT",
    "SESSION_CACHE_TRACKER__PORT",
    "UPSTREAM_DISPATCHER__PORT",
)


def environment(data_dir: Path, **told: str) -> dict[str, str]:
    """No provider keys, nothing of the tester's own settings, every port a free one."""
    secret = {
        provider.api_key_env for provider in parse_catalog(snapshot_bytes()).providers.values()
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in secret and not name.upper().startswith("TURNOUT_")
    }
    ports = zip(PORTS, free_ports(len(PORTS)), strict=True)
    return {
        **kept,
        **{f"TURNOUT_{name}": str(port) for name, port in ports},
        "TURNOUT_DATA_DIR": str(data_dir),
        # The deadline is a promise of a machine that is not shared with a test suite.
        "TURNOUT_SCORER__DEADLINE_SECONDS": "2",
        "TURNOUT_SIMULATOR__DIRECTIVES": "ttft=0,gap=0",
        # No session is left alone and no model tried by chance.
        "TURNOUT_ROUTING__CONTROL_SHARE": "0",
        "TURNOUT_ROUTING__EXPLORATION": "0",
        **told,
    }


@dataclass(slots=True)
class Product:
    """A running Turnout."""

    process: subprocess.Popen[bytes]
    settings: Mapping[str, str]
    log: Path

    def port(self, name: str) -> int:
        return int(self.settings[f"TURNOUT_{name}__PORT"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port('INGRESS')}"

    @property
    def simulator(self) -> str:
        return f"http://127.0.0.1:{self.port('SIMULATOR')}"

    def reset_simulator(self) -> None:
        httpx.delete(f"{self.simulator}/simulate").raise_for_status()

    def script(self, *directives: str) -> None:
        """What the next answers do, whoever asks for them."""
        told = {"next": list(directives)}
        httpx.post(f"{self.simulator}/simulate", json=told).raise_for_status()

    def script_all(self, directives: str) -> None:
        told = {"default": f"ttft=0,gap=0,{directives}"}
        httpx.post(f"{self.simulator}/simulate", json=told).raise_for_status()

    def seen(self) -> list[dict[str, object]]:
        """What the simulated provider has seen since the last reset."""
        entries: list[dict[str, object]] = httpx.get(f"{self.simulator}/simulate/log").json()[
            "entries"
        ]
        return entries

    def ended(self) -> list[dict[str, object]]:
        """The same, once nothing of it goes on."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            entries = self.seen()
            if entries and all(entry["ended_at"] is not None for entry in entries):
                return entries
            time.sleep(POLL_SECONDS)
        raise AssertionError("the provider is still answering")

    @contextlib.contextmanager
    def warehouse(self) -> Generator[Client]:
        """Once its schema is in place, which no request waits for, and so `/ready` neither."""
        client = clickhouse_connect.get_client(host="127.0.0.1", port=self.port("CLICKHOUSE"))
        try:
            wait_for_schema(client)
            client.database = "turnout"
            yield client
        finally:
            client.close()

    def told(self) -> str:
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def wait_for_schema(client: Client) -> None:
    newest = len(load_migrations())
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        # Before the first migration there is no such table.
        with contextlib.suppress(DatabaseError):
            (row,) = client.query("SELECT max(version) FROM turnout.schema_migrations").result_rows
            if row[0] == newest:
                return
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"the schema is not at version {newest}")


def turnout(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "turnout", *arguments]


def start(*arguments: str, settings: Mapping[str, str], log: Path) -> Product:
    """Start and wait until every part is there."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            turnout("serve", *arguments),
            env=dict(settings),
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
    product = Product(process, settings, log)
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client() as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"it ended with {process.returncode}: {product.told()}")
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"{product.url}/ready").json()["status"] == "ok":
                    return product
            time.sleep(POLL_SECONDS)
    product.stop(signal.SIGKILL)
    raise AssertionError(f"it is not ready: {product.told()}")


@contextlib.contextmanager
def running(*arguments: str, settings: Mapping[str, str], log: Path) -> Generator[Product]:
    product = start(*arguments, settings=settings, log=log)
    try:
        yield product
    finally:
        product.stop()


def run(
    *arguments: str, settings: Mapping[str, str], seconds: float = 30.0
) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        turnout(*arguments),
        env=dict(settings),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
