"""The owner of the ClickHouse data: runs one query at a time per thread, under its limits.

Rules: blocking, to be called from worker threads; it knows nothing of HTTP. Every query runs on a
connection of its own (see `library`), is judged by `guard` before it runs, and carries its id in
`log_comment`, by which it can be killed. One process owns a path; the engine locks it.

What an acknowledged insert means: it has been handed to the kernel, so it survives a kill of this
process at any moment; fsync is ClickHouse's default, that is, left to the kernel, so a power failure
may lose the last seconds. The spool before us is what answers for those.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.engines.clickhouse.guard import Surface, format_of, parse_tree, refusal, surface
from turnout.engines.clickhouse.library import (
    Chunks,
    Connection,
    EngineError,
    Result,
    classify,
    connect,
)
from turnout.engines.clickhouse.outcome import (
    QUERY_NOT_ALLOWED,
    READONLY,
    SYNTAX_ERROR,
    Access,
    Counts,
    Query,
    failed,
    refused,
)
from turnout.engines.clickhouse.statement import quoted, quoted_name

DATABASE: Final = "turnout"

_MIB: Final = 1024 * 1024

# Queries, merges and view refreshes together may allocate this much; what would exceed it fails with
# MEMORY_LIMIT_EXCEEDED (241). The process is larger by what it takes at rest. Measured resident with
# chDB 26.9: 320 MiB at rest (95 of it not the library's own pages), 355 MiB after 50 inserts of 1,000
# rows and a result of a million, 1,030 MiB at most under five queries that want all they can get.
SERVER_MEMORY_BYTES: Final = 512 * _MIB
READER_MEMORY_BYTES: Final = 320 * _MIB
WRITER_MEMORY_BYTES: Final = 320 * _MIB
# From here on a GROUP BY goes on on disk: a query over more sessions than fit takes longer instead of
# failing. Half of what a reader has, because its tables double; the queries of the product over ten
# million requests stay just below.
SPILL_BYTES: Final = 160 * _MIB
# The defaults are 5 GiB each; our data has some thousand marks.
CACHE_BYTES: Final = 16 * _MIB
READER_SECONDS: Final = 30
WRITER_SECONDS: Final = 120
# A streamed result takes no memory to speak of; one in a format with head and foot is built whole.
STREAMED_RESULT_BYTES: Final = 1024 * _MIB
WHOLE_RESULT_BYTES: Final = 64 * _MIB

# Formats whose parts, one after the other, are the whole. The others repeat a header per part.
_STREAMABLE: Final = frozenset({
    "Native", "RowBinary", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV",
    "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow", "JSONStringsEachRow", "LineAsString",
})  # fmt: skip

# VALUES with expressions would evaluate, unjudged, what the guard refuses elsewhere; literals remain.
# A SETTINGS clause in the statement would switch expressions on again.
_SETTINGS_CLAUSE: Final = re.compile(r"\bSETTINGS\b", re.IGNORECASE)
_LITERAL_VALUES: Final = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}

# What a reader may change: how its answer looks. All else is `readonly`.
_READER_SETTINGS: Final = ("output_format_", "date_time_output_format", "session_timezone")


@dataclass(slots=True, eq=False)
class Answer:
    """The result of a query, whole or still coming. Whoever holds one closes it."""

    format: str
    has_result: bool
    counts: Counts
    head: bytes
    _connection: Connection
    _chunks: Chunks | None

    def fetch(self) -> bytes:
        """The next part; empty at the end."""
        if self._chunks is None:
            return b""
        try:
            chunk = self._chunks.fetch()
        except EngineError as error:
            self._chunks = None
            raise failed(str(error)) from error
        if chunk is None:
            self._chunks = None
            return b""
        self.counts = self.counts.plus(_counts(chunk))
        return chunk.bytes()

    def close(self) -> None:
        try:
            if self._chunks is not None:
                self._chunks.cancel()
        except EngineError:
            pass  # The query had ended on its own, and nobody is left to hear why.
        finally:
            self._chunks = None
            self._connection.close()


class Engine:
    """The open database. `open_engine` makes one."""

    def __init__(self, path: str, anchor: Connection) -> None:
        self._path = path
        # The engine shuts down with its last connection; this one keeps it up between queries.
        self._anchor = anchor
        self.version = _text(anchor, "SELECT version()")
        self.timezone = _text(anchor, "SELECT timezone()")
        self._surface: Surface = surface(
            table_functions=_text(anchor, "SELECT name FROM system.table_functions").split("\n"),
            functions=_text(anchor, "SELECT name FROM system.functions").split("\n"),
        )

    def run(self, query: Query) -> Answer:
        """Judge and start a query; a small result comes whole with the answer."""
        connection = connect(self._path)
        try:
            return self._run(connection, query)
        except EngineError as error:
            connection.close()
            raise failed(str(error)) from error
        except BaseException:
            connection.close()
            raise

    def kill(self, query_id: str) -> None:
        """Stop a query; its own call then raises. Does nothing when there is none."""
        connection = connect(self._path)
        try:
            _do(
                connection,
                f"KILL QUERY WHERE Settings['log_comment'] = {quoted(query_id)} ASYNC",
            )
        except EngineError as error:
            raise failed(str(error)) from error
        finally:
            connection.close()

    def release_memory(self) -> None:
        """Give what the allocator keeps for later back to the kernel; it does not by itself."""
        connection = connect(self._path)
        try:
            _do(connection, "SYSTEM JEMALLOC PURGE")
        except EngineError as error:
            raise failed(str(error)) from error
        finally:
            connection.close()

    def close(self) -> None:
        self._anchor.close()

    def _run(self, connection: Connection, query: Query) -> Answer:
        nature = self._judge(query)
        if query.data_format.lower() == "values" and _SETTINGS_CLAUSE.search(query.text):
            raise refused(
                QUERY_NOT_ALLOWED, "SETTINGS before VALUES are not served; put them into the URL."
            )
        _do(connection, f"USE {quoted_name(query.database)}")
        _set(connection, _limits(query, is_streamed=nature.is_streamed))
        parameters = dict(query.parameters or {})
        chunks, head, counts = None, b"", Counts()
        if query.data is not None:
            _set(connection, {f"param_{name}": value for name, value in parameters.items()})
            counts = _insert(connection, query, query.data, directory=self._path)
        elif nature.is_streamed:
            chunks = connection.send_query(query.text, query.default_format, params=parameters)
        else:
            result = connection.query(query.text, query.default_format, params=parameters)
            head, counts = result.bytes(), _counts(result)
        answer = Answer(nature.format, nature.has_result, counts, head, connection, chunks)
        if chunks is not None:
            answer.head = answer.fetch()
        return answer

    def _judge(self, query: Query) -> "_Nature":
        """Refuse the query or say what it is, on a connection that cannot change anything."""
        text = query.text
        if query.data is not None:
            text = f"{query.text} FORMAT {query.data_format}"
        connection = connect(self._path)
        try:
            statements, is_control = classify(connection, text)
            # Before anything else: the engine would run the second of two statements below.
            if statements > 1:
                raise refused(SYNTAX_ERROR, "Syntax error: only one statement per request.")
            # Implied SELECT would read `a = 1` as SELECT a = 1, and as an option of our EXPLAIN.
            _set(connection, {"implicit_select": "0", "readonly": "1"})
            tree = parse_tree(
                connection.query(f"EXPLAIN AST {text}", "TSVRaw", params=query.parameters or {})
                .bytes()
                .decode(errors="replace")
            )
        finally:
            connection.close()
        reason = refusal(
            tree, text=text, is_control=is_control, access=query.access, surface=self._surface
        )
        if reason is not None:
            raise refused(READONLY if query.access == "reader" else QUERY_NOT_ALLOWED, reason)
        kind = tree[0].kind
        result_format = format_of(tree, default=query.default_format)
        return _Nature(
            format=result_format,
            has_result=kind.startswith(
                ("Select", "Show", "Describe", "Explain", "Exists", "Check")
            ),
            is_streamed=kind.startswith("Select") and result_format in _STREAMABLE,
        )


@dataclass(frozen=True, slots=True)
class _Nature:
    format: str
    has_result: bool
    is_streamed: bool


def open_engine(path: Path, *, memory_bytes: int = SERVER_MEMORY_BYTES) -> Engine:
    """Open or create the data below `path` with the database `turnout`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    anchor = connect(
        str(path),
        {
            "max_server_memory_usage": str(memory_bytes),
            "mark_cache_size": str(CACHE_BYTES),
            "primary_index_cache_size": str(CACHE_BYTES),
            "index_mark_cache_size": str(CACHE_BYTES),
            "query_condition_cache_size": str(CACHE_BYTES),
        },
    )
    _do(anchor, f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    return Engine(str(path), anchor)


def _do(connection: Connection, statement: str) -> None:
    connection.query(statement, "Null")


def _text(connection: Connection, query: str) -> str:
    return connection.query(query, "TSVRaw").bytes().decode().strip()


def _limits(query: Query, *, is_streamed: bool) -> dict[str, str]:
    is_reader = query.access == "reader"
    limits = {
        "log_comment": query.query_id,
        # Clients read it from system.settings and then ask for compressed answers.
        "enable_http_compression": "1",
        "allow_introspection_functions": "0",
        "implicit_select": "0",
        "max_threads": "2",
        "max_memory_usage": str(READER_MEMORY_BYTES if is_reader else WRITER_MEMORY_BYTES),
        "max_bytes_before_external_group_by": str(SPILL_BYTES),
        "max_execution_time": str(READER_SECONDS if is_reader else WRITER_SECONDS),
        "max_result_bytes": str(STREAMED_RESULT_BYTES if is_streamed else WHOLE_RESULT_BYTES),
        "result_overflow_mode": "throw",
    }
    if is_reader:
        limits["readonly"] = "1"
    return {**limits, **_asked(query.access, query.settings or {}), **_LITERAL_VALUES}


def _asked(access: Access, settings: Mapping[str, str]) -> dict[str, str]:
    if access == "writer":
        return dict(settings)
    asked: dict[str, str] = {}
    for name, value in settings.items():
        if name.startswith(_READER_SETTINGS):
            asked[name] = value
        elif name == "max_execution_time" and value.isdecimal():
            # HTTP clients pass their own deadline this way; one of ours may only get shorter.
            asked[name] = str(min(int(value) or READER_SECONDS, READER_SECONDS))
        elif not (name == "readonly" and value in ("1", "2")):  # they ask for less than they get
            raise refused(READONLY, f"Cannot modify '{name}' setting in readonly mode.")
    return asked


def _set(connection: Connection, settings: Mapping[str, str]) -> None:
    if settings:
        pairs = (f"{quoted_name(name)} = {quoted(value)}" for name, value in settings.items())
        _do(connection, "SET " + ", ".join(pairs))


def _insert(connection: Connection, query: Query, data: bytes, *, directory: str) -> Counts:
    """Insert from a file without a name. The library's own way to hand over data
    (`send_insert`, chDB 26.9) says that all is written when the memory limit has undone it.
    """
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(data)
        file.flush()
        file.seek(0)
        # It would have to come before a SETTINGS clause; judging has refused those.
        source = f"FROM INFILE '/dev/fd/{file.fileno()}' COMPRESSION 'none'"
        statement = f"{query.text}\n{source} FORMAT {query.data_format}"
        return _counts(connection.query(statement, "Null"))


def _counts(result: Result) -> Counts:
    return Counts(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
