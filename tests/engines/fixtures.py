"""Running engines for tests of every package; import the fixtures from a conftest.

Rules: each engine is the real one, started by the real supervisor on a free port with its data in a
temporary directory, once per session. Tests keep apart by names of their own (subjects, key prefixes,
tables), since others use the same engines.
"""

import asyncio
import contextlib
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from turnout.engines.child import Child
from turnout.engines.clickhouse.process import WRITER, clickhouse_child
from turnout.engines.free_ports import free_port
from turnout.engines.nats import nats_child
from turnout.engines.supervisor import supervising
from turnout.engines.valkey import valkey_child

# Starting takes at most a few seconds; a hung engine must not hang the session.
WAIT_SECONDS = 60.0


@contextlib.contextmanager
def running(children: Sequence[Child], *, data_dir: Path) -> Generator[None]:
    """Run children from synchronous code: the supervisor's loop lives in a thread of its own."""
    started: list[BaseException | None] = []
    is_started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def supervise() -> None:
        async with supervising(children, data_dir=data_dir):
            started.append(None)
            is_started.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(supervise())
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            started.append(error)
            is_started.set()
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="engines")
    thread.start()
    assert is_started.wait(WAIT_SECONDS)
    if started[0] is not None:
        raise started[0]
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join(WAIT_SECONDS)
        assert len(started) == 1, started


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    port = free_port()
    data_dir = tmp_path_factory.mktemp("nats")
    with running([nats_child(data_dir=data_dir, port=port)], data_dir=data_dir):
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    port = free_port()
    data_dir = tmp_path_factory.mktemp("valkey")
    with running([valkey_child(data_dir=data_dir, port=port)], data_dir=data_dir):
        yield f"redis://127.0.0.1:{port}/0"


@dataclass(frozen=True, slots=True)
class ClickHouseFront:
    """A running embedded ClickHouse."""

    host: str
    port: int
    token: str
    """The password of the user `telemetry`, who alone may write."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def writer_url(self) -> str:
        return f"http://{WRITER}:{self.token}@{self.host}:{self.port}/turnout"


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Generator[ClickHouseFront]:
    front = ClickHouseFront(host="127.0.0.1", port=free_port(), token="token-for-tests")
    data_dir = tmp_path_factory.mktemp("clickhouse")
    child = clickhouse_child(data_dir=data_dir, token=front.token, port=front.port)
    with running([child], data_dir=data_dir):
        yield front
