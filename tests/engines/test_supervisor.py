import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from turnout.engines.child import Child, Endpoint
from turnout.engines.failure import EngineFailed, EngineUnfit
from turnout.engines.free_ports import free_port
from turnout.engines.journal import KEPT_BYTES, MAX_LOG_BYTES, bound_log, log_path
from turnout.engines.supervisor import supervising

# A program that listens, says so, and appends its name to a file when it is asked to stop.
SERVER = textwrap.dedent("""
    import os, signal, socket, sys
    name, port, diary = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    note = lambda what: open(diary, "a").write(what + " " + name + "\\n")
    def stop(*_):
        note("stop")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    note("start")
    # Last: whoever gets an answer may stop us at once.
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        listener.accept()[0].close()
""")


def serving(
    name: str, diary: Path, *, after: tuple[str, ...] = (), port: int | None = None
) -> Child:
    endpoint = Endpoint(port=port or free_port(), setting=f"TURNOUT_{name.upper()}__PORT")

    async def ready() -> bool:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.close()
        return True

    return Child(
        name=name,
        argv=(sys.executable, "-c", SERVER, name, str(endpoint.port), str(diary)),
        ready=ready,
        endpoint=endpoint,
        after=after,
    )


def scripted(name: str, script: str, *, start_deadline_seconds: float = 10.0) -> Child:
    async def ready() -> bool:
        return False

    return Child(
        name=name,
        argv=(sys.executable, "-c", script),
        ready=ready,
        endpoint=Endpoint(port=free_port(), setting=f"TURNOUT_{name.upper()}__PORT"),
        start_deadline_seconds=start_deadline_seconds,
    )


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    async def scenario() -> None:
        children = [serving("second", diary, after=("first",)), serving("first", diary)]
        async with supervising(children, data_dir=tmp_path):
            pass

    asyncio.run(scenario())
    assert diary.read_text().splitlines() == [
        "start first",
        "start second",
        "stop second",
        "stop first",
    ]


def test_a_killed_child_comes_back_on_its_port(tmp_path: Path) -> None:
    child = serving("engine", tmp_path / "diary")

    async def scenario() -> float:
        async with supervising([child], data_dir=tmp_path) as supervisor:
            first = supervisor.pid("engine")
            assert first is not None
            os.kill(first, signal.SIGKILL)
            killed_at = time.monotonic()
            async with asyncio.timeout(10):
                while supervisor.pid("engine") in (first, None) or not await reached(child):
                    await asyncio.sleep(0.01)
            assert supervisor.restarts("engine") == 1
            return time.monotonic() - killed_at

    asyncio.run(scenario())


async def reached(child: Child) -> bool:
    with contextlib.suppress(OSError):
        return child.ready is not None and await child.ready()
    return False


def test_too_many_deaths_are_one_clear_error(tmp_path: Path) -> None:
    child = replace(serving("engine", tmp_path / "diary"), longest_backoff_seconds=0.05)

    async def scenario() -> None:
        async with supervising([child], data_dir=tmp_path) as supervisor:
            while True:
                if (pid := supervisor.pid("engine")) is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.01)

    with pytest.raises(
        EngineFailed, match=r"^engine \(127\.0\.0\.1:\d+\) died 7 times within 60 s"
    ):
        asyncio.run(scenario())


def test_a_taken_port_names_engine_port_and_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child = serving("engine", tmp_path / "diary", port=port)
        with pytest.raises(EngineFailed) as failure:
            asyncio.run(run_once(replace(child, port_patience_seconds=0.1), tmp_path))
    assert failure.value.message == (
        f"engine cannot start: 127.0.0.1:{port} is taken by another program or"
        " service; stop that one or set TURNOUT_ENGINE__PORT"
    )


async def run_once(child: Child, data_dir: Path) -> None:
    async with supervising([child], data_dir=data_dir):
        pass


def test_a_child_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    child = scripted("engine", "import sys; print('no such disk'); sys.exit(3)")
    with pytest.raises(EngineFailed) as failure:
        asyncio.run(run_once(child, tmp_path))
    message = failure.value.message
    assert "ended with code 3 while starting (it said: no such disk)" in message
    assert str(log_path(tmp_path, "engine")) in message
    assert "TURNOUT_ENGINE__PORT" in message
    assert "\n" not in message


@pytest.mark.parametrize("is_ready", [True, False], ids=["serving", "starting"])
def test_an_unfit_child_is_not_started_again(tmp_path: Path, is_ready: bool) -> None:
    async def ready() -> bool:
        return is_ready

    child = replace(
        scripted("engine", "import sys; print('started'); print('not my data'); sys.exit(78)"),
        ready=ready,
        unfit_status=78,
    )

    async def scenario() -> None:
        async with supervising([child], data_dir=tmp_path):
            await asyncio.Event().wait()

    with pytest.raises(EngineUnfit, match=r"cannot run \(it said: not my data\); see .*\.log$"):
        asyncio.run(scenario())
    assert log_path(tmp_path, "engine").read_text().count("started") == 1


def test_a_child_that_does_not_answer_is_stopped(tmp_path: Path) -> None:
    child = scripted(
        "engine",
        "import os, time; print(os.getpid(), flush=True); time.sleep(600)",
        start_deadline_seconds=0.5,
    )
    with pytest.raises(EngineFailed, match=r"did not answer within 0\.5 s"):
        asyncio.run(run_once(child, tmp_path))
    assert not is_alive(int(log_path(tmp_path, "engine").read_text()))


def test_an_error_in_the_block_comes_out_as_itself(tmp_path: Path) -> None:
    child = serving("engine", tmp_path / "diary")

    async def scenario() -> None:
        async with supervising([child], data_dir=tmp_path):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(scenario())
    assert "stop engine" in (tmp_path / "diary").read_text()


def test_a_second_supervisor_of_the_same_data_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with supervising([], data_dir=tmp_path), supervising([], data_dir=tmp_path):
            pass

    with pytest.raises(EngineFailed, match="in use by another turnout"):
        asyncio.run(scenario())


PARENT = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from tests.engines.test_supervisor import serving
    from turnout.engines.supervisor import supervising
    async def main():
        data = Path(sys.argv[1])
        children = [serving("one", data / "diary"), serving("two", data / "diary")]
        async with supervising(children, data_dir=data) as supervisor:
            print(supervisor.pid("one"), supervisor.pid("two"), flush=True)
            await asyncio.sleep(600)
    asyncio.run(main())
""")


def test_a_killed_parent_leaves_no_children(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_alive, pids))
    # What the dead parent held is free for its successor.
    asyncio.run(run_once(serving("one", tmp_path / "diary"), tmp_path))


def test_a_log_is_bounded_and_keeps_its_newest_part(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_bytes(b"old\n" * (MAX_LOG_BYTES // 4) + b"newest\n")
    bound_log(path)
    assert path.stat().st_size == 0
    kept = path.with_suffix(".log.1").read_bytes()
    assert len(kept) == KEPT_BYTES
    assert kept.endswith(b"newest\n")
