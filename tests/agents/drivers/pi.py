"""pi: four tools and a short prompt; starts in half a second."""

from typing import Final

import msgspec

from tests.agents.agent import Agent, Call, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import NPM, Package
from turnout.capabilities import Dialect

APIS: Final[dict[Dialect, tuple[str, str]]] = {
    "anthropic_messages": ("anthropic-messages", ""),
    "openai_chat": ("openai-completions", "/v1"),
    "openai_responses": ("openai-responses", "/v1"),
    "gemini_generate": ("google-generative-ai", "/v1beta"),
}


def launch(errand: Errand) -> Launch:
    api, version = APIS[errand.dialect]
    model = {
        "id": errand.model,
        "reasoning": True,
        "input": ["text", "image"],
        "contextWindow": 200_000,
        "maxTokens": 32_000,
        # It does not know the model by itself, which refuses budgets of thinking tokens.
        "compat": {"forceAdaptiveThinking": errand.dialect == "anthropic_messages"},
    }
    provider = {"baseUrl": errand.url + version, "api": api, "apiKey": KEY, "models": [model]}
    settings = {"providers": {"router": provider}}
    errand.desk.write(".pi/agent/models.json", msgspec.json.encode(settings).decode())
    return Launch(
        ("-p", "--provider", "router", "--model", errand.model, errand.prompt),
        {"PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0"},
    )


AGENT: Final = Agent(
    name="pi",
    package=Package(NPM / "pi", ("node_modules/.bin/pi",), "0.87.1"),
    harness="pi",
    models={
        "anthropic_messages": "claude-opus-5-5",
        "openai_chat": "gpt-5.5",
        "openai_responses": "gpt-5.5",
        "gemini_generate": "gemini-3.8-flash",
    },
    launch=launch,
    shell=lambda command: Call("bash", {"command": command}),
    read=lambda path: Call("read", {"path": path}),
)
