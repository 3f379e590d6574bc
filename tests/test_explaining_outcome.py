"""What came of a request, as `turnout explain` says it."""

import json

import pytest

from turnout.explaining_outcome import outcome_words

A, B = "openai/a@env", "openai/b@env"


def ended(**told: object) -> str:
    usual: dict[str, object] = {
        "target": A,
        "outcome": "answered",
        "status": 200,
        "error": "",
        "attempts": 1,
        "hedge_cost_usd": None,
        "not_hedged": "",
        "fresh_input": 1_200,
        "cache_read": None,
        "cache_write": None,
        "output": 30,
        "cost_usd": 0.5,
        "baseline_cost_usd": None,
    }
    return json.dumps({**usual, **told})


def attempt(number: int, **told: object) -> str:
    usual: dict[str, object] = {
        "number": number,
        "kind": "first",
        "target": A,
        "outcome": "answered",
        "status": 200,
        "error": "",
        "first_content_seconds": 0.5,
        "duration_seconds": 2.0,
        "hedge_delay_seconds": None,
        "suspect": "",
    }
    return json.dumps({**usual, **told})


NOTHING: dict[str, object] = {
    "target": "",
    "fresh_input": None,
    "output": None,
    "cost_usd": 0.0,
}
FAILED: dict[str, object] = {
    "outcome": "failed",
    "status": 0,
    "error": "upstream_timeout",
    "first_content_seconds": None,
}


@pytest.mark.parametrize(
    ("request_row", "attempts", "said"),
    [
        (
            ended(),
            [attempt(1)],
            [
                f"It was answered by {A} in 1 attempt: tokens 1,200 fresh, 30 of output, for $0.5000."
            ],
        ),
        (
            ended(attempts=2, hedge_cost_usd=0.1),
            [
                attempt(1, outcome="lost", first_content_seconds=None),
                attempt(2, kind="hedge", hedge_delay_seconds=1.25),
            ],
            [
                f"Attempt 1 (first) to {A}: closed, because another was first, after 2.0 s.",
                f"Attempt 2 (hedge, 1.2 s after the attempt that it raced) to {A}: answered after 2.0 s, first content"
                " after 0.5 s.",
                f"It was answered by {A} in 2 attempts: tokens 1,200 fresh, 30 of output, for $0.5000, $0.1000 of it"
                " for the attempt that lost.",
            ],
        ),
        (
            ended(**NOTHING, outcome="failed", status=504, error="upstream_timeout"),
            [attempt(1, **FAILED)],
            [
                f"Attempt 1 (first) to {A}: failed (upstream timeout) after 2.0 s.",
                "It failed in 1 attempt (upstream timeout, status 504): no tokens told, for $0.0000.",
            ],
        ),
        (
            ended(
                **NOTHING,
                outcome="failed",
                status=429,
                error="rate_limited",
                attempts=0,
                passed_over=[f"{A}:throttled"],
                waited_seconds=1.5,
            ),
            [],
            [
                f"{A} was passed over: throttled.",
                "It waited 1.5 s for a target.",
                "It was refused without an attempt (rate limited, status 429): no tokens told, for $0.0000.",
            ],
        ),
        (
            ended(outcome="cancelled", not_hedged="no_dollars_left"),
            [attempt(1, outcome="cancelled", first_content_seconds=None)],
            [
                f"Attempt 1 (first) to {A}: closed, because nobody waited any more, after 2.0 s.",
                "An attempt was silent for longer than usual and was not raced by a second one: no dollars left.",
                f"The client left while {A} served it, after 1 attempt: tokens 1,200 fresh, 30 of output, for $0.5000.",
            ],
        ),
        (
            ended(outcome="failed", error="upstream_failed", attempts=2, target=B),
            [
                attempt(
                    1,
                    outcome="rejected",
                    status=400,
                    error="invalid_request",
                    suspect="schema:anyOf",
                ),
                attempt(2, kind="fallback", target=B, outcome="failed", error="upstream_failed"),
            ],
            [
                f"Attempt 1 (first) to {A}: rejected (invalid request, status 400) after 2.0 s, first content after"
                " 0.5 s; what was changed for it may be why (schema:anyOf).",
                f"Attempt 2 (fallback) to {B}: failed (upstream failed, status 200) after 2.0 s, first content after"
                " 0.5 s.",
                f"It failed in 2 attempts after {B} had begun to answer (upstream failed, status 200): tokens 1,200 fresh,"
                " 30 of output, for $0.5000.",
            ],
        ),
    ],
)
def test_what_came_of_it(request_row: str, attempts: list[str], said: list[str]) -> None:
    assert outcome_words([request_row], attempts) == said


def test_a_request_that_has_not_ended_says_nothing() -> None:
    assert outcome_words([], [attempt(1)]) == []
