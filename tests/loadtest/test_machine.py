"""A process of the bench counts as started once it says that it is ready."""

import sys
from pathlib import Path

import httpx
import pytest

from loadtest import machine
from loadtest.machine import NotStarted

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answers(BaseHTTPRequestHandler):
    seen = 0

    def do_GET(self):
        Answers.seen += 1
        self.send_response(503 if Answers.seen < 3 else 200)
        self.end_headers()
        self.wfile.write(str(Answers.seen).encode())

server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers)
server.serve_forever()
"""
"""Not ready when it is asked first and second; its bodies count the questions."""


def test_a_process_that_is_not_ready_is_waited_for(tmp_path: Path, free_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{free_tcp_port}"
    argv = (sys.executable, "-c", SERVER, str(free_tcp_port))
    with machine.running(argv, url=url, ready_path="/", log=tmp_path / "log", cpu=None):
        assert int(httpx.get(url, trust_env=False).text) == 4


def test_a_process_that_ends_is_said_with_its_log(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "raise SystemExit('no such setting')")
    with (
        pytest.raises(NotStarted, match="no such setting"),
        machine.running(
            argv, url="http://127.0.0.1:9", ready_path="/", log=tmp_path / "log", cpu=None
        ),
    ):
        raise AssertionError("it did not start")
