"""What is asked of the embedded ClickHouse and what comes of it, as data.

Rules: an error carries ClickHouse's own code, since clients decide by it; HTTP is not known here
except for the status that ClickHouse itself would answer with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

# Who asks: anybody on this machine, or the telemetry service with its token.
Access: TypeAlias = Literal["reader", "writer"]

# ClickHouse error codes that we raise ourselves (src/Common/ErrorCodes.cpp).
BAD_ARGUMENTS: Final = 36
NOT_IMPLEMENTED: Final = 48
SYNTAX_ERROR: Final = 62
QUERY_IS_TOO_LARGE: Final = 154
TIMEOUT_EXCEEDED: Final = 159
READONLY: Final = 164
REQUIRED_PASSWORD: Final = 194
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: Final = 216
ABORTED: Final = 236
QUERY_NOT_ALLOWED: Final = 392
QUERY_WAS_CANCELLED: Final = 394
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
UNKNOWN_EXCEPTION: Final = 1002

_NAMES: Final = {
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    TIMEOUT_EXCEEDED: "TIMEOUT_EXCEEDED",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
    ABORTED: "ABORTED",
    QUERY_NOT_ALLOWED: "QUERY_NOT_ALLOWED",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

# The statuses of ClickHouse's own HTTP interface (exceptionCodeToHTTPStatus.cpp); the rest is 500.
# 202 is 500 there too; we say 503 because clients, clickhouse-connect among them, try again on it.
_STATUSES: Final = {
    **dict.fromkeys((6, 25, 26, 27, 36, 38, 41, 53, 56, 62, 72, 117, 167, 168, 441, 457), 400),
    **dict.fromkeys((46, 47, 50, 60, 63, 73, 78, 81, 115, 336), 404),
    REQUIRED_PASSWORD: 401,
    **dict.fromkeys((192, 193, ACCESS_DENIED, AUTHENTICATION_FAILED), 403),
    QUERY_IS_TOO_LARGE: 413,
    TIMEOUT_EXCEEDED: 408,
    NOT_IMPLEMENTED: 501,
    **dict.fromkeys((TOO_MANY_SIMULTANEOUS_QUERIES, ABORTED, 209), 503),
}

_CODE = re.compile(r"Code: (\d+)\. ")


class QueryFailed(Exception):
    """A query that ClickHouse, or we in its place, refuse or cannot finish."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        return _STATUSES.get(self.code, 500)


def refused(code: int, reason: str) -> QueryFailed:
    """An error of ours in ClickHouse's wording, which clients parse for code and name."""
    return QueryFailed(code, f"Code: {code}. DB::Exception: {reason} ({_NAMES[code]})")


def failed(text: str) -> QueryFailed:
    """An error of the engine, whose text may have words of the library around it."""
    found = _CODE.search(text)
    if found is None:
        return refused(UNKNOWN_EXCEPTION, text.strip() or "the engine gave no reason")
    return QueryFailed(int(found[1]), text[found.start() :].strip())


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    access: Access
    query_id: str
    database: str
    default_format: str
    data: bytes | None = None
    """What an INSERT inserts; then `text` is the statement without its FORMAT clause."""
    data_format: str = ""
    parameters: Mapping[str, str] | None = None
    settings: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0

    def plus(self, other: "Counts") -> "Counts":
        return Counts(
            read_rows=self.read_rows + other.read_rows,
            read_bytes=self.read_bytes + other.read_bytes,
            written_rows=self.written_rows + other.written_rows,
            written_bytes=self.written_bytes + other.written_bytes,
            elapsed_ns=max(self.elapsed_ns, other.elapsed_ns),
        )
