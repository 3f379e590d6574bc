"""Which engines run as children of this process, and how to reach each.

Rules: an engine whose address is set is somebody else's and gets no child; the others are described
with their data below one directory. Every start makes a new token for writing to ClickHouse.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.engines import nats, valkey
from turnout.engines.child import Child
from turnout.engines.clickhouse import process as clickhouse


@dataclass(frozen=True, slots=True)
class Ports:
    nats: int = nats.DEFAULT_PORT
    redis: int = valkey.DEFAULT_PORT
    clickhouse: int = clickhouse.DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Outside:
    """Addresses of servers that are not ours to run; None means embedded."""

    nats_url: str | None = None
    redis_url: str | None = None
    clickhouse_url: str | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """How to reach the three engines, and the children that have to run for it."""

    nats_url: str
    redis_url: str
    clickhouse_url: str
    """For anybody: read-only when embedded."""
    clickhouse_writer_url: str
    """For telemetry: holds the token when embedded. Never logged."""
    children: Sequence[Child]


def embedded_engines(
    *, data_dir: Path, ports: Ports | None = None, outside: Outside | None = None
) -> Engines:
    ports, outside = ports or Ports(), outside or Outside()
    token = secrets.token_urlsafe(32)
    children: list[Child] = []
    if outside.nats_url is None:
        children.append(nats.nats_child(data_dir=data_dir, port=ports.nats))
    if outside.redis_url is None:
        children.append(valkey.valkey_child(data_dir=data_dir, port=ports.redis))
    if outside.clickhouse_url is None:
        children.append(
            clickhouse.clickhouse_child(data_dir=data_dir, token=token, port=ports.clickhouse)
        )
    address = f"127.0.0.1:{ports.clickhouse}/turnout"
    return Engines(
        nats_url=outside.nats_url or f"nats://127.0.0.1:{ports.nats}",
        redis_url=outside.redis_url or f"redis://127.0.0.1:{ports.redis}/0",
        clickhouse_url=outside.clickhouse_url or f"http://{address}",
        clickhouse_writer_url=outside.clickhouse_url
        or f"http://{clickhouse.WRITER}:{token}@{address}",
        children=tuple(children),
    )
