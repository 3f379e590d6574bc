"""A workshop, and an ingress that listens on a port and keeps the facts it records."""

import socket
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from tests.ingress.edge import Edge, edge
from tests.outcomes.workshop import Workshop, numbered
from turnout.facts import OutcomeReported

START_SECONDS = 30.0


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With a file that a person wrote long before the agents came."""
    made = Workshop(tmp_path / "repository")
    made.at -= 100 * 24 * 3600
    made.commit({"old.py": numbered("a person", 8)}, "Begin")
    made.at += 100 * 24 * 3600
    made.git("remote", "add", "origin", "https://secret@git.example.com/acme/api.git")
    return made


@dataclass(frozen=True, slots=True)
class Listening:
    url: str
    edge: Edge

    @property
    def outcomes(self) -> list[OutcomeReported]:
        return self.edge.facts.outcomes


@pytest.fixture
def ingress() -> Generator[Listening]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        made = edge()
        server = uvicorn.Server(
            uvicorn.Config(made.app, lifespan="off", log_config=None, access_log=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + START_SECONDS
            while not server.started:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield Listening(f"http://127.0.0.1:{listener.getsockname()[1]}", made)
        finally:
            server.should_exit = True
            thread.join()
