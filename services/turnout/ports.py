"""The seams between services: what is asked, what is answered, and who can be asked.

Every port has two sides: `Local*` calls the service in this process, `Remote*` calls it over gRPC.
Both pass the same contract suite (tests/contract). All messages are frozen and carry no behaviour.
"""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.answer_end import AnswerEnd
from turnout.dialects.usage import Usage
from turnout.facts import Fact
from turnout.policy.checks import Verdict
from turnout.policy.decision import Access, Decision, DecisionInputs
from turnout.policy.quota import QuotaWindow
from turnout.policy.request import Features, Identity, Mode, Prefix, Tags, TaskKind
from turnout.policy.standing import TargetHealth, TargetLatency
from turnout.policy.thread import Maker, ThreadState


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """Asks the scorer for a decision.

    Attributes:
        text: to embed, cut by the ingress; used and forgotten, in no fact and no log.
        explain_only: decide without leaving a fact (`POST /v1/route`).
        traceparent: W3C trace context of the request.

    """

    request_id: str
    identity: Identity
    tags: Tags
    features: Features
    prefix: Prefix
    mode: Mode
    access: tuple[Access, ...]
    text: str = field(repr=False)
    explain_only: bool
    traceparent: str


class RouteAnswer(msgspec.Struct, frozen=True, gc=False):
    """The decision, and the inputs it can be replayed from."""

    decision: Decision
    inputs: DecisionInputs


class Scorer(Protocol):
    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        """Decide. Raises `InvalidRequest` kinds when no target can serve the request, and
        `Unavailable` when the scorer cannot be reached or is late.
        """
        ...


class TargetStandings(Protocol):
    """How targets stand, as far as this process has seen or heard."""

    def health(self, asked: Iterable[tuple[str, str]], *, now: float) -> tuple[TargetHealth, ...]:
        """Of targets, each with the account that would ask it, those that are not to be asked now."""
        ...

    def latencies(self, targets: Iterable[str], *, now: float) -> tuple[TargetLatency, ...]:
        """Of those targets and sizes of which there are samples."""
        ...


class LookRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks the tracker what it knows of a thread and of the shared head of its prompt.

    Attributes:
        head_scopes: keys under which the head may be warm, one per credential
            (`policy.identity.head_scope`), and those of the client's own accounts (`account_scope`).
        now: unix seconds, the caller's clock; the tracker has none of its own.

    """

    thread_key: str
    head_scopes: tuple[str, ...]
    prefix: Prefix
    now: float


class Note(msgspec.Struct, frozen=True, gc=False):
    """Tells the tracker what an answered request has shown. Applied once per request id.

    Attributes:
        prefix, head_tokens: in tokens of the target's own family, estimated.
        moves_thread: false for auxiliary requests: only the shared head learns from them.
        usage: real figures; None when the provider reported none.
        is_failed: the answer did not come to its end; warmth is learned from its usage, steps are not counted.
        broke_off: its target broke it off; false where the client has hung up.
        task_kind: what the thread was taken to be about; `other` teaches nothing.
        begins_run: the answer stands behind answers of another target, or in front of where such
            ones stood before the history was cut.
        refused: a target that was asked before and refused what the client had not asked of it; "" for
            none.
        check: how a check came out in the step that the request answers to.
        account_scope: key of the account that has paid (`policy.identity.account_scope`); "" where it told
            nothing of a subscription.
        windows: what it told.
        ended: how the answer ended, where it was none to go on with.
        now: unix seconds at which the answer ended.
        sent_at: unix seconds at which the request was sent; gaps are counted to here.
        session: for ThreadSwitched facts, with identity, as the tracker emits them.
        only_keeps: it was a read that keeps the prompt of the thread's last request cached, no step.

    """

    request_id: str
    identity: Identity
    head_scope: str
    prefix: Prefix
    head_tokens: int
    target: str
    reason: str
    usage: Usage | None
    step_tool_errors: int
    moves_thread: bool
    is_failed: bool
    sent_at: float
    now: float
    begins_run: bool = False
    refused: str = ""
    check: Verdict = ""
    task_kind: TaskKind = "other"
    account_scope: str = ""
    windows: tuple[QuotaWindow, ...] = ()
    only_keeps: bool = False
    ended: AnswerEnd = ""
    broke_off: bool = False


LeaseVerdict: TypeAlias = Literal["granted", "moved_on", "held", "over_budget"]
"""May be read; the thread has had another request since, or nothing is known of it; another replica
keeps it; the tenant's budget of the day does not allow for it."""


class LeaseRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks the tracker for the right to keep a thread's prompt cached by one read.

    Attributes:
        reader: names the replica that asks.
        read_id: of this read; asked again for the same one, the answer and what is set aside are the
            same.
        request_id, sent_at: the request whose prompt is kept.
        lease_seconds: for as long nobody else may keep the thread.
        cost_usd: what the read can cost at most; set aside until it is settled.
        budget_usd: of the tenant, for the day of `now` (UTC).

    """

    thread_key: str
    tenant: str
    reader: str
    read_id: str
    request_id: str
    sent_at: float
    lease_seconds: float
    cost_usd: float
    budget_usd: float
    now: float


class LeaseAnswer(msgspec.Struct, frozen=True, gc=False):
    verdict: LeaseVerdict


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """What a leased read has cost, in place of what was set aside for it.

    Attributes:
        leased_at: `now` of the lease.

    """

    tenant: str
    read_id: str
    leased_at: float
    cost_usd: float


class SessionCacheTracker(Protocol):
    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        """Raises `Unavailable` when the state cannot be read in time."""
        ...

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        """Raises `Unavailable` when the state cannot be written in time."""
        ...

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        """Granted costs of a day, settled ones as settled, never exceed the budget. Raises
        `Unavailable` when it cannot be said in time; what was set aside then stays so.
        """
        ...

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        """Raises `Unavailable` when the cost cannot be written in time."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """A client's own secret for one provider; in no log, no fact, no repr.

    Attributes:
        header: the header it came in and goes out in ("x-api-key" or "authorization").
        value: the header's value.

    """

    provider: str
    header: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DispatchRequest:
    """One decision in, one client-dialect answer out.

    Attributes:
        path: the provider path the client called, without the query ("/v1/messages").
        query: the raw query string without "?"; keys left out.
        headers: what may be forwarded to a provider of the client's own dialect, lower case.
        body: the client's bytes, unchanged.
        received_at: unix seconds at which the ingress had the whole request.
        route_seconds: time the decision took, for the facts.
        makers: who wrote the answers in the body (`ThreadState.makers`).
        is_edited: its messages do not begin with those of the thread's last request.

    """

    request_id: str
    identity: Identity
    tags: Tags
    features: Features
    prefix: Prefix
    mode: Mode
    decision: Decision
    dialect: Dialect
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    credentials: tuple[Credential, ...] = field(repr=False)
    received_at: float
    route_seconds: float
    traceparent: str
    makers: tuple[Maker, ...] = ()
    is_edited: bool = False


class Head(msgspec.Struct, frozen=True, gc=False):
    """The answer's beginning; sent once, at the commit point.

    Attributes:
        target: who answers; "" when every target failed, and when none had content by then.
        attempts: upstream calls so far.

    """

    status: int
    headers: tuple[tuple[str, str], ...]
    target: str
    model: str
    provider: str
    attempts: int


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Bytes of the body, in the client's dialect."""

    data: bytes


class Served(msgspec.Struct, frozen=True, gc=False):
    """Who answers, after a head that could not say so; before the first chunk of the answer itself."""

    target: str
    model: str
    provider: str
    attempts: int


DispatchEvent: TypeAlias = Head | Chunk | Served
"""One `Head`, then any number of `Chunk`s and at most one `Served`; the end of the iterator is the end of
the answer.
"""


class UpstreamDispatcher(Protocol):
    def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        """Answer in the client's dialect, whatever happens: upstream failures become an error
        answer of that dialect. Raises `Unavailable` only when the dispatcher itself cannot be
        reached. Closing the iterator aborts the upstream call.
        """
        ...


class FactSink(Protocol):
    def record(self, *facts: Fact) -> None:
        """Accept facts of one moment: append them to the local spool, in one write where they fit
        together. Never waits for the network and never raises to a request; what cannot be kept is
        counted and logged.
        """
        ...
