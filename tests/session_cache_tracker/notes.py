"""Notes and prompts for tests of the tracker; a prompt is a list of words, one a message."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.dialects.answer_end import AnswerEnd
from turnout.dialects.usage import Usage
from turnout.facts import Fact, ThreadSwitched
from turnout.policy.cache import gap_bucket
from turnout.policy.checks import Verdict
from turnout.policy.request import Identity, Prefix, TaskKind
from turnout.ports import LookRequest, Note

DEADLINE_SECONDS = 5.0
NOON = 1_790_000_000.0
"""Some day in 2026, unix seconds."""
OPUS = "anthropic/claude-opus@env"
HAIKU = "anthropic/claude-haiku@env"
TOKENS_PER_MESSAGE = 10_000
HEAD_TOKENS = 6_000


class Hits:
    """A table as an artifact has one."""

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        shares = {
            300.0: (0.99, 0.975, 0.957, 0.17, 0.03, 0.03, 0.03, 0.015),
            3_600.0: (0.99, 0.98, 0.969, 0.94, 0.94, 0.86, 0.15, 0.075),
        }
        automatic = (0.965, 0.90, 0.84, 0.73, 0.40, 0.31, 0.05, 0.025)
        row = automatic if is_automatic else shares[lifetime_seconds]
        return row[gap_bucket(gap_seconds)]


HITS = Hits()


@dataclass(slots=True)
class RecordedFacts:
    """A fact sink that remembers."""

    facts: list[Fact] = field(default_factory=list)

    def record(self, *facts: Fact) -> None:
        self.facts.extend(facts)

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
    broke_off: bool = False,
    seconds: float = 2.0,
    begins_run: bool = False,
    refused: str = "",
    kind: TaskKind = "other",
    check: Verdict = "",
    ended: AnswerEnd = "",
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
        is_failed=is_failed or broke_off,
        broke_off=broke_off,
        sent_at=NOON + at,
        now=NOON + at + seconds,
        begins_run=begins_run,
        refused=refused,
        check=check,
        ended=ended,
        task_kind=kind,
    )


def look(
    thread_key: str, prefix: Prefix, *, at: float = 0.0, scopes: Sequence[str] = ()
) -> LookRequest:
    return LookRequest(
        thread_key=thread_key, head_scopes=tuple(scopes), prefix=prefix, now=NOON + at
    )
