"""Which transcripts there are, and what each agent's reader finds in them.

Rules: without paths, the places are those where the agents themselves look for their files; with paths, a
file is read by whose it is by its name. A file that two places reach is read once, and a call that several
transcripts hold counts once: where it stands on a main thread, and first.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from turnout.learn.audit import claude_code, codex, gemini_cli, litellm, opencode
from turnout.learn.audit.call import Call, Unread
from turnout.learn.audit.files import below, is_there


@dataclass(frozen=True, slots=True)
class Agent:
    """Whose transcripts can be read.

    Attributes:
        places: of its files for a home and an environment.
        takes: whether a path has the name of one of its transcripts.
    """

    name: str
    places: Callable[[Path, Mapping[str, str]], Sequence[Path]]
    takes: Callable[[Path], bool]
    read: Callable[[Path, Unread], Iterator[Call]]


def _claude_code(home: Path, environment: Mapping[str, str]) -> list[Path]:
    told = [Path(one.strip()) for one in environment.get("CLAUDE_CONFIG_DIR", "").split(",") if one]
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return [one / "projects" for one in told or (home / ".claude", config / "claude")]


def _codex(home: Path, environment: Mapping[str, str]) -> list[Path]:
    own = Path(environment.get("CODEX_HOME") or home / ".codex")
    return [own / "sessions", own / "archived_sessions"]


def _gemini_cli(home: Path, environment: Mapping[str, str]) -> list[Path]:
    return [Path(environment.get("GEMINI_CLI_HOME") or home) / ".gemini" / "tmp"]


def _opencode(home: Path, environment: Mapping[str, str]) -> list[Path]:
    own = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "opencode"
    return [*sorted(own.glob("opencode*.db")), own / "storage"]


AGENTS: Final = (
    Agent(codex.AGENT, _codex, codex.takes, codex.read),
    Agent(gemini_cli.AGENT, _gemini_cli, gemini_cli.takes, gemini_cli.read),
    Agent(opencode.AGENT, _opencode, opencode.takes, opencode.read),
    Agent(claude_code.AGENT, _claude_code, claude_code.takes, claude_code.read),
    Agent(litellm.AGENT, lambda _home, _environment: (), litellm.takes, litellm.read),
)
"""The more telling names first; a proxy's export has no place and no name of its own."""


NOBODYS: Final = "files that are no agent's by their names"


@dataclass(slots=True)
class Found:
    """Of one agent."""

    transcripts: int = 0
    calls: int = 0
    copies: int = 0
    unread: Unread = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Gathered:
    """All calls, those of a transcript together and in its order, older transcripts first.

    Attributes:
        found: by agent.
        unread: what cannot be said of one agent.
    """

    calls: Sequence[Call]
    found: Mapping[str, Found]
    unread: Unread


def known_places(
    home: Path, environment: Mapping[str, str], agents: Sequence[Agent]
) -> list[tuple[Path, Sequence[Agent]]]:
    """What is there, and whose it is."""
    return [
        (place, (agent,))
        for agent in agents
        for place in agent.places(home, environment)
        if is_there(place)
    ]


def gather(searched: Iterable[tuple[Path, Sequence[Agent]]], *, since: float = 0.0) -> Gathered:
    """What is in the places, for each of which it is said whose files may lie there. Calls that began
    before `since`, unix seconds, are passed over.
    """
    found: dict[str, Found] = {}
    unread: Unread = Counter()
    read: list[list[Call]] = []
    seen: set[Path] = set()
    for place, agents in searched:
        for agent, transcript in _transcripts(place, agents, unread):
            real = Path(os.path.realpath(transcript))
            if real in seen:
                continue
            seen.add(real)
            own = found.setdefault(agent.name, Found())
            calls = [one for one in agent.read(transcript, own.unread) if one.begun >= since]
            own.transcripts += 1
            own.calls += len(calls)
            if calls:
                read.append(calls)
    # A session that goes on with another begins like it; the longer one has the whole of its thread.
    read.sort(key=lambda calls: (min(call.begun for call in calls), -len(calls)))
    return Gathered(_once((call for calls in read for call in calls), found), found, unread)


def _transcripts(
    place: Path, agents: Sequence[Agent], unread: Unread
) -> Iterator[tuple[Agent, Path]]:
    agent = _whose(place, agents)
    if agent is not None:
        yield agent, place
        return
    if not place.is_dir():
        unread[NOBODYS] += 1
        return
    # Any JSON may lie below a directory; a proxy's export has to be named itself.
    among = [one for one in agents if one.name != litellm.AGENT]
    for directory, names, files in below(place, unread):
        for name in (*names, *files):
            agent = _whose(directory / name, among)
            if agent is not None:
                yield agent, directory / name
            elif name.endswith(".jsonl") and name in files:
                unread[NOBODYS] += 1
        names[:] = [name for name in names if _whose(directory / name, among) is None]


def _whose(path: Path, agents: Sequence[Agent]) -> Agent | None:
    return next((agent for agent in agents if agent.takes(path)), None)


def _once(calls: Iterable[Call], found: Mapping[str, Found]) -> list[Call]:
    """Without copies. The same answer within a subagent is one whatever its request: Claude Code's
    side questions begin with their session's answers under requests of their own.
    """
    kept: dict[int, Call] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for place, call in enumerate(calls):
        same = places.setdefault((call.agent, call.message), []) if call.message else []
        other = next((one for one in same if _is_copy(call, kept[one])), None)
        if other is not None:
            found[call.agent].copies += 1
            if call.is_subagent or not kept[other].is_subagent:
                continue
            # The main thread keeps its order, so its call stands where it is.
            same.remove(other)
            del kept[other]
        same.append(place)
        kept[place] = call
    return list(kept.values())


def _is_copy(call: Call, other: Call) -> bool:
    return call.request == other.request or call.is_subagent or other.is_subagent
