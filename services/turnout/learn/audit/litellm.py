"""Spend logs of a LiteLLM proxy, exported as CSV or JSON.

Read from LiteLLM's `LiteLLM_SpendLogs` (schema and `spend_tracking_utils.py` in github.com/BerriAI/litellm).
A row is a call; what was cached stands in `metadata`. `prompt_tokens` hold what was cached, except in rows of
Anthropic's own API in some versions, where they can be too few to. Rows name no threads: a session is taken
for one, a row without a session for a session of its own.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from turnout.dialects.usage import Usage
from turnout.learn.audit.call import Call, Tokens, Unread, Usd, unix_seconds, usage_with_writes
from turnout.learn.audit.files import LONGEST, decoded, whole

AGENT: Final = "litellm"


class _Written(msgspec.Struct):
    ephemeral_5m_input_tokens: Tokens | None = None
    ephemeral_1h_input_tokens: Tokens | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: Tokens | None = None
    cache_creation_tokens: Tokens | None = None
    cache_creation_token_details: _Written | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: Tokens | None = None


class _Usage(msgspec.Struct):
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None


class _Metadata(msgspec.Struct):
    usage_object: _Usage | None = None
    additional_usage_values: _Usage | None = None


class _Row(msgspec.Struct):
    request_id: str | None = None
    session_id: str | None = None
    call_type: str | None = None
    model: str | None = None
    started: str | None = msgspec.field(default=None, name="startTime")
    ended: str | None = msgspec.field(default=None, name="endTime")
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    spend: Usd | None = None
    cache_hit: str | bool | None = None
    metadata: msgspec.Raw = msgspec.Raw()


class _Rows(msgspec.Struct):
    """How the proxy's own pages answer."""

    data: list[msgspec.Raw]


_ROW: Final = msgspec.json.Decoder(_Row, strict=False)
_ROWS: Final[msgspec.json.Decoder[list[msgspec.Raw] | _Rows]] = msgspec.json.Decoder(
    list[msgspec.Raw] | _Rows
)
_METADATA: Final = msgspec.json.Decoder(_Metadata | None)
_QUOTED: Final = msgspec.json.Decoder(str)


def takes(path: Path) -> bool:
    return path.suffix in (".csv", ".json")


def read(path: Path, unread: Unread) -> Iterator[Call]:
    for row in _rows(path, unread):
        told = decoded(row, _ROW, unread, what="rows")
        call = None if told is None else _call(told, unread)
        if call is not None:
            yield call


def _rows(path: Path, unread: Unread) -> Iterable[bytes | msgspec.Raw]:
    if path.suffix == ".csv":
        return _csv_rows(path, unread)
    data = whole(path, unread)
    found = (decoded(data, _ROWS, unread, what="files") if data else None) or []
    return found.data if isinstance(found, _Rows) else found


def _csv_rows(path: Path, unread: Unread) -> Iterator[bytes]:
    # Rows may hold whole prompts, which are longer than the module's own limit.
    csv.field_size_limit(LONGEST)
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                yield msgspec.json.encode({name: row[name] for name in _NAMES if row.get(name)})
    except OSError:
        unread["files that cannot be read"] += 1
    except csv.Error:
        unread["files that are no CSV to their end"] += 1


_NAMES: Final = tuple(field.encode_name for field in structs.fields(_Row))


def _call(row: _Row, unread: Unread) -> Call | None:
    if str(row.cache_hit).lower() == "true":
        # Answered by the proxy itself, at no cost.
        return None
    begun = unix_seconds(row.started or "")
    if not row.model or begun is None or not (row.prompt_tokens or row.completion_tokens):
        unread["rows without usage, model or time"] += 1
        return None
    id_ = row.request_id or ""
    return Call(
        agent=AGENT,
        repo=AGENT,
        session=row.session_id or id_,
        begun=begun,
        ended=max(begun, unix_seconds(row.ended or "") or begun),
        model=row.model,
        usage=_usage(row, unread),
        usd_reported=row.spend,
        message=id_,
    )


def _usage(row: _Row, unread: Unread) -> Usage:
    cached = _cached(row.metadata, unread)
    details = cached.prompt_tokens_details or _PromptDetails()
    split = details.cache_creation_token_details or _Written()
    prompt, output = row.prompt_tokens or 0, row.completion_tokens or 0
    read = cached.cache_read_input_tokens or details.cached_tokens or 0
    written = cached.cache_creation_input_tokens or details.cache_creation_tokens or 0
    hour = min(written, split.ephemeral_1h_input_tokens or 0)
    reasoning = (cached.completion_tokens_details or _OutputDetails()).reasoning_tokens or 0
    usage = usage_with_writes(
        row.model or "",
        fresh=prompt - read - written if prompt >= read + written else prompt,
        read=read,
        written=written - hour,
        output=output,
        reasoning=min(reasoning, output),
    )
    return structs.replace(usage, cache_write_1h=hour)


def _cached(metadata: msgspec.Raw, unread: Unread) -> _Usage:
    """What the provider's usage says beside the sums."""
    text: bytes | msgspec.Raw = metadata
    if bytes(text).startswith(b'"'):
        # JSON within JSON, as the proxy stores it.
        text = (decoded(text, _QUOTED, unread, what="rows") or "").encode(errors="replace")
    found = (decoded(text, _METADATA, unread, what="rows") if text else None) or _Metadata()
    return found.usage_object or found.additional_usage_values or _Usage()
