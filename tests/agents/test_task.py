"""A task with two tool calls, in every way that Turnout serves one: as asked, by a cheaper model of the
same wire format, by one of another, and by five processes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.agents.bench import Row, Sent, bench
from tests.agents.claude import Run
from tests.agents.conftest import CHOOSING, OBSERVING, TRANSLATING
from tests.agents.desk import MARK, Desk
from tests.agents.install import Program

pytestmark = pytest.mark.anyio

TASK: Final = ("tool=Bash,steps=1", "tool=Read,steps=2", "text")
"""List, read, answer."""

ASKED: Final = "claude-opus-5-5"
"""What this version of Claude Code asks for unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of serving, and who then answers at which path."""

    name: str
    settings: dict[str, str]
    target: str
    path: str
    split: bool = False

    @property
    def model(self) -> str:
        return self.target.partition("/")[2].partition("@")[0]


WAYS: Final = (
    Way("as asked", OBSERVING, f"anthropic/{ASKED}@simulated", "/v1/messages"),
    Way(
        "cheaper",
        CHOOSING | {"TURNOUT_ROUTING__CANDIDATES": '["claude-haiku-5-5"]'},
        "anthropic/claude-haiku-5-5@simulated",
        "/v1/messages",
    ),
    Way("translated", TRANSLATING, "openai/gpt-5.4-mini@simulated", "/v1/responses"),
    Way(
        "five processes",
        TRANSLATING,
        "openai/gpt-5.4-mini@simulated",
        "/v1/responses",
        split=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has been carried out; looked at by every test of this module."""

    way: Way
    run: Run
    sent: list[Sent]
    rows: list[Row]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.name)
async def done(
    request: pytest.FixtureRequest, claude: Program, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Done]:
    way = request.param
    assert isinstance(way, Way)
    home = tmp_path_factory.mktemp("task")
    async with bench(claude, home, way.settings, split=way.split) as made:
        await made.script(*TASK)
        run = await made.run(Desk.under(home), "Read the readme and tell me the password.")
        run.check_success()
        rows = await made.rows(run.session, len(TASK))
        yield Done(way=way, run=run, sent=await made.sent(), rows=rows)


async def test_the_tools_ran_and_the_model_was_told(done: Done) -> None:
    assert "README.md" in done.run.told("user"), "the listing"
    assert MARK in done.run.told("user"), "the file"
    last = done.sent[-1].body
    assert last is not None
    assert MARK in last


async def test_the_answer_arrived_whole(done: Done) -> None:
    """The agent counts what the provider says it has sent, to the token."""
    assert done.run.end.result in done.run.told("assistant")
    counted = done.run.end.usage
    assert counted.output_tokens == sum(sent.usage.output for sent in done.sent)
    assert counted.cache_read_input_tokens == sum(sent.usage.read for sent in done.sent)


async def test_one_model_answered_at_its_own_path(done: Done) -> None:
    assert [(sent.path, sent.model, sent.status) for sent in done.sent] == [
        (done.way.path, done.way.model, 200)
    ] * len(TASK)


async def test_the_rows_tell_one_thread(done: Done) -> None:
    assert {(row.thread, row.harness, row.request_class, row.is_subagent) for row in done.rows} == {
        ("main", "claude_code", "main", 0)
    }
    assert [row.step_kind for row in done.rows] == [
        "user_input",
        "tool_continuation",
        "tool_continuation",
    ]
    assert [row.tool_results for row in done.rows] == [0, 1, 1]
    assert len({row.user_turn for row in done.rows}) == 1
    assert {(row.outcome, row.status, row.attempts) for row in done.rows} == {("answered", 200, 1)}


async def test_the_thread_stays_on_its_target(done: Done) -> None:
    target = done.way.target
    assert [row.target for row in done.rows] == [target] * len(TASK)
    assert [row.incumbent for row in done.rows] == ["", target, target]
    assert [row.steps for row in done.rows] == [0, 1, 2]
    first, *later = [(row.action, row.reason) for row in done.rows]
    if done.way.settings is OBSERVING:
        assert first == ("passthrough", "observe_mode")
        assert set(later) == {first}
    else:
        assert first == ("switch", "free_window_new_thread")
        assert set(later) == {("stay", "warm_incumbent")}


async def test_the_cache_grows(done: Done) -> None:
    reads = [row.cache_read or 0 for row in done.rows]
    assert reads[0] == 0
    assert reads[0] < reads[1] < reads[2]
    assert reads == [sent.usage.read for sent in done.sent]


async def test_what_was_asked_for_is_on_record(done: Done) -> None:
    assert {(row.requested_model, row.served_model) for row in done.rows} == {
        (ASKED, done.way.model)
    }
