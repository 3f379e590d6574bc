"""Which commits are an agent's, and of which session: told from what is written in them. Pure.

A session is named by a line `Turnout-Session: ID` (or another name of `SESSION_TRAILERS`) anywhere in
the message: a squash merge puts the messages of its commits into its body, where git no longer sees
trailers. An agent without one is known by its address, or by the line that its harness writes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SESSION_TRAILERS: Final = ("Turnout-Session", "Claude-Session", "Codex-Session", "Agent-Session")

AGENT_ADDRESSES: Final = (
    "noreply@anthropic.com",
    "noreply@openai.com",
    "codex@openai.com",
    "cursoragent@cursor.com",
    "noreply@aider.chat",
    "aider@aider.chat",
    "noreply@opencode.ai",
    "amp@ampcode.com",
    "crush@charm.land",
    "+copilot@users.noreply.github.com",
    "copilot-swe-agent[bot]@users.noreply.github.com",
    "devin-ai-integration[bot]@users.noreply.github.com",
    "google-labs-jules[bot]@users.noreply.github.com",
    "gemini-code-assist[bot]@users.noreply.github.com",
    "qwen-coder@alibabacloud.com",
    "(no-reply)@cline.bot",
)
"""Ends of the addresses that agents commit with, lower case."""

MOST_SESSIONS: Final = 20
"""Sessions of one commit; a squash of many is cut."""

_CO_AUTHOR: Final = re.compile(
    r"^[ \t]*co-authored-by:[^<\n]*<([^>\n]+)>", re.IGNORECASE | re.MULTILINE
)
_GENERATED: Final = re.compile(
    r"^[^\w\n]*generated (?:with|by) \[?(?:claude code|codex|opencode|crush|amp|gemini cli)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SESSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,199}")
_REVERTS: Final = re.compile(r"\breverts commit ([0-9a-f]{7,64})\b", re.IGNORECASE)
_MERGED_BRANCH: Final = (
    re.compile(r"Merge (?:remote-tracking )?branch '([^']+)'"),
    re.compile(r"Merge pull request #\d+ from [^/\s]+/(\S+)"),
    re.compile(r"Merged in (\S+) \(pull request #\d+\)"),
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a commit says of who wrote it.

    Attributes:
        sessions: ids in the order of the message.
        is_agent: whether anything in it is an agent's.
    """

    sessions: tuple[str, ...]
    is_agent: bool


def marks_of(
    message: str, emails: Sequence[str], *, trailers: Sequence[str] = SESSION_TRAILERS
) -> Marks:
    """The marks of a commit with this message, written and committed under these addresses."""
    names = "|".join(re.escape(name) for name in trailers)
    told = re.findall(
        rf"^[ \t*>-]*(?:{names}):[ \t]*(\S+)[ \t\r]*$", message, re.IGNORECASE | re.MULTILINE
    )
    # Some harnesses give an address whose last part is the id.
    ids = [str(value).rstrip("/").rsplit("/", 1)[-1] for value in told]
    sessions = tuple(dict.fromkeys(one for one in ids if _SESSION.fullmatch(one)))[:MOST_SESSIONS]
    addresses = [email.lower() for email in (*emails, *_CO_AUTHOR.findall(message))]
    is_agent = any(address.endswith(AGENT_ADDRESSES) for address in addresses)
    return Marks(sessions, bool(sessions) or is_agent or bool(_GENERATED.search(message)))


def reverts(message: str) -> tuple[str, ...]:
    """Ids, perhaps shortened, of the commits that a message says it reverts."""
    return tuple(sha.lower() for sha in _REVERTS.findall(message))


def merged_branch(message: str) -> str:
    """The branch that a merge commit says it brought in, "" when it says none."""
    subject = message.split("\n", 1)[0]
    for pattern in _MERGED_BRANCH:
        if matched := pattern.match(subject):
            return matched[1].removeprefix("origin/")
    return ""
