"""aider: no tools; the model writes whole files as text, which aider puts on the disk."""

from typing import Final

from tests.agents.agent import Agent, Errand, Launch
from tests.agents.desk import KEY
from tests.agents.install import PYPI, Package


def launch(errand: Errand) -> Launch:
    if errand.dialect == "anthropic_messages":
        vendor = "anthropic"
        address = {"ANTHROPIC_API_BASE": errand.url, "ANTHROPIC_API_KEY": KEY}
    elif errand.dialect == "gemini_generate":
        vendor = "gemini"
        address = {"GEMINI_API_BASE": f"{errand.url}/v1beta", "GEMINI_API_KEY": KEY}
    else:
        vendor = "openai"
        address = {"OPENAI_API_BASE": f"{errand.url}/v1", "OPENAI_API_KEY": KEY}
    return Launch(
        (
            *("--model", f"{vendor}/{errand.model}", "--edit-format", "whole"),
            *("--yes-always", "--no-git", "--no-pretty", "--analytics-disable"),
            *("--no-check-update", "--no-show-release-notes", "--no-show-model-warnings"),
            *("--no-detect-urls", "--no-suggest-shell-commands"),
            *("--message", errand.prompt, errand.desk.readme),
        ),
        address | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )


AGENT: Final = Agent(
    name="aider",
    package=Package(PYPI / "aider", ("venv/bin/python", "-m", "aider"), "0.86.2"),
    harness="aider",
    models={
        "openai_chat": "gpt-5.5",
        "anthropic_messages": "claude-opus-5-5",
        "gemini_generate": "gemini-3.8-flash",
    },
    launch=launch,
)
