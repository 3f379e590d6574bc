"""Notes and prompts for tests of the tracker; a prompt is a list of words, one a message."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.dialects.usage import Usage
from turnout.facts import Fact, ThreadSwitched
from turnout.policy.checks import Verdict
from turnout.policy.request import Identity, Prefix
from turnout.ports import LookRequest, Note

DEADLINE_SECONDS = 5.0
NOON = 1_790_000_000.0
"""Some day in 2026, unix seconds."""
OPUS = "anthropic/claude-opus@env"
HAIKU = "anthropic/claude-haiku@env"
TOKENS_PER_MESSAGE = 10_000
HEAD_TOKENS = 6_000


@dataclass(slots=True)
class RecordedFacts:
    """A fact sink that remembers."""

    facts: list[Fact] = field(default_factory=list)

    def record(self, fact: Fact) -> None:
        self.facts.append(fact)

    @property
    def switches(self) -> list[ThreadSwitched]:
        return [fact for fact in self.facts if isinstance(fact, ThreadSwitched)]


def unique(name: str = "name") -> str:
    """Stores outlive a test; names keep the tests apart."""
    return f"{name}-{uuid.uuid4().hex}"


def prompt(*words: str, head: str = "head") -> Prefix:
    """Digests are the words so far, so equal beginnings have equal digests."""
    return Prefix(
        head_digest=head,
        digests=tuple("+".join((head, *words[: count + 1])) for count in range(len(words))),
        tokens=tuple(HEAD_TOKENS + TOKENS_PER_MESSAGE * (n + 1) for n in range(len(words))),
    )


def identity(thread_key: str) -> Identity:
    return Identity(
        tenant="tenant",
        principal="principal",
        harness="claude_code",
        session="session",
        thread="main",
        thread_key=thread_key,
        is_subagent=False,
        is_explicit=True,
        request_class="main",
    )


def written(prefix: Prefix, *, read: int = 0, one_hour: bool = False, output: int = 100) -> Usage:
    """The whole prompt is cached; what was not read was written."""
    rest = (prefix.tokens[-1] if prefix.tokens else HEAD_TOKENS) - read
    if one_hour:
        return Usage(cache_read=read, cache_write_1h=rest, output=output)
    return Usage(cache_read=read, cache_write_5m=rest, output=output)


def note(
    thread_key: str,
    prefix: Prefix,
    *,
    usage: Usage | None,
    at: float = 0.0,
    target: str = OPUS,
    request_id: str = "",
    scope: str = "",
    errors: int = 0,
    moves_thread: bool = True,
    is_failed: bool = False,
    seconds: float = 2.0,
    begins_run: bool = False,
    refused: str = "",
    check: Verdict = "",
    reason: str = "warm_incumbent",
) -> Note:
    return Note(
        request_id=request_id or unique("request"),
        identity=identity(thread_key),
        head_scope=scope,
        prefix=prefix,
        head_tokens=HEAD_TOKENS,
        target=target,
        reason=reason,
        usage=usage,
        step_tool_errors=errors,
        moves_thread=moves_thread,
        is_failed=is_failed,
        sent_at=NOON + at,
        now=NOON + at + seconds,
        begins_run=begins_run,
        refused=refused,
        check=check,
    )


def look(
    thread_key: str, prefix: Prefix, *, at: float = 0.0, scopes: Sequence[str] = ()
) -> LookRequest:
    return LookRequest(
        thread_key=thread_key, head_scopes=tuple(scopes), prefix=prefix, now=NOON + at
    )
