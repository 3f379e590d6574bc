"""A subagent is a thread of its own in the session of the agent that started it.

The subagent is given a model of its own, so that each of the two loops, which run at the same time,
can be scripted by its model.
"""

from typing import Final

import pytest

from tests.agents.bench import Bench, Only
from tests.agents.desk import Desk

pytestmark = pytest.mark.anyio

MAIN: Final = "claude-opus-5-5"
SUBAGENT: Final = "claude-haiku-5-5"


async def test_a_subagent_is_a_thread_of_its_own(observing: Bench, desk: Desk) -> None:
    await observing.script(
        Only(model=MAIN, simulate="tool=Agent,steps=1"),
        Only(model=MAIN, simulate="text"),
        Only(model=MAIN, simulate="text"),
        Only(model=SUBAGENT, simulate="tool=Bash,steps=1"),
        Only(model=SUBAGENT, simulate="text"),
    )
    run = await observing.run(
        desk,
        "Let an agent look at this directory.",
        variables={"CLAUDE_CODE_SUBAGENT_MODEL": SUBAGENT},
    )
    run.check_success()
    rows = await observing.rows(run.session, 5)
    main = [row for row in rows if row.thread == "main"]
    sub = [row for row in rows if row.thread != "main"]

    # The subagent runs in the background; its report opens the main loop's last step.
    assert [row.step_kind for row in main] == ["user_input", "tool_continuation", "user_input"]
    assert {(row.request_class, row.is_subagent) for row in main} == {("main", 0)}
    assert [row.steps for row in main] == [0, 1, 2]

    assert [row.step_kind for row in sub] == ["subagent_start", "tool_continuation"]
    assert {(row.request_class, row.is_subagent) for row in sub} == {("subagent", 1)}
    assert len({row.thread for row in sub}) == 1
    assert [row.steps for row in sub] == [0, 1]
    assert [row.served_model for row in sub] == [SUBAGENT, SUBAGENT]
    assert {row.incumbent for row in main[1:]} == {main[0].target}
    assert sub[1].incumbent == sub[0].target
