"""The part of chDB that we use, with types.

Rules: the library has no usable types, so this is the only module that touches it; nothing here
decides anything. A connection is cheap (0.3 ms) and holds settings, current database and temporary
tables of its own, which is why every query gets a new one: nothing can leak into the next.
Connections may be used from any thread, each by one at a time; they run in parallel.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode


class Result(Protocol):
    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def rows_written(self) -> int: ...
    def bytes_written(self) -> int: ...
    def elapsed(self) -> float: ...


class Chunks(Protocol):
    def fetch(self) -> Result | None: ...
    def cancel(self) -> None: ...


class Connection(Protocol):
    def query(
        self, query: str, output: str, /, params: Mapping[str, str] | None = ...
    ) -> Result: ...
    def send_query(
        self, query: str, output: str, /, params: Mapping[str, str] | None = ...
    ) -> Chunks: ...
    def close(self) -> None: ...


# What the library raises for an error of the engine: ChdbError derives from it.
EngineError = RuntimeError


def connect(path: str, server_settings: Mapping[str, str] | None = None) -> Connection:
    """Open a connection. The server settings of a process's first connection are in force."""
    module = importlib.import_module("chdb.state.sqlitelike")
    open_connection: Callable[[str], Connection] = module.connect
    return open_connection(f"{path}?{urlencode(server_settings)}" if server_settings else path)


def classify(connection: Connection, text: str) -> tuple[int, bool]:
    """The number of statements, and whether one acts on the server instead of on data."""
    raw: object = getattr(connection, "_conn")  # noqa: B009  (no public way to this one method)
    judge: Callable[[str], Mapping[str, object]] = getattr(raw, "classify_query")  # noqa: B009
    verdict = judge(text)
    count, kind = verdict["statement_count"], getattr(verdict["query_class"], "name", "")
    return (count if isinstance(count, int) else 0), kind not in ("READ_ONLY", "MUTATING")
