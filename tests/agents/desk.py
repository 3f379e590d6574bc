"""Where an agent works, and how its program is run there.

Rules: its environment is built here from nothing, so neither a key nor a setting of whoever runs the
tests gets in; what it leaves running is ended, and told by the home that it was given.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUN_SECONDS: Final = 180.0
"""A task takes 1 to 6 s here; a client that backs off before each of its retries takes half a minute, and a busy machine four times as long."""

MARK: Final = "The password of the signal box is quokka-1234."
"""What the file says: where it turns up, the file was really read."""

MADE: Final = "made-by-a-tool.txt"
"""The file that a task's shell command makes."""

KEY: Final = "no-key"
"""Must not look like a provider's: Turnout sends those to the provider."""


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

    @property
    def readme(self) -> str:
        return str(self.project / "README.md")

    def write(self, name: str, text: str) -> None:
        """A settings file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended, with what it printed."""

    status: int
    output: str
    errors: str

    def told(self) -> str:
        """The end of both outputs, for the message of a failure."""
        return f"status {self.status}\n{self.output[-2_000:]}\n{self.errors[-2_000:]}"


async def run_program(command: Sequence[str], desk: Desk, environment: Mapping[str, str]) -> Ended:
    """Run a program at a desk until it ends. Fails when it does not."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=desk.project,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(desk.home),
            "TMPDIR": str(desk.home / "tmp"),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            out, errors = await process.communicate()
    except TimeoutError:
        _end_left_over(desk)
        out, errors = await process.communicate()
        raise AssertionError(
            f"the agent does not end: {out[-3_000:]!r} {errors[-3_000:]!r}"
        ) from None
    finally:
        _end_left_over(desk)
    return Ended(process.returncode or 0, out.decode(errors="replace"), errors.decode())


def _end_left_over(desk: Desk) -> None:
    """End every process whose home is this desk's; Cline leaves a daemon behind."""
    mark = f"HOME={desk.home}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes() + b"\0":
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
