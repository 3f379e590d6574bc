"""ClickHouse over HTTP, as far as telemetry needs it; clickhouse-connect stays behind this module.

Rules: every call has a deadline; every failure to reach or use the server is a `WarehouseFailed`. The library
is imported by who connects: it takes a quarter of a second, and every process knows the settings.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from turnout.errors import InvalidRequest, Unavailable

CONNECT_TIMEOUT_SECONDS = 5
# 10,000 rows take 25 ms; a server that merges or a Keeper that elects takes longer.
INSERT_TIMEOUT_SECONDS = 30.0
# A migration may rewrite a column of a large table.
COMMAND_TIMEOUT_SECONDS = 300.0
QUERY_TIMEOUT_SECONDS = 60.0


class WarehouseFailed(Unavailable):
    """ClickHouse could not be reached, or refused; `code` is its own error code, 0 when none."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """Where ClickHouse is and as whom to write.

    Attributes:
        cluster: name of the cluster for ON CLUSTER and Replicated engines; "" for a single server.
    """

    url: str = "http://127.0.0.1:8123"
    user: str = "telemetry"
    password: str = field(default="", repr=False)
    database: str = "turnout"
    cluster: str = ""


class _Result(Protocol):
    @property
    def result_rows(self) -> Sequence[Sequence[object]]: ...


class _Client(Protocol):
    """What we use of clickhouse-connect's client, which is typed in parts only."""

    database: str | None

    def command(self, cmd: str, *, use_database: bool = True) -> Awaitable[object]: ...

    def query(self, query: str) -> Awaitable[_Result]: ...

    def insert(
        self,
        table: str,
        data: Sequence[Sequence[object]],
        column_names: Sequence[str],
        *,
        database: str,
        column_type_names: Sequence[str],
        column_oriented: bool,
        settings: dict[str, object],
    ) -> Awaitable[object]: ...

    def close(self) -> Awaitable[None]: ...


class _Library(Protocol):
    def get_async_client(
        self,
        *,
        host: str,
        port: int,
        interface: str,
        username: str,
        password: str,
        compress: bool,
        connect_timeout: int,
        send_receive_timeout: int,
        client_name: str,
    ) -> Awaitable[_Client]: ...


class Warehouse:
    """One connection pool to ClickHouse. Made by `open_warehouse`."""

    def __init__(self, client: _Client, settings: WarehouseSettings) -> None:
        self._client = client
        self.settings = settings

    def stored(self, table: str) -> str:
        """The table that rows of `table` are written to: on a cluster, the one that spreads them."""
        if self.settings.cluster and table.endswith("_raw"):
            return f"{table.removesuffix('_raw')}_distributed"
        return table

    async def command(self, statement: str) -> None:
        """Run a statement that answers nothing. It must name its database itself."""
        async with _failing(COMMAND_TIMEOUT_SECONDS):
            await self._client.command(statement, use_database=False)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with _failing(QUERY_TIMEOUT_SECONDS):
            self._client.database = self.settings.database
            result = await self._client.query(query)
        return [tuple(row) for row in result.result_rows]

    async def insert(
        self,
        table: str,
        columns: Mapping[str, Sequence[object]],
        types: Sequence[str],
        *,
        token: str,
    ) -> None:
        """Insert columns as one block; the same token again inserts nothing."""
        told: dict[str, object] = {"insert_deduplication_token": token, "insert_deduplicate": 1}
        if self.settings.cluster:
            # Otherwise the rows would wait in a file of the server that took them.
            told["distributed_foreground_insert"] = 1
        async with _failing(INSERT_TIMEOUT_SECONDS):
            await self._client.insert(
                self.stored(table),
                list(columns.values()),
                list(columns),
                database=self.settings.database,
                column_type_names=types,
                column_oriented=True,
                settings=told,
            )

    async def close(self) -> None:
        await self._client.close()


@asynccontextmanager
async def open_warehouse(settings: WarehouseSettings) -> AsyncGenerator[Warehouse]:
    """Connect. Raises `WarehouseFailed` when the server does not answer."""
    import clickhouse_connect

    url = urlsplit(settings.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InvalidRequest(f"{settings.url!r} is no ClickHouse URL; http://127.0.0.1:8123 is one")
    async with _failing(CONNECT_TIMEOUT_SECONDS * 2):
        client = await _connect(
            clickhouse_connect,
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            interface=url.scheme,
            settings=settings,
        )
    warehouse = Warehouse(client, settings)
    try:
        yield warehouse
    finally:
        await warehouse.close()


async def _connect(
    library: _Library, *, host: str, port: int, interface: str, settings: WarehouseSettings
) -> _Client:
    return await library.get_async_client(
        host=host,
        port=port,
        interface=interface,
        username=settings.user,
        password=settings.password,
        # On loopback, and between pods of one cluster, compressing costs more than sending.
        compress=False,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        send_receive_timeout=int(COMMAND_TIMEOUT_SECONDS),
        client_name="turnout-telemetry",
    )


@asynccontextmanager
async def _failing(deadline_seconds: float) -> AsyncGenerator[None]:
    """Give what is inside a deadline and one kind of error."""
    import aiohttp
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        async with asyncio.timeout(deadline_seconds):
            yield
    except ClickHouseError as error:
        code: object = getattr(error, "code", None)
        raise WarehouseFailed(
            f"ClickHouse refused: {error}", code=code if isinstance(code, int) else 0
        ) from error
    except TimeoutError as error:
        raise WarehouseFailed(f"ClickHouse did not answer in {deadline_seconds} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise WarehouseFailed(
            f"ClickHouse cannot be reached ({type(error).__name__}: {error})"
        ) from error
