"""Claude Code as a user runs it in a script, and what it prints.

Rules: it talks to the address under test and, as far as its switches reach, to nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tests.agents.desk import KEY, Desk, run_program

ALLOWED: Final = ("--allowedTools", "Bash,Read,Agent")


class Usage(msgspec.Struct, frozen=True):
    """The agent's own sum over its answers, in the words of the wire."""

    cache_read_input_tokens: int = 0
    output_tokens: int = 0


class Event(msgspec.Struct, frozen=True):
    """A line that the agent prints."""

    type: str
    subtype: str = ""
    session_id: str = ""
    is_error: bool = False
    num_turns: int = 0
    result: str = ""
    parent_tool_use_id: str | None = None
    usage: Usage = Usage()
    message: object = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run that has ended."""

    status: int
    output: str
    errors: str
    events: tuple[Event, ...]

    @property
    def end(self) -> Event:
        """The agent's verdict."""
        found = [event for event in self.events if event.type == "result"]
        assert found, f"status {self.status}\n{self.output[-2_000:]}\n{self.errors[-2_000:]}"
        return found[-1]

    @property
    def session(self) -> str:
        return self.end.session_id

    @property
    def retries(self) -> int:
        """How often the agent itself sent a request again."""
        return sum(event.subtype == "api_retry" for event in self.events)

    def told(self, event_type: str) -> str:
        """All messages of one kind as a text to search in."""
        return "\n".join(
            msgspec.json.encode(event.message).decode()
            for event in self.events
            if event.type == event_type
        )

    def check_success(self) -> None:
        end = self.end
        assert (self.status, end.subtype, end.is_error) == (0, "success", False), self.output[
            -3000:
        ]
        assert end.result.strip()


def environment(desk: Desk, base_url: str) -> dict[str, str]:
    """As Turnout's installer sets it, without calls to anybody else."""
    return {
        "CLAUDE_CODE_TMPDIR": str(desk.home / "tmp"),
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    }


async def run_claude(
    command: Sequence[str],
    desk: Desk,
    base_url: str,
    prompt: str,
    *,
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Run:
    """One `claude -p`, allowed to list, to read and to start agents."""
    ended = await run_program(
        (
            *(*command, "-p", prompt, *options, *ALLOWED),
            *("--output-format", "stream-json", "--verbose"),
        ),
        desk,
        environment(desk, base_url) | dict(variables or {}),
    )
    lines = [line for line in ended.output.splitlines() if line.startswith("{")]
    return Run(
        status=ended.status,
        output=ended.output,
        errors=ended.errors,
        events=tuple(msgspec.json.decode(line, type=Event) for line in lines),
    )
