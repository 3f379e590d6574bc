"""The upstream dispatcher in this process: one decision in, one answer in the client's dialect out.

Rules: whatever happens upstream becomes an answer; facts are recorded before the last byte is
relayed, also for requests that are given up or abandoned; the tracker hears of an answer on the
side, so that it never delays one. What is started here is owned here: leaving the context ends
every task and connection.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self
from uuid import uuid4

from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.dialects.dialect import WireDialect
from turnout.errors import Internal, TurnoutError, Unavailable
from turnout.observe.spans import Kind, Tracer, under
from turnout.policy.attempts import Send, Wait
from turnout.policy.failover import GiveUp
from turnout.ports import (
    Chunk,
    DispatchEvent,
    DispatchRequest,
    FactSink,
    Head,
    Note,
    SessionCacheTracker,
)
from turnout.upstream_dispatcher.accounting import estimated_count
from turnout.upstream_dispatcher.attempt import AttemptFailed, Told
from turnout.upstream_dispatcher.hedging import Hedging
from turnout.upstream_dispatcher.keep_warm import Keeper
from turnout.upstream_dispatcher.limits import MAX_NOTES, HedgeTerms, Limits
from turnout.upstream_dispatcher.parts import Parts
from turnout.upstream_dispatcher.relay import relay_stream
from turnout.upstream_dispatcher.request import counted_family, is_count
from turnout.upstream_dispatcher.run import Run
from turnout.upstream_dispatcher.standings import Standings
from turnout.upstream_dispatcher.token_counter import LocalCount, TokenCounter
from turnout.upstream_dispatcher.transport import HttpTransport
from turnout.upstream_dispatcher.upstreams import Destinations, Upstreams
from turnout.upstream_dispatcher.whole import JSON_HEADERS, attempt_whole

COUNT_HEADER = "turnout-count"
"""Says that a token count is ours because no provider counted, and how it was made."""

ESTIMATED_COUNT = (COUNT_HEADER, "estimated")
"""From bytes, because it could not be counted here either."""

_LOG = logging.getLogger(__name__)


class LocalUpstreamDispatcher:
    """Dispatches from this process; use it as an async context.

    Attributes:
        in_flight: answers under way.
        keeper: keeps prompts cached; told of changes of modes by whoever follows them.
        standings: how targets stand, as this process has seen; its own where it is given none.
        hedging: what is left to race silent calls with, and how often none was.
        notes_failed, notes_dropped: notes that the tracker did not take, and that were not sent
            because too many were on their way.

    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        upstreams: Upstreams,
        dialects: Mapping[Dialect, WireDialect],
        tracker: SessionCacheTracker,
        facts: FactSink,
        clock: Callable[[], float],
        limits: Limits | None = None,
        hedge_terms: HedgeTerms | None = None,
        standings: Standings | None = None,
        tracer: Tracer | None = None,
        span_kind: Kind = "internal",
    ) -> None:
        self.in_flight = 0
        self.notes_failed = 0
        self.notes_dropped = 0
        self._tracker = tracker
        self._tasks = asyncio.TaskGroup()
        self._openings: set[asyncio.Task[object]] = set()
        self._notes: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._counter = TokenCounter()
        limits = limits or Limits()
        transport = HttpTransport(limits)
        replica = uuid4().hex
        self.standings = standings or Standings(replica=replica)
        self.keeper = Keeper(
            reader=replica,
            catalog=catalog,
            dialects=dialects,
            transport=transport,
            standings=self.standings,
            tracker=tracker,
            facts=facts,
            tell=self._tell,
            limits=limits,
            clock=clock,
        )
        self.hedging = Hedging(self.standings, hedge_terms or HedgeTerms(), clock=clock)
        self._keeping: asyncio.Task[None] | None = None
        self._parts = Parts(
            catalog=catalog,
            destinations=Destinations(catalog, upstreams),
            dialects=dialects,
            transport=transport,
            limits=limits,
            clock=clock,
            facts=facts,
            spawn=self._spawn,
            tell=self._tell,
            keeper=self.keeper,
            standings=self.standings,
            hedging=self.hedging,
            tracer=tracer,
            span_kind=span_kind,
        )

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._keeping = self._tasks.create_task(self.keeper.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for opening in self._openings:
            opening.cancel()
        self._is_closed = True
        if self._keeping is not None:
            self._keeping.cancel()
        self._counter.close()
        try:
            # Nothing here raises, and notes end by their own deadline; told of no error, the group
            # wraps none that passes by.
            await self._tasks.__aexit__(None, None, None)
        finally:
            await self._parts.transport.aclose()

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        """See `ports.UpstreamDispatcher.dispatch`."""
        if request.identity.request_class != "auxiliary":
            self.keeper.forget(request.identity.thread_key)
        run = Run(request, self._parts)
        has_head = False
        self.in_flight += 1
        try:
            if request.features.stream and not is_count(request):
                async with aclosing(relay_stream(run, self._parts)) as events:
                    async for event in events:
                        has_head = True
                        yield event
            else:
                for event in await self._whole(run):
                    has_head = True
                    yield event
        except TurnoutError as error:
            for event in self._faulty(run, error, has_head=has_head):
                yield event
        except Exception as error:  # noqa: BLE001 - a fault of ours must still become an answer
            with under(run.request.traceparent):
                fault = _fault(error, request)
            for event in self._faulty(run, fault, has_head=has_head):
                yield event
        finally:
            self.in_flight -= 1
            run.abandoned()

    async def _whole(self, run: Run) -> tuple[DispatchEvent, ...]:
        parts = self._parts
        waited_until = 0.0
        while True:
            command = run.next(waited_until=waited_until)
            if isinstance(command, GiveUp):
                if is_count(run.request) and not run.is_refused(command):
                    return await self._counted(run)
                return self._given_up(run, command)
            if isinstance(command, Wait):
                waited_until = command.until
                await asyncio.sleep(waited_until - asyncio.get_running_loop().time())
                continue
            assert isinstance(command, Send), "only streams are raced"
            started = run.start(command)
            if started is None:
                continue
            prepared, log = started
            answer = await attempt_whole(
                run.request,
                prepared,
                log,
                dialects=parts.dialects,
                transport=parts.transport,
                limits=parts.limits,
                clock=parts.clock,
            )
            if isinstance(answer, AttemptFailed):
                run.failed(log, answer)
                continue
            # With its length said, the server in front need not send it in chunks.
            length = ("content-length", str(len(answer.body)))
            head = run.head(log, (*answer.headers, length))
            run.answer_bytes += len(answer.body)
            run.answered(log)
            return (head, Chunk(answer.body))

    async def _counted(self, run: Run) -> tuple[DispatchEvent, ...]:
        """Our own count. Claude Code stops asking, or drops the model, when counting fails."""
        request = run.request
        dialect = self._parts.dialects[request.dialect]
        counted = await self._counter.count(
            lambda: dialect.decode_request(request.body, path=request.path),
            counted_family(request),
            request_id=request.request_id,
        )
        if counted is None:
            tokens, told = estimated_count(request), ESTIMATED_COUNT
        else:
            tokens, told = counted.tokens, _local(counted)
        body = dialect.encode_token_count(tokens)
        run.estimated(answer_bytes=len(body))
        headers = (*JSON_HEADERS, told)
        head = Head(status=200, headers=headers, target="", model="", provider="", attempts=0)
        return (head, Chunk(body))

    def _given_up(self, run: Run, step: GiveUp) -> tuple[DispatchEvent, ...]:
        told = run.error_of(step)
        run.give_up(told.error, status=told.head.status, answer_bytes=len(told.body))
        return (told.head, Chunk(told.body))

    def _faulty(
        self, run: Run, fault: TurnoutError, *, has_head: bool
    ) -> tuple[DispatchEvent, ...]:
        if run.is_over:
            return ()
        told = run.own_error(fault)
        if not has_head:
            run.give_up(fault, status=told.head.status, answer_bytes=len(told.body))
            return (told.head, Chunk(told.body))
        if not run.request.features.stream:
            return ()
        event = self._parts.dialects[run.request.dialect].encode_stream_error(fault)
        run.give_up(fault, status=run.status, answer_bytes=len(event))
        return (Chunk(event),)

    def _spawn(self, work: Coroutine[None, None, Told]) -> asyncio.Task[Told]:
        if self._is_closed:
            work.close()
            raise Unavailable("Turnout is stopping; send the request again.")
        task = self._tasks.create_task(work)
        self._openings.add(task)
        task.add_done_callback(self._openings.discard)
        return task

    def _tell(self, note: Note) -> None:
        if self._is_closed or len(self._notes) >= MAX_NOTES:
            self.notes_dropped += 1
            return
        task = self._tasks.create_task(self._noted(note))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _noted(self, note: Note) -> None:
        try:
            await self._tracker.note(note, deadline_seconds=self._parts.limits.note_seconds)
        except Exception as error:  # noqa: BLE001 - a task boundary: one lost note harms one guess
            self.notes_failed += 1
            _LOG.warning(
                "the tracker did not take a note",
                extra={"request_id": note.request_id, "error": type(error).__name__},
            )


def _local(counted: LocalCount) -> tuple[str, str]:
    """By a tokenizer, with the error that nine of ten prompts stay below."""
    error = counted.figures.p90_error
    return (COUNT_HEADER, f"local; p90-error={'unknown' if error is None else f'{error:.2f}'}")


def _fault(error: Exception, request: DispatchRequest) -> Internal:
    # The place and the type, not the message: it may quote what was being read.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    _LOG.error(
        "dispatching failed",
        extra={
            "request_id": request.request_id,
            "error": type(error).__name__,
            "reason": place,
        },
    )
    return Internal(f"Turnout could not dispatch the request ({type(error).__name__}).")
