"""When to come back: what a provider says of it, and what clients are told, alike in every dialect."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from turnout.errors import ErrorKind, RateLimited, TurnoutError
from turnout.refusals import DURATION, Limit, Refusals, ResetForm

MAX_RETRY_AFTER_SECONDS: Final = 60
"""Claude Code honours 60 s and fails at once on 80 s (measured), SDKs on more than a minute."""

DEFAULT_RETRY_AFTER_SECONDS: Final = 5
"""When nobody said: long enough for a burst to pass, short enough for a user to wait."""

COME_BACK: Final[frozenset[ErrorKind]] = frozenset({"rate_limited", "overloaded", "unavailable"})
"""Whose clients are told when."""

CREDENTIAL_STATUSES: Final = frozenset({401, 402, 403})
"""A caller's own credential was passed through and refused, or ours is wrong: the caller must see it,
and retrying helps nobody."""

_UNIT_SECONDS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")


def read_retry_after(headers: Sequence[tuple[str, str]], *, now: float) -> float | None:
    """Seconds until it makes sense to try again: in milliseconds, in seconds or as a date."""
    values = {name.lower(): value.strip() for name, value in headers}
    milliseconds = _number(values.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1_000
    text = values.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def come_back_in(
    kind: type[TurnoutError],
    message: str,
    headers: Sequence[tuple[str, str]],
    refusals: Refusals,
    *,
    now: float,
) -> float | None:
    """Seconds until it makes sense to try again: as the provider says it, in a header or in its
    sentence; else when the limits that are used up are whole again.
    """
    told = read_retry_after(headers, now=now)
    if told is None:
        told = _in_sentence(message, refusals)
    if told is None and issubclass(kind, RateLimited):
        values = {name.lower(): value.strip() for name, value in headers}
        told = when_whole(values, refusals.limits, now=now)
    return told


def _in_sentence(message: str, refusals: Refusals) -> float | None:
    for pattern in refusals.retry_sentences:
        found = re.search(pattern, message, re.IGNORECASE)
        if found is not None:
            return read_reset(found[1], "duration", now=0.0)
    return None


def when_whole(headers: Mapping[str, str], limits: Sequence[Limit], *, now: float) -> float | None:
    """Seconds until all limits that are used up are whole again; None where none says so. An answer that
    was the last one allowed says it before the next call is refused. Names are in lower case.
    """
    waits = [
        read_reset(headers.get(limit.reset, ""), limit.form, now=now)
        for limit in limits
        if (remaining := headers.get(limit.remaining)) is not None and _number(remaining) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def read_reset(text: str, form: ResetForm, *, now: float) -> float | None:
    """Seconds from `now`, never less than none; None for what has not this form."""
    match form:
        case "duration":
            return _duration(text)
        case "epoch_milliseconds":
            at = _number(text)
            return None if at is None else max(0.0, at / 1_000 - now)
        case "iso":
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return None
            return None if moment.tzinfo is None else max(0.0, moment.timestamp() - now)


def _duration(text: str) -> float | None:
    if re.fullmatch(DURATION, text) is None:
        return _number(text)
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PARTS.findall(text))


def retry_after_of(error: TurnoutError) -> int:
    """Whole seconds for a client, at least one and at most a minute."""
    seconds = error.retry_after_seconds
    if seconds is None or not math.isfinite(seconds):
        return DEFAULT_RETRY_AFTER_SECONDS
    return min(max(1, math.ceil(seconds)), MAX_RETRY_AFTER_SECONDS)


def retry_headers(error: TurnoutError, status: int) -> Iterator[tuple[str, str]]:
    """Of the answer with that status: when to come back, or that it is of no use."""
    if error.kind in COME_BACK:
        yield "retry-after", str(retry_after_of(error))
    if status in CREDENTIAL_STATUSES:
        yield "x-should-retry", "false"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
