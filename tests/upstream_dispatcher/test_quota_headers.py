"""Windows of a subscription, as two vendors write them into their answers."""

import httpx
import pytest

from turnout.policy.quota import QuotaWindow
from turnout.upstream_dispatcher.quota_headers import windows_of

NOW = 1_790_000_000.0

CLAUDE = {
    "Anthropic-Ratelimit-Unified-Status": "allowed",
    "Anthropic-Ratelimit-Unified-Representative-Claim": "five_hour",
    "Anthropic-Ratelimit-Unified-5h-Utilization": "0.42",
    "Anthropic-Ratelimit-Unified-5h-Reset": "1790009000",
    "Anthropic-Ratelimit-Unified-7d-Utilization": "0.17",
    "Anthropic-Ratelimit-Unified-7d-Reset": "1790300000",
    # Pools beside the plan.
    "Anthropic-Ratelimit-Unified-Overage-Utilization": "0.9",
    "Anthropic-Ratelimit-Unified-Overage-Reset": "1790300000",
    "Anthropic-Ratelimit-Unified-7d_opus-Utilization": "0.9",
}
CODEX = {
    "x-codex-primary-used-percent": "42.5",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1790009000",
    "x-codex-secondary-used-percent": "13",
    "x-codex-secondary-window-minutes": "10080",
    "x-codex-secondary-reset-after-seconds": "3600",
}


def told(headers: dict[str, str]) -> tuple[QuotaWindow, ...]:
    return windows_of(httpx.Headers(headers), now=NOW)


def test_anthropics_windows() -> None:
    assert told(CLAUDE) == (
        QuotaWindow(0.42, 18_000.0, 1_790_009_000.0),
        QuotaWindow(0.17, 604_800.0, 1_790_300_000.0),
    )


def test_codex_windows() -> None:
    assert told(CODEX) == (
        QuotaWindow(0.425, 18_000.0, 1_790_009_000.0),
        QuotaWindow(0.13, 604_800.0, NOW + 3_600.0),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-codex-primary-used-percent", "many"),
        ("x-codex-primary-used-percent", "nan"),
        ("x-codex-primary-window-minutes", "0"),
        ("x-codex-primary-reset-at", "soon"),
    ],
)
def test_what_cannot_be_read_is_left_out(name: str, value: str) -> None:
    assert [one.seconds for one in told(CODEX | {name: value})] == [604_800.0]


def test_use_beyond_the_whole_is_the_whole() -> None:
    assert told(CODEX | {"x-codex-primary-used-percent": "104"})[0].used_share == 1.0


def test_an_answer_to_a_key_tells_nothing() -> None:
    assert told({"anthropic-ratelimit-tokens-remaining": "100", "x-request-id": "r"}) == ()
