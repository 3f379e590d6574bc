"""What nobody meant to send in a dialect, and what may come of it: our error, or nothing."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import strategies as st

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.answer_reasoning import events_sealed, sealed_in_body
from turnout.dialects.conversation import Provenance
from turnout.dialects.dialect import WireDialect
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest, TurnoutError, UpstreamFailed

Objects: TypeAlias = st.SearchStrategy[dict[str, object]]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


MAKER = "vllm/m@env"

DEPTH = 3
"""Of drawn JSON. `st.recursive` bounds its leaves instead, by throwing away what has more."""


def values(names: st.SearchStrategy[str], words: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any JSON, with the names and the words of a wire in it."""
    leaves: st.SearchStrategy[Any] = SCALARS | words
    found = leaves
    for _ in range(DEPTH):
        found = leaves | st.lists(found, max_size=3) | st.dictionaries(names, found, max_size=5)
    return found


def holding(name: str, member: st.SearchStrategy[Any], fields: Objects) -> Objects:
    """Objects with such a member, whatever else is in them."""
    return st.builds(lambda told, rest: rest | {name: told}, member, fields)


def spoilt(raw: bytes, data: st.DataObject) -> bytes:
    """With a byte that is no text, inside a string too: there msgspec raises another error than for
    broken JSON."""
    place = data.draw(st.integers(0, len(raw) - 1))
    return raw[:place] + b"\xff" + raw[place + 1 :]


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is sent in one dialect.

    Attributes:
        has: of the target that requests are encoded for.
        refusals: what decoding and encoding a request may raise.
        sealed: how a body begins whose reasoning is under our seal.
    """

    dialect: Dialect
    requests: Objects
    events: Objects
    values: st.SearchStrategy[Any]
    has: Capabilities
    refusals: tuple[type[TurnoutError], ...] = (InvalidRequest,)
    path: str = ""
    sealed: bytes = b""

    @property
    def wire(self) -> WireDialect:
        return DIALECTS[self.dialect]

    def is_survived_as_request(self, body: bytes) -> None:
        with suppress(InvalidRequest):
            self.wire.survey_request(body, path=self.path)
        for marked in {body, self.sealed + body}:
            with suppress(InvalidRequest):
                self.wire.without_foreign_reasoning(marked, reader=MAKER)
        with suppress(*self.refusals):
            conversation = self.wire.decode_request(body, path=self.path)
            self.wire.encode_request(conversation, model="m", has=self.has)

    def is_survived_as_answer(self, events: Sequence[bytes]) -> None:
        """As a stream of them, and each as a whole answer."""
        decoder = self.wire.stream_decoder()
        encoder = self.wire.stream_encoder(
            response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
        )
        tap = self.wire.tap(stream=True)
        seals = events_sealed(Provenance(self.dialect, "m", MAKER))
        for raw in events:
            event = b"data: " + raw + b"\n\n"
            tap.feed(event)
            assert seals is None or seals.feed(event).endswith(b"\n\n")
            assert tap.reading.at_boundary
            with suppress(UpstreamFailed):
                for told in decoder.feed(event):
                    encoder.encode(told)
            self._is_survived_as_whole(raw)
        for told in decoder.close():
            encoder.encode(told)

    def is_survived_as_error(self, body: bytes, status: int) -> None:
        error = self.wire.decode_error(status, [], body, now=0.0)
        json.loads(self.wire.encode_error(error, request_id="r").body)
        assert self.wire.encode_stream_error(error)

    def is_survived_as_bytes(self, raw: bytes) -> None:
        """Where no event of a stream may be counted on."""
        self._is_survived_as_whole(raw)
        self.wire.tap(stream=True).feed(b"data: " + raw + b"\n\n")
        assert self.wire.decode_error(500, [], raw, now=0.0).message
        with suppress(UpstreamFailed):
            self.wire.stream_decoder().feed(b"data: " + raw + b"\n\n")

    def _is_survived_as_whole(self, raw: bytes) -> None:
        """What can be decoded is over for the tap too."""
        tap = self.wire.tap(stream=False)
        tap.feed(raw)
        sealed_in_body(Provenance(self.dialect, "m", MAKER), raw)
        reading = tap.reading
        with suppress(UpstreamFailed):
            self.wire.decode_response(raw)
            assert reading.is_complete or reading.error is not None


def written(value: object) -> bytes:
    return json.dumps(value).encode()
