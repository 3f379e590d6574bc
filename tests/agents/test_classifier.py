"""Gemini CLI asks how hard a task is before it asks for the task: a question beside the main loop, whose
answer it has to be able to read whoever gives it.
"""

from typing import Final

import pytest

from tests.agents.agent import scripted, spoken
from tests.agents.bench import Only
from tests.agents.conftest import Programs, Served
from tests.agents.desk import MARK, Desk
from tests.agents.drivers.gemini_cli import CHOOSING
from tests.agents.trial import attempt

pytestmark = pytest.mark.anyio

PROMPT: Final = "Read the readme and tell me the password."
ANSWER: Final = "The readme names one password, and it is quokka with four digits."

WITH_TOOLS: Final = '"tools":'
"""What the main loop's requests have in every dialect, and the question has not."""


async def test_the_question_is_beside_the_main_loop(
    served: Served, programs: Programs, desk: Desk
) -> None:
    agent = CHOOSING
    program = programs.of(agent.name, agent.package)
    assert agent.read is not None
    read = scripted(agent.read(desk.readme), to=served.upstream.dialect)
    script = (
        Only(holds=WITH_TOOLS, simulate=read),
        Only(holds=WITH_TOOLS, simulate=spoken(ANSWER)),
    )
    trial = await attempt(served.bench, agent, program, desk, "gemini_generate", PROMPT, script)
    trial.check_success(ANSWER)
    question, *main = trial.rows
    assert (question.step_kind, question.request_class) == ("classification", "auxiliary")
    assert [row.step_kind for row in main] == ["user_input", "tool_continuation"], trial.told()
    assert {(row.request_class, row.outcome) for row in trial.rows[1:]} == {("main", "answered")}
    assert len({row.thread for row in main}) == 1, trial.told()
    assert MARK in (trial.sent[-1].body or ""), trial.told()
