"""Codex with a provider of the user's own: Responses over HTTP, without OpenAI's account services."""

from typing import Final

from tests.agents.agent import Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package

SETTINGS: Final = """
model = "{model}"
model_provider = "router"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.router]
name = "Router"
base_url = "{url}/v1"
env_key = "ROUTER_KEY"
wire_api = "responses"
"""


def launch(errand: Errand) -> Launch:
    errand.desk.write(".codex/config.toml", SETTINGS.format(model=errand.model, url=errand.url))
    return Launch(
        (
            *("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
            errand.prompt,
        ),
        {"ROUTER_KEY": KEY},
    )


AGENT: Final = Agent(
    name="Codex",
    package=Package(NPM / "codex", ("node_modules/.bin/codex",), "0.169.0"),
    harness="codex",
    models={"openai_responses": "gpt-5.5"},
    launch=launch,
    shell=lambda command: Call("exec_command", {"cmd": command}),
    read=lambda path: Call("exec_command", {"cmd": f"cat {path}"}),
    marks_subagents=True,
    names_sessions=True,
)
