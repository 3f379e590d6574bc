"""Every agent in the dialect that it speaks first, at a provider that refuses, breaks off or keeps it
waiting in the middle of a task: the task is done all the same, and nobody pays for it twice over.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.agents.agent import Agent, scripted, spoken
from tests.agents.bench import Bench, bench
from tests.agents.conftest import OBSERVING, Programs
from tests.agents.desk import MADE, MARK, Desk
from tests.agents.every import AGENTS
from tests.agents.trial import attempt

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

MID_STREAM: Final = ("dies mid-stream", "breaks inside an event")

MAY_END: Final = frozenset((agent, trouble) for agent in ("Cline",) for trouble in MID_STREAM)
"""Cline takes an error inside a chat stream, which OpenAI's own servers send there too, for the end of
its task. What has not begun to arrive is sent again by Turnout, so mostly it goes on."""

MOST_REPEATS: Final = 4
"""An agent that tries again after each failure needs one; a title or a second half two more."""

IMPATIENT: Final = {
    "TURNOUT_UPSTREAM_DISPATCHER__COMMIT_SECONDS": "0.5",
    "TURNOUT_UPSTREAM_DISPATCHER__KEEP_ALIVE_SECONDS": "0.5",
}
"""So that a wait of two seconds is one with a beginning and signs of life."""


@pytest.fixture(scope="module")
async def waiting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench((), tmp_path_factory.mktemp("waiting"), OBSERVING | IMPATIENT) as made:
        yield made


@pytest.mark.parametrize(
    ("agent", "trouble"),
    [(agent, trouble) for agent in AGENTS for trouble in TROUBLES],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_the_task_is_done(
    waiting: Bench, agent: Agent, programs: Programs, desk: Desk, trouble: str
) -> None:
    program = programs.of(agent.name, agent.package)
    script = task(agent, desk, TROUBLES[trouble])
    dialect = next(iter(agent.models))
    trial = await attempt(waiting, agent, program, desk, dialect, PROMPT, script)
    assert len(trial.sent) <= len(script) + MOST_REPEATS, trial.told()
    failed = [row for row in trial.rows if row.outcome == "failed"]
    assert len(failed) <= MOST_REPEATS, trial.told()
    if (agent.name, trouble) in MAY_END and trial.rows[-1].outcome == "failed":
        return
    trial.check_success(ANSWER)
    if agent.read is not None:
        assert MARK in (trial.sent[-1].body or ""), trial.told()
    assert trial.rows[-1].outcome == "answered", trial.told()


def task(agent: Agent, desk: Desk, trouble: str) -> tuple[str, ...]:
    """A call, the trouble, another call, an answer; the wait stands before the second call."""
    between = (trouble,) if trouble else ()
    wait = "" if trouble else "ttft=2,"
    if agent.shell is None or agent.read is None:
        return (*between, wait + spoken(f"{ANSWER}\n\n{MADE}\n```\nmade\n```\n"))
    return (
        scripted(agent.shell(f"echo made > {MADE}"), steps=9),
        *between,
        wait + scripted(agent.read(desk.readme), steps=9),
        spoken(ANSWER),
    )
