"""The fields of an account's record, and of what a tenant's reads have cost.

Rules: those of `records`. An account is a head that every prompt has; `quota:` in its record holds the windows
of its subscription, as the newest answer told them. What a tenant's reads have cost on a day is a record of
its own: the amount of each read by its id, and their sum in `spent`. An amount replaces the one before, so
that saying it again changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Final

from turnout.policy.quota import Quota, QuotaWindow
from turnout.session_cache_tracker.records import WITHIN_FIELD, milliseconds, sent_ms_of

SECONDS_A_DAY: Final = 86_400
NANODOLLARS: Final = 1_000_000_000
SPENT_LIFETIME_MS: Final = 48 * 3_600_000
"""A day, and a read that is settled after midnight."""


def quota_text(version: str, windows: Iterable[QuotaWindow]) -> str:
    told = [
        f"{one.used_share:.6f} {one.seconds:.0f} {milliseconds(one.resets_at)}" for one in windows
    ]
    return WITHIN_FIELD.join((version, *told))


def quotas_of(record: Mapping[str, str]) -> Iterator[Quota]:
    """Seen when the request was sent whose answer told them."""
    for field, text in record.items():
        if field.startswith("quota:"):
            version, *told = text.split(WITHIN_FIELD)
            yield Quota(
                way=field[len("quota:") :],
                seen_at=sent_ms_of(version) / 1_000,
                windows=tuple([_window_of(words.split(" ")) for words in told]),
            )


def _window_of(words: Sequence[str]) -> QuotaWindow:
    used, seconds, resets_ms = words
    return QuotaWindow(float(used), float(seconds), int(resets_ms) / 1_000)


def spent_key(tenant: str, now: float) -> str:
    """The record of what a tenant's reads cost on the day of `now`, UTC."""
    return f"{int(now // SECONDS_A_DAY)}:{tenant}"


def nanodollars(usd: float) -> int:
    """Whole ones, so that sums are exact and a price is never rounded down."""
    return ceil(usd * NANODOLLARS)
