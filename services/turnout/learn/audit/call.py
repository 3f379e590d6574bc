"""One upstream call as a transcript tells it: figures, ids, names of tools and times. No text is kept."""

from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from turnout.catalog.names import vendor_of
from turnout.dialects.usage import Usage

MAIN: Final = "main"
"""The thread of an agent's main loop."""

Unread: TypeAlias = Counter[str]
"""What could not be read, by what it was."""

Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
"""Of one call; more is no count."""

LATEST: Final = 4_102_444_800
"""Unix seconds of the year 2100; more is no time of a call."""

Usd: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        agent: as the tables of traces name it.
        thread: `MAIN`, or the subagent's id.
        begun, ended: unix seconds of the first and the last part of the answer.
        starts_turn: it follows what the user has typed.
        is_whole: the usage is the provider's last word; False where the transcript has a placeholder
            for the output.
        input_chars: of what came in since the answer before.
        tool_errors: results that came in as failed.
        is_compacted: the prompt was compacted since the answer before.
        usd_reported: what the agent itself has reckoned.
        message, request: the provider's ids, by which copies are told; "" where there are none.
    """

    agent: str
    client_version: str = ""
    repo: str = ""
    session: str
    thread: str = MAIN
    begun: float
    ended: float
    starts_turn: bool = False
    model: str
    usage: Usage
    is_whole: bool = True
    text_chars: int = 0
    thinking_chars: int = 0
    tool_chars: int = 0
    input_chars: int = 0
    tools: tuple[str, ...] = ()
    tool_errors: int = 0
    has_image: bool = False
    is_compacted: bool = False
    stop_reason: str = ""
    tier: str = ""
    usd_reported: float | None = None
    message: str = ""
    request: str = ""

    @property
    def is_subagent(self) -> bool:
        return self.thread != MAIN


def usage_with_writes(
    model: str, *, fresh: int, read: int, written: int, output: int, reasoning: int
) -> Usage:
    """Where the transcript does not say how long a prefix was written for, it is Anthropic's default."""
    is_five_minutes = vendor_of(model) == "anthropic"
    return Usage(
        fresh_input=fresh,
        cache_read=read,
        cache_write_5m=written if is_five_minutes else 0,
        cache_write_other=0 if is_five_minutes else written,
        output=output,
        reasoning=reasoning,
    )


def unix_seconds(written: str) -> float | None:
    """Of an ISO time, which is UTC where it does not say; None where it is no time."""
    try:
        at = datetime.fromisoformat(written)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LATEST else None


@lru_cache(maxsize=4_096)
def repository_of(directory: str) -> str:
    """The name of the repository that an agent has worked in.

    It is the nearest directory above that holds `.git`, of a worktree the one that it belongs to; where
    none is on this disk any more, the last name of the path.
    """
    path = Path(directory)
    try:
        for above in (path, *path.parents):
            git = above / ".git"
            if git.is_dir():
                return above.name
            if git.is_file():
                return _owner_of_worktree(git) or above.name
    except (OSError, ValueError):
        # A path of another machine may be none here.
        pass
    return path.name


def _owner_of_worktree(git: Path) -> str:
    """Whose `.git/worktrees/NAME` the file points into; "" where it points elsewhere."""
    with git.open(encoding="utf-8", errors="replace") as file:
        pointed = Path(file.read(4_096).strip().removeprefix("gitdir: "))
    is_worktree = pointed.parent.name == "worktrees" and pointed.parents[1].name == ".git"
    return pointed.parents[2].name if is_worktree else ""
