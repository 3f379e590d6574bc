"""What the headers of an answer tell of the subscription that was asked. Pure.

Nobody documents them; clients read them (Claude Code and Codex show them as usage):

* Anthropic: `anthropic-ratelimit-unified-5h-utilization` (0 to 1) and `...-5h-reset` (unix seconds), the
  same with `7d`. Names that are no length are pools beside the plan (`overage`, `7d_opus`).
* Codex: `x-codex-primary-used-percent` (0 to 100), `...-window-minutes`, and `...-reset-at` (unix
  seconds) or `...-reset-after-seconds`; the same with `secondary`.

Answers to API keys have none of them. What cannot be read is left out.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from turnout.policy.quota import QuotaWindow

_ANTHROPIC: Final = "anthropic-ratelimit-unified-"
_USED: Final = re.compile(_ANTHROPIC + r"(\d{1,3})([hd])-utilization")
_SECONDS: Final[Mapping[str, float]] = {"h": 3_600.0, "d": 86_400.0}
_CODEX: Final = ("x-codex-primary-", "x-codex-secondary-")


def windows_of(headers: Mapping[str, str], *, now: float) -> tuple[QuotaWindow, ...]:
    """The windows, in the order of their names; `headers` have lower-case names."""
    told = (*_anthropic(headers), *_codex(headers, now=now))
    return tuple(window for window in told if window is not None)


def _anthropic(headers: Mapping[str, str]) -> Iterator[QuotaWindow | None]:
    for name in sorted([name for name in headers if name.startswith(_ANTHROPIC)]):
        matched = _USED.fullmatch(name)
        if matched is not None:
            number, unit = matched.groups()
            yield _window(
                used=_number(headers, name),
                seconds=int(number) * _SECONDS[unit],
                resets_at=_number(headers, f"{_ANTHROPIC}{number}{unit}-reset"),
            )


def _codex(headers: Mapping[str, str], *, now: float) -> Iterator[QuotaWindow | None]:
    for prefix in _CODEX:
        percent = _number(headers, prefix + "used-percent")
        if percent is None:
            continue
        minutes = _number(headers, prefix + "window-minutes")
        resets_at = _number(headers, prefix + "reset-at")
        if resets_at is None:
            after = _number(headers, prefix + "reset-after-seconds")
            resets_at = None if after is None else now + after
        if minutes is not None:
            yield _window(used=percent / 100.0, seconds=minutes * 60.0, resets_at=resets_at)


def _window(*, used: float | None, seconds: float, resets_at: float | None) -> QuotaWindow | None:
    if used is None or resets_at is None or seconds <= 0.0:
        return None
    return QuotaWindow(min(1.0, max(0.0, used)), seconds, resets_at)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    told = headers.get(name)
    if told is None:
        return None
    try:
        number = float(told)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
