"""Every agent that has subagents: one is a thread of its own in the session of the main loop, and its
report comes back to the main loop.
"""

from typing import Final

import pytest

from tests.agents.agent import SUBTASK, Agent, scripted, spoken
from tests.agents.bench import Only, Scripted, Sent
from tests.agents.conftest import Programs, Served
from tests.agents.desk import MARK, Desk
from tests.agents.every import WAYS
from tests.agents.trial import Trial, attempt

pytestmark = pytest.mark.anyio

PROMPT: Final = "Let another agent look at this directory."
REPORT: Final = "There is a readme with the password of a signal box."
ANSWER: Final = "The other agent has found a readme, and nothing beside it."

WITH_SUBAGENTS: Final = [agent for agent in WAYS if agent.subagent is not None]


@pytest.mark.parametrize("agent", WITH_SUBAGENTS, ids=lambda agent: agent.name)
async def test_a_subagent(served: Served, agent: Agent, programs: Programs, desk: Desk) -> None:
    program = programs.of(agent.name, agent.package)
    assert agent.subagent is not None
    assert agent.read is not None
    dialect = next(iter(agent.models))
    to = dialect if dialect in agent.native else served.upstream.dialect
    calls = agent.subagent()
    # Both loops may ask at the same time; only the main loop's requests hold what the user asked.
    script: tuple[Scripted, ...] = (
        Only(holds=REPORT, simulate=spoken(ANSWER)),
        *(Only(holds=PROMPT, simulate=scripted(call, to=to)) for call in calls),
        scripted(agent.read(desk.readme), to=to),
        spoken(REPORT) if agent.report is None else scripted(agent.report(REPORT), to=to),
    )
    trial = await attempt(served.bench, agent, program, desk, dialect, PROMPT, script)
    trial.check_success(ANSWER)
    check_threads(trial, agent)
    check_report(trial)


def check_threads(trial: Trial, agent: Agent) -> None:
    """Two threads of one session, told apart."""
    main = [row for row in trial.rows if row.thread == trial.rows[0].thread]
    sub = [row for row in trial.rows if row.thread != trial.rows[0].thread]
    assert len(main) > 1, trial.told()
    assert len(sub) == 2, trial.told()
    assert len({row.thread for row in sub}) == 1, trial.told()
    assert {(row.request_class, row.is_subagent) for row in main} == {("main", 0)}, trial.told()
    marked = ("subagent", 1) if agent.marks_subagents else ("main", 0)
    assert {(row.request_class, row.is_subagent) for row in sub} == {marked}, trial.told()
    if agent.marks_subagents and agent.names_sessions:
        assert len({row.session for row in trial.rows}) == 1, trial.told()


def check_report(trial: Trial) -> None:
    """The subagent was asked and shown the file; the main loop was told what it said, and no more."""
    main = [body(sent) for sent in trial.sent if PROMPT in body(sent)]
    first, second = (body(sent) for sent in trial.sent if PROMPT not in body(sent))
    assert SUBTASK in first
    assert MARK in second
    assert REPORT in main[-1]
    assert MARK not in main[-1]


def body(sent: Sent) -> str:
    return sent.body or ""
