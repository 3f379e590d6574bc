"""opencode: one binary; a request beside its loop asks a small model for a title, unless it is told one."""

from typing import Final

import msgspec

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package
from turnout.capabilities import Dialect

PROVIDERS: Final[dict[Dialect, str]] = {
    "anthropic_messages": "anthropic",
    "openai_chat": "router",
    "openai_responses": "openai",
    "gemini_generate": "google",
}
"""Its own providers; `router` is what a user writes for an OpenAI-compatible address."""


def launch(errand: Errand) -> Launch:
    provider = PROVIDERS[errand.dialect]
    version = "v1beta" if provider == "google" else "v1"
    described: dict[str, object] = {
        "options": {"baseURL": f"{errand.url}/{version}", "apiKey": KEY}
    }
    if provider == "router":
        described |= {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Router",
            "models": {
                errand.model: {
                    "name": errand.model,
                    "attachment": True,
                    "modalities": {"input": ["text", "image"], "output": ["text"]},
                    "limit": {"context": 200_000, "output": 32_000},
                }
            },
        }
    settings = {"autoupdate": False, "share": "disabled", "provider": {provider: described}}
    errand.desk.write(".config/opencode/opencode.json", msgspec.json.encode(settings).decode())
    return Launch(
        ("run", "--auto", "--title", "A task", "-m", f"{provider}/{errand.model}", errand.prompt),
        {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    )


AGENT: Final = Agent(
    name="opencode",
    package=Package(
        NPM / "opencode", ("node_modules/opencode-linux-x64-baseline/bin/opencode",), "1.18.33"
    ),
    harness="opencode",
    models={
        "anthropic_messages": "claude-opus-5-5",
        "openai_chat": "gpt-4.1",
        "openai_responses": "gpt-5.5",
        "gemini_generate": "gemini-3.8-flash",
    },
    launch=launch,
    shell=lambda command: Call("bash", {"command": command}),
    read=lambda path: Call("read", {"filePath": path}),
    subagent=lambda: (
        Call("task", {"description": "Look around", "prompt": SUBTASK, "subagent_type": "general"}),
    ),
    marks_subagents=True,
    names_sessions=True,
)
