"""What is known of the prompts that grow: a step of an agent sends its whole thread again.

The first messages of a thread are surveyed once. Of the next request only what follows them is
parsed; that the rest is what it was is told by a hash of the bytes, which takes a twentieth of the
time. Rules: a survey made this way is the survey of the whole body (a property holds it, token
estimates to within rounding); what is found wrong is looked at again whole, so that the client
reads its own places; what one principal sent serves no other, so that the hash need not withstand
strangers; the newest steps are never kept, because clients still move their cache markers there.

The run that is kept is `body[at:end]`: whole messages, from the first one on, up to a comma. Every
run is parsed as the inside of a list, and what stands around it without it, so none can be anything
but whole messages at their place.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec
from xxhash import xxh3_128_digest

from turnout.capabilities import Dialect
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.survey import EMPTY_MESSAGE, Survey, joined
from turnout.errors import InvalidRequest

MIN_KEPT_BYTES: Final = 8_192
"""A shorter run of messages is parsed in the time that keeping it takes."""

MAX_PROMPTS_EACH: Final = 64
"""Threads and subagents of one principal at a time; looking through them takes 8 µs."""

MESSAGE_BYTES: Final = 100
PROMPT_BYTES: Final = 20_000
"""What a message and a prompt take here at most: a digest and a size, and two texts of 4,000
characters.
"""

MAX_WORDS: Final = 4_000
"""Characters that stand in a survey as the client wrote them: with more of them a prompt is not kept."""

MAX_KEPT_BYTES: Final = 32_000_000
"""Of all prompts together: 800 threads of 200 messages."""

STEPS_NOT_KEPT: Final = 2
"""Markers stand on the last messages, and a retry may drop the last step."""

_WITH_MESSAGES: Final[frozenset[Dialect]] = frozenset({"anthropic_messages", "openai_chat"})
"""Dialects whose threads are a list of that name; others are surveyed whole."""

_MESSAGES: Final = b'"messages"'
_SPELLINGS: Final = (b'{"role":', b'{"role": ')
_ASSISTANT: Final = b'"assistant"'
_TAIL_BYTES: Final = 32
_SPACE: Final = b" \t\r\n"


class _Body(msgspec.Struct):
    messages: msgspec.Raw


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class _Owner(NamedTuple):
    principal: str
    dialect: Dialect


class _Kept(NamedTuple):
    """A run of first messages: `body[at:end]` of a body whose bytes up to `end` have this digest.

    Attributes:
        tail: the last bytes of the run, which tell most other threads apart without a digest.
        spelling: how this client begins a message.

    """

    at: int
    end: int
    digest: bytes
    tail: bytes
    spelling: bytes
    survey: Survey


class _Around(NamedTuple):
    """What a body says beside its messages; `length` and `digest` are of the bytes behind them,
    the bytes before them are those of the run.
    """

    length: int
    digest: bytes
    survey: Survey


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A prompt as it was last seen; the same one only as itself."""

    kept: _Kept
    around: _Around


class SurveyDialect(Protocol):
    """What is used of a `WireDialect`."""

    @property
    def name(self) -> Dialect: ...

    def survey_request(self, body: bytes, *, path: str = "") -> Survey: ...


