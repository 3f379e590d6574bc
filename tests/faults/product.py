"""`turnout serve` as a real process whose children can be found, killed and held.

Rules: ports lie below the range that the kernel gives to outgoing connections, else a client that
calls an engine while it is down can be given the engine's own port and then talks to itself; a
process is told from its command line and its parent, never by a name alone.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import aiohttp
import msgspec
import nats
import nats.errors

from turnout.engines.free_ports import free_ports

Part: TypeAlias = Literal[
    "nats",
    "valkey",
    "clickhouse",
    "simulator",
    "telemetry",
    "scorer",
    "session-cache-tracker",
    "upstream-dispatcher",
    "ingress",
]

Value: TypeAlias = int | float | str | list[str] | None
Rows: TypeAlias = list[list[Value]]

_MARKS: Final[Mapping[Part, str]] = {
    "nats": "nats-server",
    "valkey": "valkey-server",
    "clickhouse": "turnout.engines.clickhouse",
    "simulator": "turnout.simulator",
    "telemetry": "turnout run telemetry",
    "scorer": "turnout run scorer",
    "session-cache-tracker": "turnout run session-cache-tracker",
    "upstream-dispatcher": "turnout run upstream-dispatcher",
    "ingress": "turnout run ingress",
}

ROOT: Final = Path(__file__).parent.parent.parent
"""Where the embedder that `make setup` built is found."""

_PORTS: Final = ("ingress", "nats", "redis", "clickhouse", "simulator")
_RPC_PORTS: Final = ("scorer", "session_cache_tracker", "upstream_dispatcher")

START_SECONDS: Final = 60.0
"""Five Python processes on two busy cores need up to 20."""

STOP_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05

STREAM: Final = "TURNOUT_FACTS"
DURABLE: Final = "telemetry-clickhouse"


class Ready(msgspec.Struct, frozen=True):
    """The answer of `/ready`."""

    status: str
    parts: dict[str, str]


class _Rows(msgspec.Struct, frozen=True):
    data: Rows


@dataclass(slots=True)
class Product:
    """One data directory and one set of ports; started as often as a test likes."""

    home: Path
    split: bool = False
    scorers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        names = (*_PORTS, *_RPC_PORTS)
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['ingress']}"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['simulator']}"

    def port(self, name: str) -> int:
        return self._ports[name]

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.home / "turnout.log"

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    async def start(self, *, wait: bool = True) -> None:
        """Start and, with `wait`, come back when requests are served."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")
        }
        for name, port in self._ports.items():
            environment[f"TURNOUT_{name.upper()}__PORT"] = str(port)
        environment["TURNOUT_DATA_DIR"] = str(self.data_dir)
        environment["PYTHONPATH"] = str(ROOT / "services")
        environment |= self.settings
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "turnout", "serve"),
                *(["--split", "--scorers", str(self.scorers)] if self.split else []),
                env=environment,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        if wait:
            async with asyncio.timeout(START_SECONDS):
                while await self.ready() is None:
                    assert self._process.returncode is None, self.tail()
                    await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> int:
        """SIGTERM; answers the exit status."""
        assert self._process is not None
        self._process.terminate()
        return await self.ended()

    async def ended(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(STOP_SECONDS):
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL to the process itself; the kernel takes its children along."""
        if self._process is not None and self._process.returncode is None:
            children = [pid for pid, _ in self._descendants()]
            self._process.kill()
            await self._process.wait()
            async with asyncio.timeout(STOP_SECONDS):
                while any(_is_alive(pid) for pid in children):
                    await asyncio.sleep(POLL_SECONDS)

    def child(self, part: Part) -> int | None:
        """The process that stands for a part now."""
        return next(iter(self.children(part)), None)

    def children(self, part: Part) -> list[int]:
        """Every process of a part: replicas, and those that are on their way in or out."""
        return [
            pid
            for pid, command in self._descendants()
            if _MARKS[part] in command and "launch.py" not in command
        ]

    async def kill_and_see(self, part: Part) -> int:
        """SIGKILL to a part; comes back when the kernel has ended it and closed its sockets."""
        pid = await self.kill_child(part)
        async with asyncio.timeout(STOP_SECONDS):
            while _is_alive(pid):
                await asyncio.sleep(0.001)
        return pid

    async def until_replaced(self, part: Part, pid: int) -> None:
        """Until a process has ended and as many stand for its part as should."""
        wanted = self.scorers if part == "scorer" else 1
        async with asyncio.timeout(START_SECONDS):
            while pid in (found := self.children(part)) or len(found) != wanted:
                await asyncio.sleep(POLL_SECONDS)

    async def running_child(self, part: Part) -> int:
        """The same, waiting for one that is being started."""
        async with asyncio.timeout(START_SECONDS):
            while (pid := self.child(part)) is None:
                await asyncio.sleep(POLL_SECONDS)
        return pid

    async def kill_child(self, part: Part) -> int:
        """SIGKILL to a part; answers the process id that it had."""
        pid = await self.running_child(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def _descendants(self) -> list[tuple[int, str]]:
        """The children of the process, with their command lines."""
        found: list[tuple[int, str]] = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "stat").read_text()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            state, parent = status.rpartition(")")[2].split()[:2]
            if int(parent) == self.pid and state != "Z":
                found.append((int(entry.name), command))
        return found

    async def ready(self) -> Ready | None:
        """What `/ready` says, None while nobody answers."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client,
                client.get(f"{self.url}/ready") as answer,
            ):
                return msgspec.json.decode(await answer.read(), type=Ready)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def wait_ready(self, is_right: Callable[[Ready], bool]) -> Ready:
        """Wait until `/ready` says what is wanted."""
        last: Ready | None = None
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    last = await self.ready()
                    if last is not None and is_right(last):
                        return last
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"/ready says {last}") from None

    async def whole(self) -> "Product":
        """Started if it is not, and with all its parts, whatever was done to it before."""
        if not self.is_running:
            await self.start()
        await self.wait_ready(lambda ready: ready.status == "ok")
        return self

    async def rows(self, query: str) -> Rows:
        """Rows of a read-only query; raises what aiohttp raises while ClickHouse is away."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as client,
            client.post(
                f"http://127.0.0.1:{self._ports['clickhouse']}/",
                params={
                    "database": "turnout",
                    "default_format": "JSONCompact",
                    "output_format_json_quote_64bit_integers": "0",
                },
                data=query,
            ) as answer,
        ):
            body = await answer.read()
            if answer.status != 200:
                raise QueryRefused(f"{answer.status}: {body[:500].decode(errors='replace')}")
            return msgspec.json.decode(body, type=_Rows).data

    async def until_rows(
        self,
        query: str,
        is_right: Callable[[Rows], bool],
        *,
        seconds: float = 30.0,
    ) -> Rows:
        """Ask again and again until the rows are right; fails with the last ones."""
        last: object = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        rows = await self.rows(query)
                    except (aiohttp.ClientError, OSError, QueryRefused) as reason:
                        last = reason
                    else:
                        last = rows
                        if is_right(rows):
                            return rows
                    await asyncio.sleep(4 * POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{query}: {last!r}\n{self.tail()}") from None

    async def until_consumed(self, *, seconds: float = 30.0) -> None:
        """Until telemetry has acknowledged every message on the bus: nothing more will come."""
        last = ""
        try:
            async with asyncio.timeout(seconds):
                client = await nats.connect(f"nats://127.0.0.1:{self._ports['nats']}")
                try:
                    while True:
                        info = await client.jetstream().consumer_info(STREAM, DURABLE)
                        last = f"pending {info.num_pending}, unacknowledged {info.num_ack_pending}"
                        if not info.num_pending and not info.num_ack_pending:
                            return
                        await asyncio.sleep(POLL_SECONDS)
                finally:
                    await client.close()
        except TimeoutError:
            raise AssertionError(f"not consumed: {last}\n{self.tail()}") from None

    async def metric(self, sample: str) -> float:
        """The sum of a metric's samples whose line begins with `sample`."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client,
            client.get(f"{self.url}/metrics") as answer,
        ):
            text = await answer.text()
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(sample)
        )

    def tail(self) -> str:
        """The newest lines of every log, for the message of a failure."""
        logs = [self.log, *sorted((self.data_dir / "log").glob("*"))]
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            for log in logs
            if log.is_file()
        )

    def report(self) -> None:
        """Print the end of the logs; pytest shows it for a test that failed."""
        if self.log.is_file():
            print(self.tail())


class QueryRefused(Exception):
    """ClickHouse refused a query, or its database is not there yet."""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
