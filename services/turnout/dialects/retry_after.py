"""When to come back: what a provider says of it, and what clients are told, alike in every dialect."""

import math
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from turnout.errors import TurnoutError

MAX_RETRY_AFTER_SECONDS: Final = 60
"""Claude Code honours 60 s and fails at once on 80 s (measured), SDKs on more than a minute."""

DEFAULT_RETRY_AFTER_SECONDS: Final = 5
"""When nobody said: long enough for a burst to pass, short enough for a user to wait."""


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


def retry_after_of(error: TurnoutError) -> int:
    """Whole seconds for a client, at least one and at most a minute."""
    seconds = error.retry_after_seconds
    if seconds is None or not math.isfinite(seconds):
        return DEFAULT_RETRY_AFTER_SECONDS
    return min(max(1, math.ceil(seconds)), MAX_RETRY_AFTER_SECONDS)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
