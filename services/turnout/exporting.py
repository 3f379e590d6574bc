"""`turnout export`: own requests and what came of them out of ClickHouse, as the tables that `turnout train`, `replay`
and `calibration` read. Nothing that anybody typed is in them.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from turnout import parts
from turnout.errors import InvalidRequest
from turnout.learn.own_tables import OwnRequest, own_tables
from turnout.settings import load
from turnout.warehousing import ask

MOST_REQUESTS: Final = 1_000_000
"""The newest; a thread that is cut at the front looks like a shorter one."""

OWN_REQUESTS: Final = """
SELECT
    r.tenant AS tenant,
    r.repository AS repository,
    r.harness AS harness,
    r.session AS session,
    r.thread AS thread,
    r.is_subagent AS is_subagent,
    d.task_kind AS task_kind,
    toUnixTimestamp64Micro(r.received_at) / 1e6 AS received_at,
    toUnixTimestamp64Micro(r.occurred_at) / 1e6 AS ended_at,
    r.served_model AS model,
    CAST(
        (r.fresh_input, r.cache_read, r.cache_write_5m, r.cache_write_1h, r.cache_write_other, r.output, r.reasoning),
        'Tuple(fresh_input Int64, cache_read Int64, cache_write_5m Int64, cache_write_1h Int64,
            cache_write_other Int64, output Int64, reasoning Int64)'
    ) AS usage,
    (r.usage_source = 'reported')::Bool AS is_reported,
    (r.finish_reason IN ('tool_use', 'tool_calls'))::Bool AS calls_tools,
    r.finish_reason AS finish_reason,
    d.step_tool_results AS step_tool_results,
    d.step_tool_errors AS step_tool_errors,
    d.kept_share AS kept_share,
    w.success AS success
FROM requests AS r
GLOBAL INNER JOIN decisions AS d ON d.request_id = r.request_id
GLOBAL LEFT JOIN
(
    SELECT session_hash, toNullable(success) AS success FROM session_success
) AS w ON w.session_hash = cityHash64(r.tenant, r.session)
WHERE r.outcome = 'answered' AND r.request_class IN ('main', 'subagent') AND NOT d.is_retry
    AND r.fresh_input IS NOT NULL AND r.output IS NOT NULL
    AND r.day >= today() - {days:UInt32} AND d.day >= today() - {days:UInt32} - 1
    AND ({tenant:String} = '' OR r.tenant = {tenant:String})
ORDER BY r.received_at DESC
LIMIT {most:UInt32}
FORMAT JSONEachRow
"""

_REQUEST: Final = msgspec.json.Decoder(OwnRequest)


def main(argv: Sequence[str]) -> int:
    told = _parser().parse_args(argv)
    settings = load()
    answer = asyncio.run(
        ask(
            settings,
            OWN_REQUESTS,
            {
                "param_days": str(told.days),
                "param_tenant": told.tenant,
                "param_most": str(MOST_REQUESTS),
                "output_format_json_quote_64bit_integers": "0",
            },
        )
    )
    requests, unread = _read(answer)
    if not requests:
        raise InvalidRequest(f"There are no answered requests of the last {told.days} days.")
    out: Path = told.out
    written = own_tables(requests, parts.catalog_of(settings))
    try:
        for table in written:
            table.write(out)
    except OSError as error:
        raise InvalidRequest(f"{out} cannot be written: {error.strerror}.") from error
    for table in written:
        sys.stdout.write(f"{out / table.name}.parquet: {table.rows:,} rows\n")
    if unread:
        sys.stdout.write(f"left out: {unread:,} requests that another version recorded\n")
    return 0


def _read(answer: str) -> tuple[list[OwnRequest], int]:
    """Requests, and how many lines have words that are not known here."""
    requests: list[OwnRequest] = []
    unread = 0
    for line in answer.splitlines():
        try:
            requests.append(_REQUEST.decode(line))
        except msgspec.ValidationError:
            unread += 1
    return requests, unread


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="turnout export", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory to write the tables to")
    parser.add_argument("--days", type=_days, default=30, help="default %(default)s")
    parser.add_argument("--tenant", default="", help="whose requests; default all")
    return parser


def _days(written: str) -> int:
    if not written.isascii() or not written.isdecimal() or not 0 < int(written) <= 36_500:
        raise argparse.ArgumentTypeError(f"{written!r} is no number of days, such as 30")
    return int(written)
