"""Qwen Code: a fork of Gemini CLI that speaks every dialect, and calls itself claude-cli in one."""

from typing import Final

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package
from turnout.capabilities import Dialect

AUTH: Final[dict[Dialect, str]] = {
    "anthropic_messages": "anthropic",
    "openai_chat": "openai",
    "openai_responses": "openai-responses",
    "gemini_generate": "gemini",
}

SETTINGS: Final = """{
  "general": {"enableAutoUpdate": false, "disableAutoUpdate": true, "disableUpdateNag": true},
  "tools": {"shell": {"enableInteractiveShell": false}},
  "privacy": {"usageStatisticsEnabled": false},
  "telemetry": {"enabled": false}
}"""
"""On a terminal of its own, and sometimes without, a command that ends at once loses its output."""


def launch(errand: Errand) -> Launch:
    match errand.dialect:
        case "anthropic_messages":
            address = {
                "ANTHROPIC_BASE_URL": errand.url,
                "ANTHROPIC_API_KEY": KEY,
                "ANTHROPIC_MODEL": errand.model,
            }
        case "gemini_generate":
            address = {"GOOGLE_GEMINI_BASE_URL": errand.url, "GEMINI_API_KEY": KEY}
        case "openai_chat" | "openai_responses":
            address = {
                "OPENAI_BASE_URL": f"{errand.url}/v1",
                "OPENAI_API_KEY": KEY,
                "OPENAI_MODEL": errand.model,
            }
    errand.desk.write(".qwen/settings.json", SETTINGS)
    return Launch(
        (
            *("--auth-type", AUTH[errand.dialect], "-m", errand.model),
            *("--approval-mode", "yolo", "-o", "text", "-p", errand.prompt),
        ),
        address | {"QWEN_CODE_SUPPRESS_YOLO_WARNING": "1"},
    )


AGENT: Final = Agent(
    name="Qwen Code",
    package=Package(NPM / "qwen_code", ("node_modules/.bin/qwen",), "0.24.4"),
    harness="qwen_code",
    models={
        "openai_chat": "gpt-4.1",
        "anthropic_messages": "claude-opus-5-5",
        "openai_responses": "gpt-5.5",
        "gemini_generate": "gemini-3.8-flash",
    },
    launch=launch,
    shell=lambda command: Call("run_shell_command", {"command": command, "is_background": False}),
    read=lambda path: Call("read_file", {"file_path": path}),
    subagent=lambda: (
        Call(
            "agent",
            {
                "description": "Look around",
                "prompt": SUBTASK,
                "subagent_type": "general-purpose",
                "run_in_background": False,
            },
        ),
    ),
)
