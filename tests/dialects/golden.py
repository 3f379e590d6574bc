"""Golden streams as data: bytes in, events out, in a form that can be read and compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import strategies as st

from turnout.capabilities import Dialect
from turnout.dialects.dialect import TapReading
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import StreamEvent, StreamFailed

FOLDERS: Final = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden streams of one dialect."""

    dialect: Dialect

    @property
    def folder(self) -> Path:
        return FOLDERS / self.dialect

    @property
    def cases(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.sse"))

    def stream_of(self, case: str) -> bytes:
        return (self.folder / f"{case}.sse").read_bytes()

    def expected_of(self, case: str) -> object:
        return msgspec.json.decode((self.folder / f"{case}.json").read_bytes())

    def decode(self, pieces: Iterable[bytes]) -> list[StreamEvent]:
        decoder = DIALECTS[self.dialect].stream_decoder()
        events: list[StreamEvent] = []
        for piece in pieces:
            events += decoder.feed(piece)
        return [*events, *decoder.close()]

    def read(self, pieces: Iterable[bytes], *, stream: bool = True) -> TapReading:
        """What a tap has seen when the pieces have passed."""
        tap = DIALECTS[self.dialect].tap(stream=stream)
        for piece in pieces:
            tap.feed(piece)
        return tap.reading


GOLDEN_CASES: Final = [(dialect, case) for dialect in DIALECTS for case in Golden(dialect).cases]

CUTS: Final = st.lists(st.integers(0, 20_000), max_size=12)


def cut(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream in pieces, some of them empty, cut wherever `CUTS` fall."""
    at = [0, *sorted(c % (len(stream) + 1) for c in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(at)]


def comparable(reading: TapReading) -> dict[str, object]:
    """Every field; errors are compared by what they say."""
    fields = {name: getattr(reading, name) for name in TapReading.__struct_fields__}
    error = reading.error
    return fields | {"error": None if error is None else (error.kind, error.message)}


def shown(events: Iterable[StreamEvent]) -> list[object]:
    """Events as plain JSON: the name and the fields."""
    return [{type(event).__name__: _fields(event)} for event in events]


def _fields(event: StreamEvent) -> object:
    if isinstance(event, StreamFailed):
        return {"kind": event.error.kind, "message": event.error.message}
    # Through JSON, so that tuples compare with what the file has.
    fields: object = msgspec.json.decode(msgspec.json.encode(event))
    return fields
