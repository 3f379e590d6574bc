"""Reading a request of ClickHouse's HTTP interface: who asks, what, and how to answer.

Rules: everything is checked before anything runs; what we do not serve is refused by name rather than
ignored, except for the parameters listed here, which are about transport and have nothing to change.
Sessions are not kept: `session_id` is accepted and every query starts from a clean state.
"""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from turnout.engines.clickhouse.outcome import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    READONLY,
    Access,
    Query,
    refused,
)
from turnout.engines.clickhouse.statement import split_statement

WRITER: Final = "telemetry"
_READERS: Final = ("", "default")
DEFAULT_FORMAT: Final = "TabSeparated"

# Parameters of the HTTP interface itself that are no settings.
_OURS: Final = frozenset({
    "query", "query_id", "database", "default_format", "user", "password", "quota_key", "role",
    "session_id", "session_timeout", "session_check", "stacktrace", "compress", "decompress",
    "client_protocol_version", "close_session", "product_name",
})  # fmt: skip
# Settings of ClickHouse that are about its HTTP server; ours does what they ask for anyway.
_TRANSPORT: Final = frozenset({
    "enable_http_compression", "http_zlib_compression_level", "wait_end_of_query", "buffer_size",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "add_http_cors_header",
    "cancel_http_readonly_queries_on_client_close", "http_write_exception_in_output_format",
    "http_response_buffer_size", "log_queries", "http_wait_end_of_query", "log_comment",
})  # fmt: skip
_SETTING_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_QUERY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_FORMAT_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of an HTTP request that matter here, decoded."""

    method: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes = b""


def foreign(headers: Mapping[str, str]) -> str | None:
    """Why a request may come from a web page instead of from this machine, or None.

    A page elsewhere can send requests to loopback, and with DNS rebinding read the answers: its
    requests carry its own Host, its Origin, or the browser's remark that they are cross-site.
    """
    if (urlsplit(f"//{headers.get('Host', '')}").hostname or "") not in _LOOPBACK:
        return "the Host header does not name this machine; use 127.0.0.1 or localhost"
    origin = headers.get("Origin")
    if origin is not None and (urlsplit(origin).hostname or "") not in _LOOPBACK:
        return "requests from web pages of other origins are not served"
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "requests that a web page of another origin causes are not served"
    return None


def access_of(request: Request, *, token: str) -> Access:
    user, password = _credentials(request)
    if user in _READERS and not password:
        return "reader"
    if user == WRITER and hmac.compare_digest(password.encode(), token.encode()):
        return "writer"
    raise refused(
        AUTHENTICATION_FAILED,
        f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
    )


def _credentials(request: Request) -> tuple[str, str]:
    headers, parameters = request.headers, request.parameters
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "basic":
            return scheme, credentials
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "?", "?"
        return user, password
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", ""), headers.get("X-ClickHouse-Key", "")
    return parameters.get("user", ""), parameters.get("password", "")


def query_id_of(request: Request) -> str:
    query_id = request.parameters.get("query_id") or request.headers.get("X-ClickHouse-Query-Id")
    if not query_id:
        return str(uuid.uuid4())
    if not _QUERY_ID.fullmatch(query_id):
        raise refused(BAD_ARGUMENTS, "query_id must be 1 to 128 visible ASCII characters.")
    return query_id


def query_of(
    request: Request, *, access: Access, query_id: str, default_database: str
) -> Query | None:
    """The query that a request holds, or None for an empty request."""
    parameters, headers = request.parameters, request.headers
    for name in ("compress", "decompress"):
        if parameters.get(name, "0") not in ("0", "false", ""):
            raise refused(
                NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's own block compression) is not served here;"
                " use Accept-Encoding and Content-Encoding with lz4, zstd or gzip.",
            )
    prefix = parameters.get("query", "").encode()
    whole = b"\n".join(part for part in (prefix, request.body) if part)
    if not whole.strip():
        return None
    parts = split_statement(whole)
    if request.method == "GET" and parts.data is not None:
        raise refused(READONLY, "Cannot execute query in readonly mode. Use POST to write.")
    default_format = parameters.get("default_format") or headers.get("X-ClickHouse-Format")
    if default_format and not _FORMAT_NAME.fullmatch(default_format):
        raise refused(BAD_ARGUMENTS, "default_format is not the name of a format.")
    try:
        text = parts.text.decode()
    except UnicodeDecodeError:
        raise refused(BAD_ARGUMENTS, "The query is not valid UTF-8.") from None
    return Query(
        text=text,
        access=access if request.method == "POST" else "reader",
        query_id=query_id,
        database=parameters.get("database")
        or headers.get("X-ClickHouse-Database")
        or default_database,
        default_format=default_format or DEFAULT_FORMAT,
        data=parts.data,
        data_format=parts.data_format,
        parameters=_bound(parameters),
        settings=_settings(parameters),
    )


def _bound(parameters: Mapping[str, str]) -> dict[str, str]:
    bound = {
        name.removeprefix("param_"): value
        for name, value in parameters.items()
        if name.startswith("param_")
    }
    for name in bound:
        if not _SETTING_NAME.fullmatch(name):
            raise refused(BAD_ARGUMENTS, "The name of a parameter must be an identifier.")
    return bound


def _settings(parameters: Mapping[str, str]) -> dict[str, str]:
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in _OURS and name not in _TRANSPORT and not name.startswith("param_")
    }
    for name in settings:
        if not _SETTING_NAME.fullmatch(name):
            raise refused(BAD_ARGUMENTS, "The name of a setting must be an identifier.")
    return settings
