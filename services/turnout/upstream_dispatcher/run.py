"""One request on its way through its targets: what was tried, what comes next, how it ended.

Rules: `policy.attempts` decides, this remembers; every attempt that left leaves one fact, every request
leaves exactly one, before its last byte goes out; nothing here waits.
"""

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from turnout.catalog.token_families import family_of, token_share
from turnout.dialects.refusal_words import for_another_dialect
from turnout.errors import (
    InvalidRequest,
    Overloaded,
    RateLimited,
    TurnoutError,
    UnknownModel,
    Unsupported,
)
from turnout.facts import AttemptEnded, AttemptOutcome, RequestCompleted, RequestOutcome
from turnout.observe.spans import Span, under
from turnout.policy.attempts import Command, Send
from turnout.policy.failover import Failure, GiveUp
from turnout.policy.hedge import Hedge, NotHedged
from turnout.ports import DispatchRequest, Head, Served
from turnout.upstream_dispatcher.accounting import (
    AttemptLog,
    Ending,
    attempt_ended,
    note_of,
    request_completed,
)
from turnout.upstream_dispatcher.attempt import AttemptFailed, Refusal
from turnout.upstream_dispatcher.eligible import attempts_of, credential_of
from turnout.upstream_dispatcher.parts import Parts
from turnout.upstream_dispatcher.request import (
    Prepared,
    counted_family,
    is_count,
    is_switch,
    prepare,
    with_traceparent,
)
from turnout.upstream_dispatcher.spans import (
    end_attempt,
    end_dispatch,
    start_attempt,
    start_dispatch,
)
from turnout.upstream_dispatcher.transport import ConnectionStale
from turnout.upstream_dispatcher.upstreams import Destination

WRONG_REQUEST = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class ErrorToTell:
    """The end of a request that nobody answered."""

    head: Head
    body: bytes = field(repr=False)
    error: TurnoutError


