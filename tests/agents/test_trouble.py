"""Providers that refuse, break off or fail in the middle: the task is done all the same.

What Turnout can absorb, the agent never hears of; what it cannot, it hears of in words on which it
tries again.
"""

from typing import Final

import msgspec
import pytest

from tests.agents.bench import Bench, Sent
from tests.agents.desk import MARK, Desk

pytestmark = pytest.mark.anyio

TASK: Final = ("tool=Bash,steps=1", "tool=Read,steps=2", "text")
PROMPT: Final = "Read the readme and tell me the password."


class _Asked(msgspec.Struct, frozen=True):
    messages: object


def messages(sent: Sent) -> object:
    """What is asked; after a stream that broke, the agent may ask for a whole answer instead."""
    return msgspec.json.decode(sent.body or "", type=_Asked).messages


async def test_a_short_wait_is_absorbed(observing: Bench, desk: Desk) -> None:
    await observing.script("status=429,retry-after=1", *TASK)
    run = await observing.run(desk, PROMPT)
    run.check_success()
    assert run.retries == 0
    rows = await observing.rows(run.session, 3)
    assert [(row.outcome, row.attempts) for row in rows] == [
        ("answered", 2),
        ("answered", 1),
        ("answered", 1),
    ]


async def test_an_overload_reaches_the_agent_as_one_and_is_retried_by_it(
    observing: Bench, desk: Desk
) -> None:
    """In observe mode nobody else may serve."""
    await observing.script("status=529", *TASK)
    run = await observing.run(desk, PROMPT)
    run.check_success()
    assert MARK in run.told("user")
    rows = await observing.rows(run.session, 3 + run.retries)
    assert [(row.outcome, row.status) for row in rows] == [
        *[("failed", 529)] * run.retries,
        *[("answered", 200)] * 3,
    ]
    assert [row.steps for row in rows[run.retries :]] == [0, 1, 2], "a failure is no step"


async def is_absorbed(bench: Bench, desk: Desk, trouble: str) -> None:
    await bench.script(trouble, *TASK)
    run = await bench.run(desk, PROMPT)
    run.check_success()
    assert run.retries == 0
    rows = await bench.rows(run.session, 3)
    assert (rows[0].outcome, rows[0].attempts) == ("answered", 2)
    assert rows[0].served_model == "claude-opus-5-5"


@pytest.mark.parametrize("trouble", ["status=429", "status=529"])
async def test_a_refusal_is_absorbed_where_another_model_may_serve(
    translating: Bench, desk: Desk, trouble: str
) -> None:
    await is_absorbed(translating, desk, trouble)


@pytest.mark.parametrize("cut", ["cut=after-start", "cut=after-content,text"])
async def test_what_breaks_before_content_is_sent_again(
    observing: Bench, desk: Desk, cut: str
) -> None:
    await observing.script(cut, *TASK)
    run = await observing.run(desk, PROMPT)
    run.check_success()
    assert MARK in run.told("user")
    broken, again, *_ = await observing.sent()
    assert messages(broken) == messages(again), "the same question"


@pytest.mark.parametrize("trouble", ["half", "cut=before-end", "error-in-stream"])
@pytest.mark.parametrize("bench_name", ["observing", "translating"])
async def test_a_stream_that_breaks_in_the_middle_ends_in_the_dialects_own_words(
    observing: Bench, translating: Bench, desk: Desk, bench_name: str, trouble: str
) -> None:
    """Else the agent would wait for the end, or take half an answer for a whole one."""
    bench = observing if bench_name == "observing" else translating
    await bench.script(TASK[0], f"{trouble},text,tokens=80", *TASK[1:])
    run = await bench.run(desk, PROMPT)
    run.check_success()
    assert MARK in run.told("user")
    sent = await bench.sent()
    rows = await bench.rows(run.session, len(sent))
    assert [row.outcome for row in rows].count("failed") == 1
    assert (rows[1].outcome, rows[1].status) == ("failed", 200)
    assert rows[-1].outcome == "answered"


async def test_so_is_one_that_names_a_long_time(translating: Bench, desk: Desk) -> None:
    """The last one: its target is left alone for as long."""
    await is_absorbed(translating, desk, "status=429,retry-after=80")
