"""What a client gets of an upstream's bytes, whatever they are, and what it must be.

The parts are the product's own and in its order: a course (`upstream_dispatcher/answer.py`) that decodes,
fits and encodes, ended as an attempt ends it (`upstream_dispatcher/attempt.py`). Rules: whatever comes
from upstream, what goes out is a stream of the client's dialect that ends well, or the beginning of one
that ends in its error; before the first content nothing goes out, for another target may answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from tests.dialects.anthropic_messages import grammar as anthropic_grammar
from tests.dialects.gemini_generate import grammar as gemini_grammar
from tests.dialects.openai_chat import grammar as chat_grammar
from tests.dialects.openai_responses import grammar as responses_grammar
from turnout.capabilities import Dialect
from turnout.dialects.fit import AnswerFitter
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import OpaqueStarted, StreamEvent
from turnout.errors import UpstreamFailed
from turnout.upstream_dispatcher.answer import TranslatedCourse, translated_course

STOPS: Final = ("</block>", "\n\n")
"""Looked for in some answers, as for a target that cannot be told of them."""


@dataclass(frozen=True, slots=True)
class Served:
    """Attributes:
    told: all bytes that went out.
    is_whole: the answer ended well.
    has_own: a part is in it that only its own dialect understands, in the provider's words.
    """

    told: bytes
    is_whole: bool
    has_own: bool


class _Seen(AnswerFitter):
    """Fits, and remembers whether a part of the client's dialect alone has passed."""

    def __init__(self, client: Dialect, *, fits: bool) -> None:
        names = {"R": "namespace--r"} if fits else {}
        super().__init__(names, {"apply_patch"} if fits else (), STOPS if fits else ())
        self.has_own = False
        self._client = client

    @override
    def back(self, events: Iterable[StreamEvent]) -> Sequence[StreamEvent]:
        fitted = super().back(events)
        self.has_own = self.has_own or any(
            isinstance(event, OpaqueStarted) and event.part.dialect == self._client
            for event in fitted
        )
        return fitted


def served(
    upstream: Dialect, client: Dialect, pieces: Sequence[bytes], *, fits: bool = False
) -> Served | None:
    """None where nothing goes out, because the attempt failed before any content."""
    seen = _Seen(client, fits=fits)
    course = _course(upstream, client, seen)
    told = b""
    try:
        for at, piece in enumerate(pieces):
            told += course.feed(piece)
            reading = course.reading
            if reading.error is not None and not reading.has_content:
                return None
            if reading.error is not None:
                return Served(told, is_whole=False, has_own=seen.has_own)
            if reading.is_complete:
                return Served(
                    told + _drained(course, pieces[at + 1 :]), is_whole=True, has_own=seen.has_own
                )
        told += course.close()
    except UpstreamFailed as error:
        return _broken(course, told, error, seen)
    reading = course.reading
    if not reading.has_content and not reading.is_complete:
        return None
    if reading.error is not None:
        return Served(told, is_whole=False, has_own=seen.has_own)
    if not reading.is_complete:
        return _broken(course, told, UpstreamFailed("cut"), seen)
    return Served(told, is_whole=True, has_own=seen.has_own)


def retold(upstream: Dialect, client: Dialect, events: Sequence[StreamEvent]) -> Served | None:
    """The same of a whole answer where a stream was asked for."""
    seen = _Seen(client, fits=False)
    course = _course(upstream, client, seen)
    told = course.pass_on(events)
    return (
        None
        if course.reading.error is not None
        else Served(told, is_whole=True, has_own=seen.has_own)
    )


def _course(upstream: Dialect, client: Dialect, fitter: AnswerFitter) -> TranslatedCourse:
    return translated_course(
        DIALECTS,
        target="provider/model@env",
        from_dialect=upstream,
        to_dialect=client,
        response_id="r",
        model="m",
        created_at=1,
        input_estimate=1,
        include_usage=True,
        fitter=fitter,
    )


def _drained(course: TranslatedCourse, pieces: Sequence[bytes]) -> bytes:
    """What comes behind the end, as `StreamAttempt.finish` reads it."""
    try:
        return b"".join([*map(course.feed, pieces), course.close()])
    except UpstreamFailed:
        return b""


def _broken(
    course: TranslatedCourse, told: bytes, error: UpstreamFailed, seen: _Seen
) -> Served | None:
    if not course.reading.has_content:
        return None
    return Served(told + course.broken(error), is_whole=False, has_own=seen.has_own)


def check(client: Dialect, answer: Served) -> None:
    """Assert that clients of a dialect read it."""
    if answer.has_own:
        # A provider's own words to its own client; the grammars hold what we say of others.
        return
    match client:
        case "anthropic_messages" if answer.is_whole:
            anthropic_grammar.check(answer.told)
        case "anthropic_messages":
            anthropic_grammar.check_cut(answer.told)
        case "openai_chat" if answer.is_whole:
            chat_grammar.check(answer.told, include_usage=True, has_sound_calls=False)
        case "openai_chat":
            chat_grammar.check_cut(answer.told)
        case "openai_responses" if answer.is_whole:
            responses_grammar.check(answer.told)
        case "openai_responses":
            responses_grammar.check_cut(answer.told)
        case "gemini_generate" if answer.is_whole:
            gemini_grammar.check(answer.told)
        case "gemini_generate":
            gemini_grammar.check_cut(answer.told)
