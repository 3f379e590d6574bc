"""Cline's command line. It leaves a daemon behind, which the desk ends."""

from typing import Final

import msgspec

from tests.agents.agent import SUBTASK, Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package
from turnout.capabilities import Dialect

PROVIDERS: Final[dict[Dialect, tuple[str, str]]] = {
    "anthropic_messages": ("anthropic", "/v1"),
    "openai_chat": ("openai-compatible", "/v1"),
    "openai_responses": ("openai-native", "/v1"),
    "gemini_generate": ("gemini", "/v1beta"),
}
"""Its providers, and what stands behind the router's root. The command that writes the file takes an
address for one of them only.
"""


def launch(errand: Errand) -> Launch:
    name, version = PROVIDERS[errand.dialect]
    provider = {
        "settings": {
            "provider": name,
            "apiKey": KEY,
            "model": errand.model,
            "baseUrl": errand.url + version,
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "tokenSource": "manual",
    }
    settings = {
        "version": 1,
        "lastUsedProvider": name,
        "modes": {},
        "providers": {name: provider},
    }
    errand.desk.write(".cline/data/settings/providers.json", msgspec.json.encode(settings).decode())
    return Launch((errand.prompt,), {"CLINE_TELEMETRY_DISABLED": "1"})


AGENT: Final = Agent(
    name="Cline",
    package=Package(NPM / "cline", ("node_modules/.bin/cline",), "3.0.65"),
    harness="cline",
    models={
        "openai_chat": "gpt-5.5",
        "anthropic_messages": "claude-opus-5-5",
        "openai_responses": "gpt-5.5",
        "gemini_generate": "gemini-3.8-flash",
    },
    launch=launch,
    shell=lambda command: Call("run_commands", {"commands": [command]}),
    read=lambda path: Call("read_files", {"files": [{"path": path}]}),
    subagent=lambda: (Call("spawn_agent", {"systemPrompt": "You look around.", "task": SUBTASK}),),
    native=frozenset({"anthropic_messages", "openai_responses", "gemini_generate"}),
)
