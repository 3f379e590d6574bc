"""The agents that are tried, in the order in which they matter to users."""

from typing import Final

from tests.agents.agent import Agent
from tests.agents.drivers import (
    aider,
    claude_code,
    cline,
    codex,
    copilot,
    gemini_cli,
    opencode,
    pi,
    qwen_code,
)

AGENTS: Final[tuple[Agent, ...]] = (
    claude_code.AGENT,
    codex.AGENT,
    opencode.AGENT,
    gemini_cli.AGENT,
    qwen_code.AGENT,
    pi.AGENT,
    copilot.AGENT,
    cline.AGENT,
    aider.AGENT,
)

WAYS: Final[tuple[Agent, ...]] = (*AGENTS, codex.NEWER, codex.WITH_SOCKET)
"""The agents, and the ways in which one of them speaks that are different on the wire."""
