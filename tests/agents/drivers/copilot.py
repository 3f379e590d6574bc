"""Copilot CLI with a provider of the user's own, which takes no login."""

from typing import Final

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package


def launch(errand: Errand) -> Launch:
    environment = {
        "COPILOT_PROVIDER_API_KEY": KEY,
        "COPILOT_MODEL": errand.model,
        # Nothing is asked of GitHub: no login, no update, no telemetry.
        "COPILOT_OFFLINE": "true",
    }
    if errand.dialect == "anthropic_messages":
        environment |= {
            "COPILOT_PROVIDER_TYPE": "anthropic",
            "COPILOT_PROVIDER_BASE_URL": errand.url,
        }
    else:
        wire = "responses" if errand.dialect == "openai_responses" else "completions"
        environment |= {
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_BASE_URL": f"{errand.url}/v1",
            "COPILOT_PROVIDER_WIRE_API": wire,
        }
    return Launch(
        ("-s", "--allow-all-tools", "--no-auto-update", "-p", errand.prompt),
        environment,
    )


AGENT: Final = Agent(
    name="Copilot CLI",
    package=Package(NPM / "copilot", ("node_modules/.bin/copilot",), "1.0.102"),
    harness="copilot",
    models={
        "openai_chat": "gpt-4.1",
        "anthropic_messages": "claude-opus-5-5",
        "openai_responses": "gpt-5.5",
    },
    launch=launch,
    shell=lambda command: Call("bash", {"command": command, "description": "Make a file"}),
    read=lambda path: Call("view", {"path": path}),
    subagent=lambda: (
        Call(
            "task",
            {
                "description": "Look around",
                "prompt": SUBTASK,
                "agent_type": "general-purpose",
                "name": "looker",
                "mode": "sync",
            },
        ),
    ),
    marks_subagents=True,
)
