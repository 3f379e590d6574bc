"""What is known of a coding agent: how it is installed, told where to send its requests, and run.

Rules: an agent is one `Agent` value in a module of `drivers/`; it is data and three small functions,
and the tests ask it alone. A name of a model is always one that the agent knows, because the name
decides which prompt and tools it sends.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tests.agents.desk import Desk, Ended, run_program
from tests.agents.install import Package, Program, path_with_node
from turnout.capabilities import Dialect
from turnout.policy.request import Harness

SUBTASK: Final = "Say what this directory holds."
"""What a subagent is asked; also how its first request is told from the main loop's."""


FUNCTIONS_ALONE: Final = frozenset({"anthropic_messages", "gemini_generate"})
"""Dialects without freeform tools."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model makes; a freeform tool takes a text. Only Responses has namespaces."""

    tool: str
    arguments: Mapping[str, object] | str
    namespace: str = ""

    def told_to(self, dialect: Dialect) -> tuple[str, Mapping[str, object] | str]:
        """Name and arguments as a model behind this dialect has to call it."""
        name, arguments = self.tool, self.arguments
        if self.namespace and dialect != "openai_responses":
            name = f"{self.namespace}--{name}"
        if isinstance(arguments, str) and dialect in FUNCTIONS_ALONE:
            arguments = {"input": arguments}
        return name, arguments


@dataclass(frozen=True, slots=True)
class Errand:
    """One run: where the agent works, whom it asks in which dialect for which model, and for what."""

    desk: Desk
    url: str
    dialect: Dialect
    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Launch:
    """What is put behind the program, and into its environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A coding agent.

    Attributes:
        harness: what Turnout's rows call it.
        models: the model it asks for, by the dialect that it then speaks.
        launch: writes the settings of an errand into the desk's home and says what to run.
        shell: the call that runs a command; None for an agent without tools.
        read: the call that reads the file at a path.
        subagent: the calls, one after another, that start a subagent and wait for its report, at most
            these; None for an agent without them.
        report: the call by which a subagent ends, where its last text does not do.
        calls_at_once: its requests allow several calls in one answer.
        marks_subagents: a request says that it is a subagent's.
        names_sessions: a request says which session it belongs to.
        native: dialects in which it offers a tool that the provider runs, in which case nobody but
            that provider can serve.
    """

    name: str
    package: Package
    harness: Harness
    models: Mapping[Dialect, str]
    launch: Callable[[Errand], Launch]
    shell: Callable[[str], Call] | None = None
    read: Callable[[str], Call] | None = None
    subagent: Callable[[], tuple[Call, ...]] | None = None
    report: Callable[[str], Call] | None = None
    calls_at_once: bool = True
    marks_subagents: bool = False
    names_sessions: bool = False
    native: frozenset[Dialect] = frozenset()

    async def run(self, program: Program, errand: Errand) -> Ended:
        """One headless task, every tool allowed."""
        launch = self.launch(errand)
        return await run_program(
            (*program, *launch.arguments),
            errand.desk,
            {"PATH": path_with_node()} | dict(launch.environment),
        )


def scripted(*calls: Call, to: Dialect) -> str:
    """The directives by which a simulated model behind this dialect makes these calls at once."""
    told = [call.told_to(to) for call in calls]
    tools = "+".join(name for name, _ in told)
    arguments = "+".join(_packed(arguments) for _, arguments in told)
    return f"tools={tools},args={arguments}"


def spoken(text: str) -> str:
    """The directive by which the simulated model says exactly this."""
    packed = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"text,say={packed}"


def _packed(arguments: Mapping[str, object] | str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(arguments)).decode().rstrip("=")