class Run:
    """The state of one request.

    Attributes:
        server: the attempt that has answered, or has begun to.
    """

    def __init__(self, request: DispatchRequest, parts: Parts) -> None:
        self.span: Span | None = None
        if parts.tracer is not None:
            self.span = start_dispatch(parts.tracer, request, kind=parts.span_kind)
            # Facts are told by this span, and what learns of them links to it.
            request = replace(request, traceparent=self.span.traceparent)
        self.request = request
        self.server: AttemptLog | None = None
        self.status = 0
        self.answer_bytes = 0
        self.is_over = False
        self._parts = parts
        self._time = asyncio.get_running_loop().time
        spent = parts.clock() - request.received_at
        self._attempts = attempts_of(
            request,
            parts.standings,
            parts.destinations,
            clock=parts.clock,
            give_up_at=self._time() + parts.limits.give_up_seconds - spent,
        )
        self._alive: dict[int, tuple[Prepared, AttemptLog]] = {}
        self._lost: list[tuple[AttemptLog, float]] = []
        self._hedge: Hedge | None = None
        self._not_hedged: NotHedged | Literal[""] = ""
        self._sent = 0
        self._refusals: list[Refusal | None] = []
        self._ended: list[AttemptEnded] = []
        self._recorded = 0
        parts.hedging.requested(request.identity.tenant)

    def next(self, *, waited_until: float = 0.0) -> Command:
        """What is to be done now; `waited_until` is the end of a `Wait` that is over."""
        return self._attempts.step(now=max(self._time(), waited_until))

    def start(self, send: Send) -> tuple[Prepared, AttemptLog] | None:
        """Make ready for an attempt; None when this target cannot even be asked."""
        request, parts = self.request, self._parts
        hedge = self._hedge if send.kind == "hedge" else None
        try:
            to = self._destination(send.target)
            if is_count(request) and not _counts(to, request):
                raise Unsupported(f"{send.target} does not count the tokens that were asked for.")
            prepared = prepare(request, to, dialects=parts.dialects)
        except TurnoutError as error:
            if hedge is not None:
                parts.hedging.not_sent(request, hedge)
            self._refusals.append(None)
            self._attempts.failed(
                Failure(
                    send.target,
                    credential_of(send.target),
                    error.without_frames(),
                    at=self._time(),
                    is_hedge=hedge is not None,
                )
            )
            return None
        self._sent += 1
        log = AttemptLog(self._sent, send.kind, to, sent_at=parts.clock(), changes=prepared.changes)
        if hedge is not None:
            log.charged_usd = hedge.cost_usd
            log.hedge_delay_seconds = log.sent_at - min(
                raced.sent_at for _, raced in self._alive.values()
            )
        if parts.tracer is not None:
            log.span = start_attempt(parts.tracer, request, log)
            if to.is_ours:
                prepared = with_traceparent(prepared, log.span.traceparent)
        self._alive[log.number] = (prepared, log)
        parts.hedging.begun(request, to)
        is_raced = request.features.stream and not is_count(request)
        delay = parts.hedging.delay(request, to) if is_raced else inf
        self._attempts.sent(log.number, send.target, hedge_at=self._time() + delay)
        return prepared, log

    def _destination(self, target: str) -> Destination:
        request = self.request
        return self._parts.destinations.of(target, request.credentials, client=request.dialect)

    def failed(self, log: AttemptLog, failed: AttemptFailed) -> None:
        """An attempt is over without content."""
        now = self._parts.clock()
        error = failed.error
        is_native = self._alive[log.number][0].is_native
        if log.to.dialect != self.request.dialect:
            error = for_another_dialect(error, log.to.target)
        self._end_attempt(log, "rejected" if _is_wrong(failed.error) else "failed", now=now)
        self._record()
        self._refusals.append(failed.refusal)
        self._attempts.failed(
            Failure(
                log.to.target,
                log.to.credential,
                error,
                at=self._time(),
                status=log.status,
                is_stale=isinstance(failed.error, ConnectionStale),
                is_substitute=is_switch(self.request, log.to),
                is_translated=not is_native,
                is_hedge=log.kind == "hedge",
            ),
            number=log.number,
        )

    def won(self, log: AttemptLog) -> tuple[int, ...]:
        """It has content. The numbers of those that are to be closed."""
        self.server = log
        self._parts.hedging.answers(self.request, log)
        return self._attempts.won(log.number)

    def consider(self, number: int) -> None:
        """Find out who races an attempt that is silent."""
        silent = self._alive[number][1].to
        found = self._parts.hedging.rival(
            self.request, silent, self._attempts.remaining, self._reachable
        )
        if isinstance(found, Hedge):
            self._hedge = found
            self._attempts.considered(found.target)
        else:
            self._not_hedged = found
            self._attempts.considered("")

    def _reachable(self, target: str) -> Destination | None:
        try:
            return self._destination(target)
        except TurnoutError:
            return None

    def lost(self, number: int) -> None:
        """It was closed because another has content, or because no answer is wanted any more."""
        self._lost.append((self._alive.pop(number)[1], self._parts.clock()))

    def head(
        self, log: AttemptLog | None, headers: tuple[tuple[str, str], ...], *, status: int = 200
    ) -> Head:
        """`log` is of the attempt that answers; None where none has content yet."""
        self.status = status
        return Head(
            status=status,
            headers=headers,
            target="" if log is None else log.to.target,
            model="" if log is None else log.to.model_id,
            provider="" if log is None else log.to.provider,
            attempts=self._sent,
        )

    def served(self, log: AttemptLog) -> Served:
        """Who answers a client that has its head already."""
        return Served(
            target=log.to.target,
            model=log.to.model_id,
            provider=log.to.provider,
            attempts=self._sent,
        )

    def is_refused(self, step: GiveUp) -> bool:
        """Whether a provider has said that the request is wrong, rather than failed or let nobody in."""
        return (
            step.relayed is not None
            and self._attempts.failures[step.relayed].status in WRONG_REQUEST
        )

    def error_of(self, step: GiveUp) -> ErrorToTell:
        """The answer of a request that is given up: the provider's own words where the client
        speaks that dialect and should act on them, else ours.
        """
        refusal = None if step.relayed is None else self._refusals[step.relayed]
        if refusal is not None and step.relayed is not None:
            target = self._attempts.failures[step.relayed].target
            told = next(a for a in reversed(self._ended) if a.target == target)
            if told.dialect == self.request.dialect and refusal.body:
                head = Head(
                    status=refusal.status,
                    headers=refusal.headers,
                    target=target,
                    model=told.model,
                    provider=told.provider,
                    attempts=len(self._ended),
                )
                return ErrorToTell(head, refusal.body, step.error)
        return self.own_error(step.error)

    def own_error(self, error: TurnoutError) -> ErrorToTell:
        """`error` in the client's dialect."""
        answer = self._parts.dialects[self.request.dialect].encode_error(
            error, request_id=self.request.request_id
        )
        head = Head(
            status=answer.status,
            headers=answer.headers,
            target="",
            model="",
            provider="",
            attempts=len(self._ended),
        )
        return ErrorToTell(head, answer.body, error)

    def give_up(self, error: TurnoutError, *, status: int, answer_bytes: int) -> None:
        """Nobody answered. What a fault of ours has left under way is closed by whoever opened it."""
        now = self._parts.clock()
        for _, log in list(self._alive.values()):
            self._end_attempt(log, "cancelled", now=now)
        self.status = status
        self.answer_bytes += answer_bytes
        is_rejected = _is_wrong(error) or not (
            self._ended or isinstance(error, RateLimited | Overloaded)
        )
        self._complete("rejected" if is_rejected else "failed", error=error.kind)

    def answered(self, log: AttemptLog) -> None:
        """The answer is whole, or has broken off after content (`log.error`)."""
        now = self._parts.clock()
        self.server = log
        prepared = self._alive[log.number][0]
        is_failed = log.error is not None
        outcome: Literal["failed", "answered"] = "failed" if is_failed else "answered"
        self._end_attempt(log, outcome, now=now)
        self._complete(outcome, error="" if log.error is None else log.error.kind)
        self._tell(log, is_failed=is_failed, broke_off=is_failed, now=now)
        if not is_failed:
            self._parts.keeper.answered(self.request, prepared, log)

    def estimated(self, *, answer_bytes: int) -> None:
        """A token count that we answered ourselves."""
        self.status = 200
        self.answer_bytes += answer_bytes
        self._complete("answered", error="")

    def abandoned(self) -> None:
        """The client has gone, or the process stops."""
        if self.is_over:
            return
        now = self._parts.clock()
        logs = [log for _, log in self._alive.values()]
        for log in logs:
            self._end_attempt(log, "cancelled", now=now)
        if self.server is None and logs:
            self.server = logs[0]
        self._complete("cancelled", error="")
        if self.server is not None:
            self._tell(self.server, is_failed=True, broke_off=False, now=now)

    def _end_attempt(self, log: AttemptLog, outcome: AttemptOutcome, *, now: float) -> None:
        self._alive.pop(log.number, None)
        fact = attempt_ended(
            log,
            self.request,
            outcome=outcome,
            now=now,
            whole_answer_tokens=None if outcome != "lost" else self._answer_tokens(log),
        )
        if log.span is not None:
            end_attempt(log.span, fact, self.request, base_url=log.to.base_url)
        self._ended.append(fact)
        self._parts.hedging.ended(self.request, log, fact)

    def _answer_tokens(self, log: AttemptLog) -> int | None:
        """How long the answer of a loser may have become: as long as the winner's."""
        usage = None if self.server is None else self.server.reading.usage
        if self.server is None or usage is None:
            return None
        share = token_share(counted_for=self.server.to.model_id, model=log.to.model_id)
        return round(usage.output * share)

    def _complete(self, outcome: RequestOutcome, *, error: str) -> None:
        self.is_over = True
        # Now it is known how long an answer is that goes on unheard.
        for log, closed_at in self._lost:
            self._end_attempt(log, "lost", now=closed_at)
        ending = Ending(
            outcome=outcome,
            status=self.status,
            error=error,
            server=self.server,
            answer_bytes=self.answer_bytes,
            not_hedged=self._not_hedged,
            detour=self._attempts.detour,
        )
        fact = request_completed(
            self.request,
            ending,
            self._ended,
            catalog=self._parts.catalog,
            now=self._parts.clock(),
        )
        if self.span is not None:
            end_dispatch(self.span, fact)
        self._record(fact)

    def _record(self, *completed: RequestCompleted) -> None:
        """What has become known of attempts since the last time, and the end of all."""
        self._parts.facts.record(*self._ended[self._recorded :], *completed)
        self._recorded = len(self._ended)

    def _tell(self, log: AttemptLog, *, is_failed: bool, broke_off: bool, now: float) -> None:
        note = note_of(
            self.request,
            log,
            is_failed=is_failed,
            now=now,
            broke_off=broke_off,
            refused=self._attempts.refuser,
        )
        if note is None:
            return
        if self.span is None:
            self._parts.tell(note)
            return
        with under(self.span.traceparent):
            self._parts.tell(note)


def _is_wrong(error: TurnoutError) -> bool:
    """Whether the request is to blame. A model that its provider does not know is in the catalog."""
    return isinstance(error, InvalidRequest) and not isinstance(error, UnknownModel)


def _counts(to: Destination, request: DispatchRequest) -> bool:
    """Whether a target can be asked for this count, and by a tokenizer of the right family: a
    fallback would say how many tokens another model has.
    """
    family = counted_family(request)
    native = to.is_original and to.dialect == request.dialect
    return native and family_of(to.model_id) == family
