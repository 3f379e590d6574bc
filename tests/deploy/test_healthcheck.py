"""The image's health check against real services: well when they serve, and why not otherwise."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.test_servers import servicer
from turnout.engines.free_ports import free_port
from turnout.rpc.channel import RpcServer
from turnout.rpc.upstream_dispatcher import SERVICE_NAME

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
"""A service on a loaded machine; a test that hangs fails by it."""

NOBODY = "127.0.0.1:9"
"""The discard port: nothing listens there."""


def environment(tmp_path: Path, values: dict[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT / "services"),
        "TURNOUT_DATA_DIR": str(tmp_path),
        "TURNOUT_NATS__URL": f"nats://{NOBODY}",
        "TURNOUT_SIMULATOR__ENABLED": "never",
        **values,
    }


def checked(service: str, env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy/healthcheck.py"), service],
        env=env,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.strip() + done.stderr


@contextmanager
def running(service: str, env: dict[str, str]) -> Iterator[tuple[int, str]]:
    """The service itself, everything it would call away; what the check says once it is well."""
    command = [sys.executable, "-m", "turnout", "run", service]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        told = checked(service, env)
        while told[0] and process.poll() is None and time.monotonic() < deadline:
            told = checked(service, env)
        yield told
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def test_the_ingress_is_well_while_it_serves(tmp_path: Path) -> None:
    addresses = {
        f"TURNOUT_{name}__ADDRESS": NOBODY
        for name in ("SCORER", "SESSION_CACHE_TRACKER", "UPSTREAM_DISPATCHER")
    }
    env = environment(tmp_path, {**addresses, "TURNOUT_INGRESS__PORT": str(free_port())})
    with running("ingress", env) as told:
        assert told == (0, "ingress: ok")
    status, said = checked("ingress", env)
    assert status == 1
    assert "refused" in said


def test_telemetry_is_well_while_it_waits_for_its_engines(tmp_path: Path) -> None:
    engines = {
        "TURNOUT_CLICKHOUSE__URL": f"http://{NOBODY}",
        "TURNOUT_TELEMETRY__METRICS_PORT": str(free_port()),
    }
    env = environment(tmp_path, engines)
    with running("telemetry", env) as told:
        assert told == (0, "telemetry: ok")


@pytest.mark.anyio
async def test_a_grpc_service_is_well_until_it_leaves(tmp_path: Path) -> None:
    server = RpcServer(service_names=(SERVICE_NAME,))
    servicer().add_to(server.server)
    port = await server.start(host="127.0.0.1", port=0, tls=None)
    env = environment(tmp_path, {"TURNOUT_UPSTREAM_DISPATCHER__PORT": str(port)})
    told = await asyncio.to_thread(checked, "upstream-dispatcher", env)
    assert told == (0, "upstream-dispatcher: ok")
    assert server.is_serving
    await server.stop(grace_seconds=0)
    assert not server.is_serving
    status, said = await asyncio.to_thread(checked, "upstream-dispatcher", env)
    assert status == 1
    assert said.startswith("upstream-dispatcher: ")


def test_a_wrong_service_or_setting_is_one_line(tmp_path: Path) -> None:
    assert checked("scoring", environment(tmp_path, {}))[0] == 1
    status, said = checked("scorer", environment(tmp_path, {"TURNOUT_LOG_LEVEL": "loud"}))
    assert (status, said.count("\n")) == (1, 0)
    assert "TURNOUT_LOG_LEVEL" in said
