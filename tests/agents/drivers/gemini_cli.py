"""Gemini CLI, told its model; and left to choose one, which it does by asking a small model in front of
every turn how hard the task is.
"""

from dataclasses import replace
from typing import Final

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package

SETTINGS: Final = """{
  "security": {"auth": {"selectedType": "gemini-api-key"}},
  "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
  "tools": {"shell": {"enableInteractiveShell": false}},
  "privacy": {"usageStatisticsEnabled": false},
  "telemetry": {"enabled": false}
}"""


def launch(errand: Errand) -> Launch:
    return _launch(errand, "-m", errand.model)


def launch_without_a_model(errand: Errand) -> Launch:
    return _launch(errand)


def _launch(errand: Errand, *options: str) -> Launch:
    errand.desk.write(".gemini/settings.json", SETTINGS)
    return Launch(
        (*options, "--skip-trust", "--yolo", "-o", "text", "-p", errand.prompt),
        {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": errand.url},
    )


AGENT: Final = Agent(
    name="Gemini CLI",
    package=Package(NPM / "gemini_cli", ("node_modules/.bin/gemini",), "0.61.0"),
    harness="gemini_cli",
    models={"gemini_generate": "gemini-3.8-flash"},
    launch=launch,
    shell=lambda command: Call("run_shell_command", {"command": command}),
    read=lambda path: Call("read_file", {"file_path": path}),
    subagent=lambda: (Call("invoke_agent", {"agent_name": "generalist", "prompt": SUBTASK}),),
    marks_subagents=True,
    report=lambda text: Call("complete_task", {"result": {"response": text}}),
)

CHOOSING: Final = replace(AGENT, name="Gemini CLI without a model", launch=launch_without_a_model)
