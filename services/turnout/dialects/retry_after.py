"""When a provider says to come back: the headers are the same in every dialect."""

import math
from collections.abc import Sequence
from email.utils import parsedate_to_datetime


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


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
