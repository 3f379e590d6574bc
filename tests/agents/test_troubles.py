"""Every agent at a provider that refuses, breaks off or keeps it waiting in the middle of a task: the
task is done all the same, and nobody pays for it twice over. In the dialect that the agent speaks first,
and of the first four also translated into every other.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.agents.agent import Agent, scripted, spoken
from tests.agents.bench import Bench, bench
from tests.agents.conftest import IMPATIENT, OBSERVING, Programs, Served
from tests.agents.desk import MADE, MARK, Desk
from tests.agents.every import AGENTS
from tests.agents.trial import Trial, attempt
from tests.agents.upstreams import UPSTREAMS
from turnout.capabilities import Dialect

pytestmark = pytest.mark.anyio

PROMPT: Final = "Read the readme and tell me the password."
ANSWER: Final = "The readme names one password, and it is quokka with four digits."

TROUBLES: Final = {
    "429 with Retry-After": "status=429,retry-after=1",
    "529": "status=529",
    "dies mid-stream": "cut=before-end,text,tokens=80,gap=0.03",
    "breaks inside an event": "half,text,tokens=80,gap=0.03",
    "slow first token": "",
}

REFUSALS: Final = {"429 with Retry-After": 429, "529": 529}
MID_STREAM: Final = ("dies mid-stream", "breaks inside an event")

ENDS: Final = frozenset(("Cline", trouble) for trouble in MID_STREAM)
"""Cline takes an error inside a chat stream, which OpenAI's own servers send there too, for the end of
its task.
"""

MOST_REPEATS: Final = 4
"""An agent that tries again after each failure needs one; a title or a second half two more."""

TRANSLATED: Final = [
    pytest.param(upstream, agent, id=f"{agent.name}-{upstream.dialect}")
    for upstream in UPSTREAMS
    for agent in AGENTS[:4]
    if upstream.dialect != next(iter(agent.models))
]
"""With more agents it would take longer than it tells."""


@pytest.fixture(scope="module")
async def waiting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench((), tmp_path_factory.mktemp("waiting"), OBSERVING | IMPATIENT) as made:
        yield made


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
async def test_the_task_is_done(
    waiting: Bench, agent: Agent, programs: Programs, desk: Desk, trouble: str
) -> None:
    program = programs.of(agent.name, agent.package)
    dialect = next(iter(agent.models))
    script = task(agent, desk, TROUBLES[trouble], to=dialect)
    trial = await attempt(waiting, agent, program, desk, dialect, PROMPT, script)
    check_trouble(trial, trouble)
    check_repeats(trial, len(script))
    if (agent.name, trouble) in ENDS:
        check_told(trial)
    else:
        check_done(trial, agent)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize(("served", "agent"), TRANSLATED, indirect=["served"])
async def test_the_task_is_done_by_a_model_of_another_dialect(
    served: Served, agent: Agent, programs: Programs, desk: Desk, trouble: str
) -> None:
    """A refusal may be passed over here, because the model that was asked for may serve as well."""
    program = programs.of(agent.name, agent.package)
    dialect = next(iter(agent.models))
    script = task(agent, desk, TROUBLES[trouble], to=served.upstream.dialect)
    trial = await attempt(served.bench, agent, program, desk, dialect, PROMPT, script)
    check_trouble(trial, trouble)
    check_repeats(trial, len(script))
    check_done(trial, agent)


def check_trouble(trial: Trial, trouble: str) -> None:
    """The provider did what the test is about."""
    if trouble in REFUSALS:
        assert REFUSALS[trouble] in {one.status for one in trial.sent}, trial.told()
    elif trouble in MID_STREAM:
        broken = [row for row in trial.rows if row.outcome == "failed" or row.attempts > 1]
        assert broken, trial.told()


def check_repeats(trial: Trial, steps: int) -> None:
    assert len(trial.sent) <= steps + MOST_REPEATS, trial.told()
    failed = [row for row in trial.rows if row.outcome == "failed"]
    assert len(failed) <= MOST_REPEATS, trial.told()


def check_told(trial: Trial) -> None:
    """The agent has stopped at the trouble, and says which it was."""
    assert trial.ended.status == 1, trial.told()
    assert "connection lost" in trial.ended.errors, trial.told()
    assert [row.outcome for row in trial.rows] == ["answered", "failed"], trial.told()


def check_done(trial: Trial, agent: Agent) -> None:
    trial.check_success(ANSWER)
    if agent.read is not None:
        assert MARK in (trial.sent[-1].body or ""), trial.told()
    assert trial.rows[-1].outcome == "answered", trial.told()


def task(agent: Agent, desk: Desk, trouble: str, *, to: Dialect) -> tuple[str, ...]:
    """A call, the trouble, another call, an answer; the wait stands before the second call."""
    between = (trouble,) if trouble else ()
    wait = "" if trouble else "ttft=2,"
    if agent.shell is None or agent.read is None:
        return (*between, wait + spoken(f"{ANSWER}\n\n{MADE}\n```\nmade\n```\n"))
    return (
        scripted(agent.shell(f"echo made > {MADE}"), to=to),
        *between,
        wait + scripted(agent.read(desk.readme), to=to),
        spoken(ANSWER),
    )
