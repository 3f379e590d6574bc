"""The stream that the client sees: commit point, keep-alives, failover before the first content.

Rules: nothing goes out before the first content event or `commit_after_seconds`, whichever comes
first. Committed by time, the client has a head and signs of life in its own dialect, none of the
upstream's bytes: so another target may still answer until content comes. Signs of life stand
between whole events only. Closing this generator closes the upstream's connection.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import assert_never

from turnout.dialects.answer_model import EventsNamed
from turnout.dialects.answer_reasoning import events_sealed
from turnout.dialects.openai_chat.ended import ReasonGiven
from turnout.policy.failover import GiveUp
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
    Progress,
    StreamAttempt,
    Waiting,
)
from turnout.upstream_dispatcher.parts import Parts
from turnout.upstream_dispatcher.race import Race, Won
from turnout.upstream_dispatcher.request import Prepared
from turnout.upstream_dispatcher.run import Run


async def relay_stream(run: Run, parts: Parts) -> AsyncGenerator[DispatchEvent, None]:
    """Answer one streaming request, whatever happens upstream."""
    limits, clock = parts.limits, parts.clock
    time = asyncio.get_running_loop().time
    sign_due = time() + limits.commit_after_seconds
    keep_alive = Chunk(parts.dialects[run.request.dialect].keep_alive())
    is_committed = False
    race = Race(run, partial(_attempt, run, parts), parts.spawn)
    try:
        while not isinstance(begun := await race.advance(until=sign_due), Won):
            if isinstance(begun, GiveUp):
                for event in _given_up(run, parts, begun, is_committed=is_committed):
                    yield event
                return
            if not is_committed:
                is_committed = True
                yield run.head(None, STREAM_HEADERS)
            run.answer_bytes += len(keep_alive.data)
            yield keep_alive
            sign_due = time() + limits.keep_alive_seconds
        attempt = begun.attempt
        progress: Progress = begun.piece
        opening: DispatchEvent | None
        opening = (
            run.served(attempt.log) if is_committed else run.head(attempt.log, attempt.headers)
        )
        while True:
            match progress:
                case Piece(data, is_last):
                    run.answer_bytes += len(data)
                    if is_last:
                        run.answered(attempt.log)
                    if opening is not None:
                        yield opening
                        opening = None
                    if data:
                        given_at = clock()
                        yield Chunk(data)
                        attempt.log.client_seconds += clock() - given_at
                    if is_last:
                        rest = await attempt.finish()
                        if rest:
                            yield Chunk(rest)
                        return
                case Waiting():
                    run.answer_bytes += len(keep_alive.data)
                    yield keep_alive
                case AttemptFailed():
                    raise AssertionError("an attempt with content has failed without any")
                case _:
                    assert_never(progress)
            progress = await attempt.advance(until=time() + limits.keep_alive_seconds)
    finally:
        await race.aclose()


def _given_up(run: Run, parts: Parts, step: GiveUp, *, is_committed: bool) -> list[DispatchEvent]:
    if is_committed:
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
