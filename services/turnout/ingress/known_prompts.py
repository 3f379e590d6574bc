"""What is known of the prompts that grow: a step of an agent sends its whole thread again.

The first messages of a thread are surveyed once. Of the next request only what follows them is
parsed; that the rest is what it was is told by a hash of the bytes, which takes a twentieth of the
time. Rules: a survey made this way is the survey of the whole body (a property holds it, token
estimates to within rounding); what is found wrong is looked at again whole, so that the client
reads its own places; entries of one principal never serve another; the newest steps are never kept,
because clients still move their cache markers there.

The bytes kept are `body[messages_at:end]`: whole messages, from the first one on, up to a comma.
That they are whole needs no proof of its own: the run of them parses inside a list, and the body
parses without them.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, Protocol

from xxhash import xxh3_128_digest

from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey, joined
from turnout.errors import InvalidRequest

MIN_KEPT_BYTES: Final = 8_192
"""A shorter run of messages is parsed in the time that looking for it takes."""

MAX_PROMPTS_EACH: Final = 64
"""Threads and subagents of one principal at a time; looking through them takes 8 µs."""

MAX_PROMPTS: Final = 512
"""In all; a thread of 200 messages takes some 20 kB."""

STEPS_NOT_KEPT: Final = 2
"""Markers stand on the last messages, and a retry may drop the last step."""

_MESSAGES: Final = b'"messages"'
_SPELLINGS: Final = (b'{"role":', b'{"role": ')
_ASSISTANT: Final = b'"assistant"'
_TAIL_BYTES: Final = 32
_SPACE: Final = b" \t\r\n"


class _Owner(NamedTuple):
    principal: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class _Known:
    """A run of messages; `spelling` is how its client begins one, `tail` are its last bytes."""

    messages_at: int
    end: int
    digest: bytes
    tail: bytes
    spelling: bytes
    survey: Survey


class SurveyDialect(Protocol):
    """What is used of a `WireDialect`."""

    @property
    def name(self) -> Dialect: ...

    def survey_request(self, body: bytes) -> Survey: ...


class KnownPrompts:
    """Surveys bodies; one per ingress. `count` prompts are kept."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Owner, list[_Known]] = OrderedDict()
        self.count = 0

    def survey(self, body: bytes, *, dialect: SurveyDialect, principal: str) -> Survey:
        """Raises `InvalidRequest` naming the field that is wrong."""
        if len(body) < MIN_KEPT_BYTES:
            return dialect.survey_request(body)
        owner = _Owner(principal, dialect.name)
        try:
            known = self._find(owner, body) or _begun(body, dialect)
            if known is None:
                return dialect.survey_request(body)
            survey = _resumed(known, body, dialect)
            self._keep(owner, known, _advanced(known, body, dialect))
        except InvalidRequest:
            return dialect.survey_request(body)
        return survey

    def _find(self, owner: _Owner, body: bytes) -> _Known | None:
        """The longest known beginning of this prompt."""
        found: _Known | None = None
        for known in self._known.get(owner, ()):
            end = known.end
            if (
                body[end - _TAIL_BYTES : end] == known.tail
                and (found is None or end > found.end)
                and body[end : end + 1] == b","
                and xxh3_128_digest(memoryview(body)[:end]) == known.digest
            ):
                found = known
        return found

    def _keep(self, owner: _Owner, old: _Known, new: _Known) -> None:
        kept = self._known.setdefault(owner, [])
        self._known.move_to_end(owner)
        if new is old and kept and kept[0] is old:
            return
        before = len(kept)
        kept[:] = [new, *islice((one for one in kept if one is not old), MAX_PROMPTS_EACH - 1)]
        self.count += len(kept) - before
        while self.count > MAX_PROMPTS and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self.count -= len(forgotten)


def _begun(body: bytes, dialect: SurveyDialect) -> _Known | None:
    """What can be kept of a prompt that is not known; None when nothing can."""
    at = body.find(_MESSAGES)
    at = body.find(b"[", at + len(_MESSAGES)) if at >= 0 else -1
    if at < 0:
        return None
    at = _after_space(body, at + 1)
    spelling = next((one for one in reversed(_SPELLINGS) if body.startswith(one, at)), None)
    if spelling is None:
        return None
    end = _end_of_kept(body, at, spelling)
    if end - at < MIN_KEPT_BYTES:
        return None
    return _known(body, at, end, spelling, _run(body[at:end], dialect))


def _resumed(known: _Known, body: bytes, dialect: SurveyDialect) -> Survey:
    rest = dialect.survey_request(body[: known.messages_at] + body[known.end + 1 :])
    return joined(known.survey, rest, body_bytes=len(body))


def _advanced(known: _Known, body: bytes, dialect: SurveyDialect) -> _Known:
    """The same with the messages that have become old since."""
    start = known.end + 1
    end = _end_of_kept(body, start, known.spelling)
    if end <= start:
        return known
    newer = _run(body[start:end], dialect)
    survey = joined(known.survey, newer, body_bytes=end)
    return _known(body, known.messages_at, end, known.spelling, survey)


def _known(body: bytes, at: int, end: int, spelling: bytes, survey: Survey) -> _Known:
    return _Known(
        messages_at=at,
        end=end,
        digest=xxh3_128_digest(memoryview(body)[:end]),
        tail=body[end - _TAIL_BYTES : end],
        spelling=spelling,
        survey=survey,
    )


def _run(messages: bytes, dialect: SurveyDialect) -> Survey:
    """The survey of messages alone."""
    return dialect.survey_request(b'{"messages":[%b]}' % messages)


def _end_of_kept(body: bytes, start: int, spelling: bytes) -> int:
    """The comma in front of the newest steps; -1 when there is none after `start`."""
    at = len(body)
    for _ in range(STEPS_NOT_KEPT):
        at = body.rfind(spelling + _ASSISTANT, start, at)
        if at < 0:
            return -1
    comma = len(body[max(start, at - 8) : at].rstrip(_SPACE)) + max(start, at - 8) - 1
    return comma if comma > start and body[comma : comma + 1] == b"," else -1


def _after_space(body: bytes, at: int) -> int:
    while body[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
        at += 1
    return at
