"""The receiver that ships: what it takes, what it refuses, and the command that prints trees."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.observe.recorded import CALLER, TRACE
from turnout.engines.free_ports import free_port
from turnout.observe.exporting import Exporting
from turnout.observe.otlp import open_tracer
from turnout.observe.trace_dump import receiving

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 60.0


async def test_compressed_exports_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with receiving() as (received, url):
        async with open_tracer(Exporting(f"{url}/v1/traces", None), service="turnout") as tracer:
            tracer.start("one", part="ingress", kind="server", parent="").end()
        assert [span.name for span in received.spans] == ["one"]


async def test_what_is_no_export_of_spans_is_refused() -> None:
    with receiving() as (received, url):
        assert httpx.post(f"{url}/v1/traces", content=b"\xff\xff").status_code == 400
        assert httpx.post(f"{url}/v1/logs", content=b"").status_code == 404
        assert httpx.post(f"{url}/v1/traces", content=b"").status_code == 200
    assert not received.spans


async def test_the_command_prints_a_trace_and_ends(tmp_path: Path) -> None:
    port = free_port()
    out = tmp_path / "out"
    with out.open("wb") as file:
        command = subprocess.Popen(
            [sys.executable, "-m", "turnout.observe.trace_dump", "--once", "--port", str(port)],
            stdout=file,
            stderr=subprocess.PIPE,
        )
    assert command.stderr is not None
    try:
        assert f"TURNOUT_TRACING__ENDPOINT=http://127.0.0.1:{port}" in (
            command.stderr.readline().decode()
        )
        told = Exporting(f"http://127.0.0.1:{port}/v1/traces", None)
        async with open_tracer(told, service="turnout") as tracer:
            request = tracer.start(
                "POST /v1/messages", part="ingress", kind="server", parent=CALLER
            )
            tracer.start(
                "process x",
                part="telemetry",
                kind="consumer",
                parent=request.traceparent,
                links=(CALLER,),
            ).end()
            request.end()
        assert command.wait(WAIT_SECONDS) == 0
    finally:
        command.kill()
        command.wait()
        command.stderr.close()
    lines = out.read_text().splitlines()
    assert lines[0] == f"trace {TRACE}"
    assert "POST /v1/messages [ingress, server," in lines[1]
    assert lines[2].index("process x") == lines[1].index("POST") + 2
    assert lines[3].strip() == f"link to span {CALLER.split('-')[2]} of trace {TRACE}"
