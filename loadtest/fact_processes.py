"""What `make bench-facts` measures: NATS, ClickHouse and telemetry, each a process of its own, and the
CPU time that they use.
"""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest import machine
from turnout.engines.child import Child
from turnout.engines.clickhouse.process import WRITER, clickhouse_child
from turnout.engines.nats import nats_child
from turnout.telemetry.warehouse import WarehouseSettings

TOKEN = "a-token-for-the-bench"


@dataclass(frozen=True, slots=True)
class Processes:
    """Process ids of all that takes part but us, and where they listen."""

    nats: int
    clickhouse: int
    nats_url: str
    warehouse: WarehouseSettings


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU seconds of each process."""

    telemetry: float
    clickhouse: float
    nats: float

    def since(self, before: "CpuTime") -> "CpuTime":
        return CpuTime(
            telemetry=self.telemetry - before.telemetry,
            clickhouse=self.clickhouse - before.clickhouse,
            nats=self.nats - before.nats,
        )

    def line(self, facts: int) -> str:
        """Microseconds per fact."""
        each = (f"{name} {used / facts * 1e6:.1f} us" for name, used in asdict(self).items())
        return f"CPU per fact: {', '.join(each)}"


@contextmanager
def engines(directory: Path) -> Generator[Processes]:
    """NATS and ClickHouse as the product starts them; NATS tells its health over HTTP besides."""
    first = machine.free_range(3)
    nats = nats_child(data_dir=directory, port=first)
    clickhouse = clickhouse_child(data_dir=directory, token=TOKEN, port=first + 2)
    health = ("--http_port", str(first + 1))
    with (
        _child(nats, health, directory, port=first + 1, ready_path="/healthz") as nats_pid,
        _child(clickhouse, (), directory, port=first + 2, ready_path="/ping") as clickhouse_pid,
    ):
        yield Processes(
            nats=nats_pid,
            clickhouse=clickhouse_pid,
            nats_url=f"nats://127.0.0.1:{first}",
            warehouse=WarehouseSettings(
                url=f"http://127.0.0.1:{first + 2}", user=WRITER, password=TOKEN
            ),
        )


@contextmanager
def _child(
    child: Child, more: Sequence[str], directory: Path, *, port: int, ready_path: str
) -> Generator[int]:
    for made in child.directories:
        made.mkdir(parents=True, exist_ok=True)
    with machine.running(
        (*child.argv, *more),
        url=f"http://127.0.0.1:{port}",
        ready_path=ready_path,
        log=directory / f"{child.name}.log",
        cpu=None,
        env=child.env,
    ) as started:
        yield started.pid


@contextmanager
def telemetry(processes: Processes, directory: Path) -> Generator[int]:
    """The service's own process, from when its port answers; its schema comes after that."""
    port = machine.free_range(1)
    warehouse = processes.warehouse
    with machine.running(
        (sys.executable, "-m", "turnout", "run", "telemetry"),
        url=f"http://127.0.0.1:{port}",
        ready_path="/metrics",
        log=directory / "telemetry.log",
        cpu=None,
        env={
            "TURNOUT_DATA_DIR": str(directory / "telemetry"),
            "TURNOUT_NATS__URL": processes.nats_url,
            "TURNOUT_CLICKHOUSE__URL": warehouse.url,
            "TURNOUT_CLICKHOUSE__USER": warehouse.user,
            "TURNOUT_CLICKHOUSE__PASSWORD": warehouse.password,
            "TURNOUT_TELEMETRY__METRICS_PORT": str(port),
        },
    ) as started:
        yield started.pid


def cpu_of(processes: Processes, telemetry_pid: int) -> CpuTime:
    """As of now."""
    return CpuTime(
        telemetry=machine.cpu_seconds(telemetry_pid),
        clickhouse=machine.cpu_seconds(processes.clickhouse),
        nats=machine.cpu_seconds(processes.nats),
    )
