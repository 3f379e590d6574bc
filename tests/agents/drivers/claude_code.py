"""Claude Code with the hint headers that Turnout's installer switches on."""

from typing import Final

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.claude import ALLOWED, environment
from tests.agents.install import CLAUDE_CODE


def launch(errand: Errand) -> Launch:
    return Launch(
        ("-p", errand.prompt, "--model", errand.model, *ALLOWED),
        environment(errand.desk, errand.url),
    )


AGENT: Final = Agent(
    name="Claude Code",
    package=CLAUDE_CODE,
    harness="claude_code",
    models={"anthropic_messages": "claude-opus-5-5"},
    launch=launch,
    shell=lambda command: Call("Bash", {"command": command, "description": "Make a file"}),
    read=lambda path: Call("Read", {"file_path": path}),
    subagent=lambda: (
        Call(
            "Agent",
            {
                "description": "Look around",
                "prompt": SUBTASK,
                "subagent_type": "general-purpose",
                "run_in_background": False,
            },
        ),
    ),
    marks_subagents=True,
    names_sessions=True,
)
