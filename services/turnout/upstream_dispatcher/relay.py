"""The stream that the client sees: commit point, keep-alives, failover before the first content.

Rules: nothing goes out before the first content event or `commit_after_seconds`, whichever comes
first. Committed by time, the client has a head and signs of life in its own dialect, none of the
upstream's bytes: so another target may still answer until content comes. Signs of life stand
between whole events only. Closing this generator closes the upstream's connection.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import assert_never

from turnout.dialects.answer_model import EventsNamed
from turnout.dialects.answer_reasoning import events_sealed
from turnout.dialects.openai_chat.ended import ReasonGiven
from turnout.policy.hedge import GiveUp
from turnout.ports import Chunk, DispatchEvent
from turnout.upstream_dispatcher.accounting import AttemptLog, estimated_input
from turnout.upstream_dispatcher.answer import (
    Course,
    RelayedCourse,
    TranslatedCourse,
    answer_id,
    translated_course,
)
from turnout.upstream_dispatcher.attempt import (
    STREAM_HEADERS,
    AttemptFailed,
    Piece,
    StreamAttempt,
    Waiting,
)
from turnout.upstream_dispatcher.request import Prepared
from turnout.upstream_dispatcher.run import Parts, Run


async def relay_stream(run: Run, parts: Parts) -> AsyncGenerator[DispatchEvent, None]:
    """Answer one streaming request, whatever happens upstream."""
    limits = parts.limits
    time = asyncio.get_running_loop().time
    sign_due = time() + limits.commit_after_seconds
    keep_alive = Chunk(parts.dialects[run.request.dialect].keep_alive())
    committed = False
    while True:
        step = run.next_step()
        if isinstance(step, GiveUp):
            for event in _given_up(run, parts, step, committed=committed):
                yield event
            return
        if step.wait_seconds:
            await asyncio.sleep(step.wait_seconds)
        started = run.start(step)
        if started is None:
            continue
        log = started[1]
        attempt = _attempt(run, parts, *started)
        try:
            while True:
                progress = await attempt.advance(until=sign_due)
                match progress:
                    case Piece(data, is_last):
                        run.answer_bytes += len(data)
                        if not committed:
                            run.status = 200
                        if is_last:
                            run.answered(log)
                        if not committed:
                            committed = True
                            yield run.head(log, attempt.headers)
                        if data:
                            yield Chunk(data)
                        if is_last:
                            rest = await attempt.finish()
                            if rest:
                                yield Chunk(rest)
                            return
                    case Waiting():
                        if not committed:
                            committed = True
                            yield run.head(log, STREAM_HEADERS)
                        run.answer_bytes += len(keep_alive.data)
                        yield keep_alive
                    case AttemptFailed():
                        run.failed(log, progress)
                        break
                    case _:
                        assert_never(progress)
                sign_due = time() + limits.keep_alive_seconds
        finally:
            await attempt.aclose()


def _given_up(run: Run, parts: Parts, step: GiveUp, *, committed: bool) -> list[DispatchEvent]:
    if committed:
        event = parts.dialects[run.request.dialect].encode_stream_error(step.error)
        run.give_up(step.error, status=200, answer_bytes=len(event))
        return [Chunk(event)]
    told = run.error_of(step)
    run.give_up(told.error, status=told.head.status, answer_bytes=len(told.body))
    return [told.head, Chunk(told.body)]


def _attempt(run: Run, parts: Parts, prepared: Prepared, log: AttemptLog) -> StreamAttempt:
    request = run.request
    fitted = prepared.fitted
    seals = None if prepared.seals_as is None else events_sealed(prepared.seals_as)
    sealed = () if seals is None else (seals,)

    def retold() -> TranslatedCourse:
        return translated_course(
            parts.dialects,
            target=log.to.target,
            from_dialect=log.to.dialect,
            to_dialect=request.dialect,
            response_id=answer_id(request.dialect, request.request_id),
            model=request.features.requested_model,
            created_at=int(parts.clock()),
            input_estimate=estimated_input(request, log.to),
            include_usage=fitted is None or fitted.conversation.include_usage,
            asked=request.body,
            clock=parts.clock,
            fitter=None if fitted is None else fitted.answer(),
            edits=sealed,
        )

    course: Course
    if prepared.is_native:
        name = prepared.names_model
        named = (EventsNamed(request.dialect, name),) if name else ()
        is_imitated_chat = request.dialect == "openai_chat" and not log.to.is_original
        ended = (ReasonGiven(),) if is_imitated_chat else ()
        course = RelayedCourse(
            parts.dialects[request.dialect],
            hides_usage=prepared.hides_usage,
            edits=(*ended, *named, *sealed),
        )
    else:
        course = retold()
    return StreamAttempt(
        prepared,
        log,
        course,
        json_course=retold,
        dialect=parts.dialects[log.to.dialect],
        transport=parts.transport,
        spawn=parts.spawn,
        limits=parts.limits,
        clock=parts.clock,
    )
