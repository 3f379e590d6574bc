"""Every agent that has subagents: one is a thread of its own in the session of the main loop, and its
report comes back to the main loop.
"""

from typing import Final

import pytest

from tests.agents.agent import SUBTASK, Agent, scripted, spoken
from tests.agents.bench import Sent
from tests.agents.conftest import Programs, Served
from tests.agents.desk import MARK, Desk
from tests.agents.every import AGENTS
from tests.agents.trial import Trial, attempt

pytestmark = pytest.mark.anyio

PROMPT: Final = "Let another agent look at this directory."
REPORT: Final = "There is a readme with the password of a signal box."
ANSWER: Final = "The other agent has found a readme, and nothing beside it."

WITH_SUBAGENTS: Final = [agent for agent in AGENTS if agent.subagent is not None]


@pytest.mark.parametrize("agent", WITH_SUBAGENTS, ids=lambda agent: agent.name)
async def test_a_subagent(served: Served, agent: Agent, programs: Programs, desk: Desk) -> None:
    program = programs.of(agent.name, agent.package)
    assert agent.subagent is not None
    assert agent.read is not None
    dialect = next(iter(agent.models))
    script = (
        scripted(agent.subagent(), steps=1),
        scripted(agent.read(desk.readme), steps=1),
        spoken(REPORT) if agent.report is None else scripted(agent.report(REPORT), steps=9),
        spoken(ANSWER),
    )
    trial = await attempt(served.bench, agent, program, desk, dialect, PROMPT, script)
    trial.check_success(ANSWER)
    check_threads(trial, agent)
    check_report(trial)


def check_threads(trial: Trial, agent: Agent) -> None:
    """Two threads of one session, told apart; the order of the rows is that of the requests."""
    main, first, second, last = trial.rows
    assert main.thread == last.thread, trial.told()
    assert first.thread == second.thread, trial.told()
    assert main.thread != first.thread, trial.told()
    assert [(row.request_class, row.is_subagent) for row in (main, last)] == [("main", 0)] * 2
    marked = ("subagent", 1) if agent.marks_subagents else ("main", 0)
    assert [(row.request_class, row.is_subagent) for row in (first, second)] == [marked] * 2
    if agent.marks_subagents and agent.names_sessions:
        assert len({row.session for row in trial.rows}) == 1, trial.told()


def check_report(trial: Trial) -> None:
    """The subagent was asked and shown the file; the main loop was told what it said, and no more."""
    _, first, second, last = (body(sent) for sent in trial.sent)
    assert SUBTASK in first
    assert MARK in second
    assert REPORT in last
    assert MARK not in last


def body(sent: Sent) -> str:
    return sent.body or ""
