"""Codex with a provider of the user's own, without OpenAI's account services.

Three ways in which it speaks: with one of the models it has known for long, whose tools stand in the
request and whose subagents have to be searched for; with a newer one, whose tools stand in an item of
the input and are all but one called from JavaScript; and over a WebSocket.
"""

import json
from dataclasses import replace
from typing import Final

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
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

SOCKET: Final = "supports_websockets = true\n"

UNTIL_ANOTHER_HAS_ENDED: Final = Call(
    "exec_command",
    {
        "cmd": "until grep -qrs task_complete ~/.codex/sessions; do sleep 0.1; done",
        "yield_time_ms": 60_000,
    },
)
"""A call that waits for an agent has to name it, and nobody knows the name before. The report comes
with one of the next requests.
"""


def launch(errand: Errand) -> Launch:
    return _launch(errand, SETTINGS)


def launch_with_socket(errand: Errand) -> Launch:
    return _launch(errand, SETTINGS + SOCKET)


def _launch(errand: Errand, settings: str) -> Launch:
    errand.desk.write(".codex/config.toml", settings.format(model=errand.model, url=errand.url))
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
    subagent=lambda: (
        Call("tool_search", {"query": "spawn agent"}),
        Call("spawn_agent", {"message": SUBTASK}, namespace="multi_agent_v1"),
        *(UNTIL_ANOTHER_HAS_ENDED,) * 3,
    ),
    marks_subagents=True,
    names_sessions=True,
)


def _from_javascript(command: str) -> Call:
    run = f"text((await tools.exec_command({json.dumps({'cmd': command})})).output)"
    return Call("exec", run, namespace="functions")


NEWER: Final = replace(
    AGENT,
    name="Codex with a newer model",
    models={"openai_responses": "gpt-6-sol"},
    shell=_from_javascript,
    read=lambda path: _from_javascript(f"cat {path}"),
    subagent=lambda: (
        Call(
            "spawn_agent",
            {"task_name": "look", "message": SUBTASK, "fork_turns": "none"},
            namespace="collaboration",
        ),
        Call("wait_agent", {"timeout_ms": 60_000}, namespace="collaboration"),
    ),
    calls_at_once=False,
)

WITH_SOCKET: Final = replace(
    AGENT, name="Codex over a WebSocket", launch=launch_with_socket, subagent=None
)
