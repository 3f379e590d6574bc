"""Outcomes as `POST /v1/outcomes` takes them, and sending them.

Rules: a report has ids, counts, names of branches and times, and no field for anything else. Ids are
made of the repository and the change, so that telling again counts once and newer figures replace
older ones. Batches are bounded; the first one that is refused ends the run with what the answer said.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from turnout.errors import InvalidRequest, Unavailable
from turnout.facts import OutcomeKind

BATCH: Final = 500
"""Outcomes in one call; the ingress takes 1,000."""

SEND_SECONDS: Final = 30.0


class Report(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One outcome; the fields of `POST /v1/outcomes` that this program fills."""

    id: str
    kind: OutcomeKind
    session: str = ""
    repository: str = ""
    branch: str = ""
    commit: str = ""
    label: str = ""
    tests_passed: int | None = None
    tests_failed: int | None = None
    lines_kept: int | None = None
    lines_changed: int | None = None
    lines_written: int | None = None
    after_seconds: float | None = None
    source: str = ""
    occurred_at: str = ""


def stable_id(source: str, what: str, *parts: str) -> str:
    """The same for the same parts; says nothing of them."""
    lengths = ",".join(str(len(part)) for part in parts)
    told = "".join((lengths, ";", *parts)).encode("utf-8", "surrogatepass")
    return f"{source}-{blake2b(told, digest_size=16).hexdigest()}-{what}"


def moment(seconds: float) -> str:
    """A time as the endpoint takes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def show(reports: Iterable[Report]) -> None:
    """Print what would be sent, one JSON object a line."""
    for report in reports:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")


def check_url(option: str, url: str) -> None:
    """Raises `InvalidRequest` naming the option when it is no address of a server."""
    try:
        where = urlsplit(url)
        is_good = where.scheme in ("http", "https") and bool(where.hostname) and where.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidRequest(f"{option} {url!r} is no URL; http://127.0.0.1:8080 is one")


def send(reports: Sequence[Report], *, url: str, key: str) -> int:
    """Send everything; answers how many calls it took.

    Raises `InvalidRequest` when the router refuses, `Unavailable` when it does not answer.
    """
    check_url("--url", url)
    headers = {"content-type": "application/json"} | ({"x-turnout-key": key} if key else {})
    calls = 0
    with httpx.Client(base_url=url, headers=headers, timeout=SEND_SECONDS) as client:
        for first in range(0, len(reports), BATCH):
            _send_batch(client, reports[first : first + BATCH])
            calls += 1
    return calls


def _send_batch(client: httpx.Client, batch: Sequence[Report]) -> None:
    try:
        answer = client.post("/v1/outcomes", content=msgspec.json.encode(batch))
    except httpx.TransportError as reason:
        said = str(reason) or type(reason).__name__
        raise Unavailable(f"No Turnout answers at {client.base_url}: {said}") from None
    if answer.is_success:
        return
    said = f"{answer.status_code}: {_message(answer)}"
    if answer.is_server_error:
        raise Unavailable(f"{client.base_url} takes no outcomes now, {said}")
    raise InvalidRequest(f"{client.base_url} refused the outcomes, {said}")


class _Told(msgspec.Struct):
    message: str = ""


class _Error(msgspec.Struct):
    error: _Told


def _message(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=_Error).error.message
    except msgspec.MsgspecError:
        return answer.text[:200].strip()