class KnownPrompts:
    """Surveys bodies; one per ingress. What was not asked about for longest is forgotten first."""

    def __init__(self, *, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._known: OrderedDict[_Owner, list[_Known]] = OrderedDict()
        self._nothing: dict[Dialect, Survey] = {}
        self.size_bytes = 0
        """What is kept takes, estimated."""

    def survey(
        self, body: bytes, *, dialect: SurveyDialect, principal: str, path: str = ""
    ) -> Survey:
        """Raises `InvalidRequest` naming the field that is wrong."""
        if len(body) < MIN_KEPT_BYTES or dialect.name not in _WITH_MESSAGES:
            return dialect.survey_request(body, path=path)
        owner = _Owner(principal, dialect.name)
        try:
            old = self._find(owner, body)
            kept = _begun(body, dialect) if old is None else old.kept
            if kept is None:
                return dialect.survey_request(body)
            around = None if old is None else _unchanged(old, body)
            if around is None:
                around = _around(kept, body, dialect)
            until = len(body) - around.length
            newest = _run(body[kept.end + 1 : until], dialect)
            survey = joined(around.survey, (kept.survey, newest), body_bytes=len(body))
            kept = self._advanced(kept, body, until, dialect)
        except InvalidRequest:
            return dialect.survey_request(body)
        if _words(around.survey) <= MAX_WORDS:
            self._keep(owner, old, kept, around)
        return survey

    def _find(self, owner: _Owner, body: bytes) -> _Known | None:
        """The prompt with the longest run that this body begins with."""
        found: _Known | None = None
        # Threads of one kind of work are often of one length.
        digests: dict[int, bytes] = {}
        for known in self._known.get(owner, ()):
            end = known.kept.end
            if (
                body.startswith(known.kept.tail, end - _TAIL_BYTES)
                and (found is None or end > found.kept.end)
                and body[end : end + 1] == b","
            ):
                if end not in digests:
                    digests[end] = xxh3_128_digest(memoryview(body)[:end])
                if digests[end] == known.kept.digest:
                    found = known
        return found

    def _advanced(self, kept: _Kept, body: bytes, until: int, dialect: SurveyDialect) -> _Kept:
        """The run with the messages that have become old since."""
        start = kept.end + 1
        end = _end_of_kept(body, start, until, kept.spelling)
        if end - start < MIN_KEPT_BYTES:
            return kept
        nothing = self._nothing.get(dialect.name)
        if nothing is None:
            nothing = self._nothing[dialect.name] = _run(EMPTY_MESSAGE, dialect)
        newer = _run(body[start:end], dialect)
        survey = joined(nothing, (kept.survey, newer), body_bytes=end)
        return _kept(body, kept.at, end, kept.spelling, survey)

    def _keep(self, owner: _Owner, old: _Known | None, kept: _Kept, around: _Around) -> None:
        known = self._known.setdefault(owner, [])
        self._known.move_to_end(owner)
        if old is not None and known[0] is old and old.kept is kept and old.around is around:
            return
        if old is not None:
            known.remove(old)
            self.size_bytes -= _size(old)
        new = _Known(kept, around)
        known.insert(0, new)
        self.size_bytes += _size(new)
        if len(known) > MAX_PROMPTS_EACH:
            self._forget_last(owner)
        while self.size_bytes > self._max_bytes:
            self._forget_last(next(iter(self._known)))

    def _forget_last(self, owner: _Owner) -> None:
        known = self._known[owner]
        self.size_bytes -= _size(known.pop())
        if not known:
            del self._known[owner]


def _words(around: Survey) -> int:
    named = (around.model, around.user_field, around.prompt_cache_key)
    return sum(map(len, (*named, *around.stop_sequences, *around.needs.server_tools)))


def _size(known: _Known) -> int:
    return PROMPT_BYTES + MESSAGE_BYTES * known.kept.survey.message_count


def _begun(body: bytes, dialect: SurveyDialect) -> _Kept | None:
    """What can be kept of a prompt that is not known; None when nothing can."""
    at = body.find(_MESSAGES)
    at = body.find(b"[", at + len(_MESSAGES)) if at >= 0 else -1
    if at < 0:
        return None
    at = _after_space(body, at + 1)
    spelling = next((one for one in reversed(_SPELLINGS) if body.startswith(one, at)), None)
    if spelling is None:
        return None
    end = _end_of_kept(body, at, len(body), spelling)
    if end - at < MIN_KEPT_BYTES:
        return None
    return _kept(body, at, end, spelling, _run(body[at:end], dialect))


def _kept(body: bytes, at: int, end: int, spelling: bytes, survey: Survey) -> _Kept:
    return _Kept(
        at=at,
        end=end,
        digest=xxh3_128_digest(memoryview(body)[:end]),
        tail=body[end - _TAIL_BYTES : end],
        spelling=spelling,
        survey=survey,
    )


def _unchanged(known: _Known, body: bytes) -> _Around | None:
    """What was around the messages last time, if it is now."""
    around = known.around
    starts = len(body) - around.length
    if starts <= known.kept.end + 1:
        return None
    is_same = xxh3_128_digest(memoryview(body)[starts:]) == around.digest
    return around if is_same else None


def _around(kept: _Kept, body: bytes, dialect: SurveyDialect) -> _Around:
    """Raises `InvalidRequest` when the run is not where the messages of this body begin."""
    before = body[: kept.at]
    without = before + body[kept.end + 1 :]
    try:
        messages = bytes(_BODY.decode(without).messages)
    except MALFORMED as error:
        raise complaint("", error) from None
    opens = before.rindex(b"[")
    if not without.startswith(messages, opens):
        raise InvalidRequest("messages: are not where they were looked for")
    behind = without[opens + len(messages) - 1 :]
    survey = dialect.survey_request(before + EMPTY_MESSAGE + behind)
    return _Around(len(behind), xxh3_128_digest(behind), survey)


def _run(messages: bytes, dialect: SurveyDialect) -> Survey:
    """The survey of messages alone. Raises `InvalidRequest` when they are not the inside of a list,
    as they would not be if they closed it and brought other fields.
    """
    listed = b"[%b]" % messages
    try:
        _LIST.decode(listed)
    except MALFORMED as error:
        raise complaint("messages", error) from None
    return dialect.survey_request(b'{"messages":%b}' % listed)


def _end_of_kept(body: bytes, start: int, until: int, spelling: bytes) -> int:
    """The comma in front of the newest steps before `until`; -1 when there is none."""
    at = until
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
