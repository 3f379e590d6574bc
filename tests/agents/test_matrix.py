"""Every agent in every dialect that it speaks, served in every dialect of an upstream: a task with a tool
call, then two at once, then an answer.
"""

from typing import Final

import pytest

from tests.agents.agent import Agent, scripted, spoken
from tests.agents.conftest import Programs, Served
from tests.agents.desk import MADE, MARK, Desk
from tests.agents.every import WAYS
from tests.agents.trial import Trial, attempt
from tests.agents.upstreams import PATHS, Upstream
from turnout.capabilities import Dialect

pytestmark = pytest.mark.anyio

PROMPT: Final = "Read the readme and tell me the password."
ANSWER: Final = "The readme names one password, and it is quokka with four digits."
HIDDEN: Final = "wombat-5678"
"""What the file that a tool makes says; no prompt names it."""

PAIRS: Final = [
    pytest.param(agent, dialect, id=f"{agent.name}-{dialect}")
    for agent in WAYS
    for dialect in agent.models
]


@pytest.mark.parametrize(("agent", "dialect"), PAIRS)
async def test_a_task(
    served: Served, agent: Agent, dialect: Dialect, programs: Programs, desk: Desk
) -> None:
    program = programs.of(agent.name, agent.package)
    serving = who_serves(agent, dialect, served.upstream)
    script = task(agent, desk, serving.dialect)
    trial = await attempt(served.bench, agent, program, desk, dialect, PROMPT, script)
    trial.check_success(ANSWER)
    check_tools_ran(trial, agent, desk)
    check_served(trial, serving, len(script))
    check_rows(trial, agent, dialect)


def task(agent: Agent, desk: Desk, to: Dialect) -> tuple[str, ...]:
    """What the model does: one call, two at once, an answer. Without tools: a file, written out."""
    if agent.shell is None or agent.read is None:
        return (spoken(f"{ANSWER}\n\n{MADE}\n```\n{HIDDEN}\n```\n"),)
    reads = (agent.read(str(desk.project / MADE)), agent.read(desk.readme))
    return (
        scripted(agent.shell(f"printf 'wombat-%s' 5678 > {MADE}"), to=to),
        *(
            [scripted(*reads, to=to)]
            if agent.calls_at_once
            else [scripted(one, to=to) for one in reads]
        ),
        spoken(ANSWER),
    )


def who_serves(agent: Agent, dialect: Dialect, upstream: Upstream) -> Upstream:
    """The candidate, except where the agent offers a tool that only its own provider runs."""
    if dialect not in agent.native or dialect == upstream.dialect:
        return upstream
    model = agent.models[dialect]
    return Upstream(dialect, model, PATHS[dialect].format(model=model))


def check_tools_ran(trial: Trial, agent: Agent, desk: Desk) -> None:
    assert (desk.project / MADE).read_text(encoding="utf-8").strip() == HIDDEN, trial.told()
    if agent.shell is not None:
        last = trial.sent[-1].body or ""
        assert MARK in last, trial.told()
        assert HIDDEN in last, trial.told()


def check_served(trial: Trial, upstream: Upstream, calls: int) -> None:
    assert [(one.path, one.model, one.status) for one in trial.sent] == [
        (upstream.path, upstream.model, 200)
    ] * calls, trial.told()


def check_rows(trial: Trial, agent: Agent, dialect: Dialect) -> None:
    rows = trial.rows
    assert {(row.harness, row.dialect) for row in rows} == {(agent.harness, dialect)}, trial.told()
    assert {(row.outcome, row.status, row.attempts) for row in rows} == {("answered", 200, 1)}
    assert {row.requested_model for row in rows} == {agent.models[dialect]}
    assert {(row.request_class, row.is_subagent) for row in rows} == {("main", 0)}, trial.told()
    assert len({row.session for row in rows}) == 1, trial.told()
    assert len({row.thread for row in rows}) == 1, trial.told()
