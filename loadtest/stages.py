"""Where the time of requests went, stage by stage, as Turnout's own facts in ClickHouse say it.

The tables are read over HTTP, so that it is the same for one process, for five and for a cluster.
"""

import time
from dataclasses import dataclass

import httpx
import msgspec

QUERY_SECONDS = 30.0
ARRIVE_SECONDS = 60.0
POLL_SECONDS = 0.25

COUNT = """
SELECT count() AS requests, countIf(notEmpty(degraded)) AS degraded
FROM requests WHERE ticket = {ticket:String}
"""

STAGES = """
WITH
    mine AS (
        SELECT request_id, route_seconds, first_content_seconds, duration_seconds
        FROM requests WHERE ticket = {ticket:String} AND outcome = 'answered'
    ),
    decided AS (
        SELECT request_id, look_seconds, embed_seconds, decide_seconds
        FROM decisions WHERE request_id IN (SELECT request_id FROM mine)
    ),
    called AS (
        SELECT request_id, a.first_content_seconds AS upstream_seconds
        FROM attempts AS a
        WHERE outcome = 'answered' AND request_id IN (SELECT request_id FROM mine)
    ),
    timed AS (
        SELECT request_id, arrayJoin([
            ('1 route, as the ingress waits for it', m.route_seconds),
            ('2   of it: look at the thread (tracker)', d.look_seconds),
            ('3   of it: embed the text', d.embed_seconds),
            ('4   of it: decide (policy)', d.decide_seconds),
            ('5 upstream, from sending to first content', c.upstream_seconds),
            ('6 all of Turnout before first content',
             m.first_content_seconds - c.upstream_seconds),
            ('7 request, from arrival to first content', m.first_content_seconds),
            ('8 request, from arrival to last byte', m.duration_seconds)
        ]) AS pair
        FROM mine AS m
        JOIN called AS c ON c.request_id = m.request_id
        JOIN decided AS d ON d.request_id = m.request_id
    )
SELECT
    substring(pair.1, 3) AS stage,
    count() AS requests,
    quantileExact(0.5)(pair.2) * 1000 AS p50_ms,
    quantileExact(0.95)(pair.2) * 1000 AS p95_ms,
    quantileExact(0.99)(pair.2) * 1000 AS p99_ms
FROM timed
WHERE pair.2 IS NOT NULL
GROUP BY pair.1
ORDER BY pair.1
"""


class NoFigures(Exception):
    """ClickHouse cannot be asked; the message says why."""


class Stage(msgspec.Struct, frozen=True):
    """Milliseconds of one stage."""

    stage: str
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Rows(msgspec.Struct, frozen=True):
    """Requests that have arrived; `degraded` were decided with a part of Turnout missing or late."""

    requests: int
    degraded: int


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The tables of one target, restricted to a run by its ticket tag."""

    url: str
    ticket: str
    database: str = "turnout"

    def wait_for(self, requests: int) -> Rows:
        """Wait until that many rows are there, or long enough; what is there."""
        due = time.monotonic() + ARRIVE_SECONDS
        found = self._count()
        while found.requests < requests and time.monotonic() < due:
            time.sleep(POLL_SECONDS)
            found = self._count()
        return found

    def stages(self) -> list[Stage]:
        lines = self.ask(STAGES).splitlines()
        return [msgspec.json.decode(line, type=Stage) for line in lines if line]

    def _count(self) -> Rows:
        return msgspec.json.decode(self.ask(COUNT), type=Rows)

    def ask(self, sql: str) -> bytes:
        """One JSON object a line. Raises `NoFigures`."""
        params = {
            "database": self.database,
            "param_ticket": self.ticket,
            "default_format": "JSONEachRow",
            "output_format_json_quote_64bit_integers": "0",
        }
        try:
            answer = httpx.post(
                self.url, params=params, content=sql, timeout=QUERY_SECONDS, trust_env=False
            )
        except httpx.TransportError as reason:
            raise NoFigures(f"No ClickHouse answers at {self.url}: {reason}") from None
        if answer.is_error:
            raise NoFigures(f"ClickHouse said {answer.status_code}: {answer.text[:300]}")
        return answer.content
