"""Claude Code as a user runs it in a script, and what it prints.

Rules: its environment is built here from nothing, so neither a key nor a setting of whoever runs the
tests gets in; it talks to the address under test and, as far as its switches reach, to nobody else.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

RUN_SECONDS: Final = 90.0
"""A task takes 1 to 3 s here; a client that backs off before each of its retries takes half a minute."""

MARK: Final = "The password of the signal box is quokka-1234."
"""What the file says: where it turns up, the file was really read."""

KEY: Final = "no-key"
"""Must not look like a provider's: Turnout sends those to the provider."""


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


@dataclass(frozen=True, slots=True)
class Desk:
    """A home and a project folder of one user's; a session is continued at the same desk."""

    home: Path
    project: Path

    @classmethod
    def under(cls, folder: Path) -> "Desk":
        desk = cls(home=folder / "home", project=folder / "project")
        for made in (desk.home, desk.project, desk.home / "tmp"):
            made.mkdir(parents=True)
        (desk.project / "README.md").write_text(f"{MARK}\n", encoding="utf-8")
        return desk


async def run_claude(
    binary: Path,
    desk: Desk,
    base_url: str,
    prompt: str,
    *,
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Run:
    """One `claude -p`, allowed to list, to read and to start agents."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(desk.home),
        "CLAUDE_CODE_TMPDIR": str(desk.home / "tmp"),
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(binary), "-p", prompt, *options),
        *("--allowedTools", "Bash,Read,Agent"),
        *("--output-format", "stream-json", "--verbose"),
        cwd=desk.project,
        env=environment | dict(variables or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        out, errors = await process.communicate()
        raise AssertionError(f"the agent does not end: {out[-3_000:]!r} {errors!r}") from None
    output = out.decode()
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return Run(
        status=process.returncode or 0,
        output=output,
        errors=errors.decode(),
        events=tuple(msgspec.json.decode(line, type=Event) for line in lines),
    )
