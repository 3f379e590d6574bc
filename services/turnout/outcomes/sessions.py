"""Runs of agents as the facts know them, to match commits that name no session.

Rules: sessions are read from ClickHouse over HTTP, only those whose requests were tagged with a
branch. A commit is of the session that was at work on its branch (and repository) when it was
written; where two were, of the one that began last.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from turnout.errors import Unavailable
from turnout.outcomes.report import check_url

QUERY_SECONDS: Final = 60.0

MOST_SESSIONS: Final = 100_000
"""A month of a large team is below it."""

GRACE_SECONDS: Final = 1_800.0
"""People look at the work before they commit it."""

_QUERY: Final = """
SELECT session, repository, branch,
    toUnixTimestamp(min(received_at)) AS started_at, toUnixTimestamp(max(occurred_at)) AS ended_at
FROM requests
WHERE branch != '' AND session != '' AND received_at >= fromUnixTimestamp({since:Int64})
GROUP BY session, repository, branch
ORDER BY started_at DESC
LIMIT {most:Int64}
FORMAT JSONEachRow
"""


class Session(msgspec.Struct, frozen=True, gc=False):
    """One run of an agent on one branch; times in unix seconds."""

    session: str
    repository: str
    branch: str
    started_at: float
    ended_at: float


def session_at(sessions: Sequence[Session], *, repository: str, branch: str, at: float) -> str:
    """The session that was at work there then, "" when none was."""
    found = [
        one
        for one in sessions
        if one.branch == branch
        and (not repository or one.repository in ("", repository))
        and one.started_at <= at <= one.ended_at + GRACE_SECONDS
    ]
    return max(found, key=lambda one: one.started_at).session if found else ""


def read_sessions(url: str, *, database: str, since: float) -> tuple[Session, ...]:
    """The sessions since then. Raises `Unavailable` when ClickHouse does not answer."""
    check_url("--clickhouse", url)
    host = urlsplit(url).hostname
    try:
        answer = httpx.post(
            url,
            params={
                "database": database,
                "param_since": str(int(since)),
                "param_most": str(MOST_SESSIONS),
            },
            content=_QUERY,
            timeout=QUERY_SECONDS,
        )
    except httpx.HTTPError as reason:
        raise Unavailable(
            f"No ClickHouse answers at {host}: {reason or type(reason).__name__}"
        ) from None
    if answer.is_error:
        raise Unavailable(f"ClickHouse said {answer.status_code}: {answer.text[:300].strip()}")
    decoder = msgspec.json.Decoder(Session)
    try:
        return tuple(decoder.decode(line) for line in answer.content.splitlines() if line)
    except msgspec.MsgspecError as reason:
        raise Unavailable(f"{host} gave no sessions: {reason}") from None
