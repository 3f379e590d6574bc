"""How often signs of trouble come up, and how sessions with and without them end."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.telemetry.telling import tell
from turnout.facts import Fact, RequestRouted
from turnout.policy.request import Features
from turnout.policy.thread import ThreadState
from turnout.telemetry.queries import load_query
from turnout.telemetry.warehouse import Warehouse

pytestmark = pytest.mark.anyio

Step = tuple[dict[str, object], dict[str, object]]
"""What differs of features and of state."""

PLAIN: Step = ({}, {})
CALM: dict[str, object] = {
    "check": "",
    "step_tool_errors": 0,
    "call_digest": "",
    "edit_digest": "",
    "open_tasks": 0,
}


def step(name: str, number: int, told: Step) -> RequestRouted:
    features, state = told
    fact = samples.routed(f"{name}-{number}")
    changed: Features = replace(fact.inputs.features, **(CALM | features))
    left: ThreadState = replace(ThreadState(), **({"steps": number} | state))
    identity = samples.identity(session=name)
    inputs = replace(fact.inputs, identity=identity, features=changed, state=left)
    return replace(fact, occurred_at=fact.occurred_at + number, inputs=inputs)


def session(name: str, steps: Iterable[Step], *, score: float | None = None) -> list[Fact]:
    facts: list[Fact] = [step(name, number, told) for number, told in enumerate(steps)]
    if score is not None:
        outcome = samples.outcome(name, request_id="")
        facts.append(replace(outcome, session=name, kind="score", score=score))
    return facts


def red(before: int) -> Step:
    return ({"check": "failed"}, {"failing_checks": before})


def failing(before: int) -> Step:
    return ({"step_tool_errors": 1}, {"tool_errors": before})


def called(digest: str) -> Step:
    return ({"call_digest": digest}, {})


def edited(digest: str) -> Step:
    return ({"edit_digest": digest}, {})


async def counted(warehouse: Warehouse) -> dict[str, tuple[object, ...]]:
    rows = await warehouse.rows(load_query("signals_and_outcomes").sql)
    return {str(name): tuple(figures) for name, *figures in rows}


async def test_sessions_with_a_sign_and_without_it(warehouse: Warehouse) -> None:
    await tell(
        warehouse,
        [
            *session("a", [red(0), PLAIN, red(1), red(2)], score=0.0),
            *session("b", [red(0), PLAIN], score=1.0),
            *session("c", [PLAIN, PLAIN], score=0.5),
            *session("d", [PLAIN]),
        ],
    )
    assert await counted(warehouse) == {
        "1 red check": (2, 50.0, 2, 2, 0.5, 0.5, 2, 1),
        "2 red checks": (1, 25.0, 1, 3, 0.0, 0.75, 1, 2),
        "3 red checks": (1, 25.0, 1, 3, 0.0, 0.75, 1, 2),
    }


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([failing(0)], {}),
        ([failing(0), failing(1)], {"2 steps with a tool error": 1}),
        ([called("a"), called("b"), called("a")], {}),
        ([called("a"), called("a"), called("b")], {"same call 2 times": 1}),
        ([called("a")] * 3, {"same call 2 times": 2, "same call 3 times": 1}),
        ([edited("f"), edited("g")] * 3, {}),
        ([edited("f"), edited("g")] * 4, {"4 edits of a file in 12 calls": 2}),
        ([edited("f"), *[PLAIN] * 9, *[edited("f")] * 3], {}),
        (
            [edited("f")] * 6,
            {"4 edits of a file in 12 calls": 3, "6 edits of a file in 12 calls": 1},
        ),
        ([({}, {"last_end": "refused"})], {"refused answer": 1}),
        ([({}, {"last_end": "empty"})], {"empty answer": 1}),
        ([({}, {"last_end": "cut"})], {"answer cut at a limit": 1}),
        ([({"open_tasks": 2}, {})], {"stopped with open tasks": 1}),
        # A request that is sent again.
        ([red(0), ({"check": "failed"}, {"is_retry": True})], {"1 red check": 1}),
    ],
)
async def test_when_each_sign_fires(
    warehouse: Warehouse, steps: list[Step], expected: dict[str, int]
) -> None:
    await tell(warehouse, session("a", steps))
    found = await counted(warehouse)
    assert {name: figures[0] for name, figures in found.items()} == expected
