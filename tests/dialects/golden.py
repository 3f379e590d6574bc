"""Golden streams as data: bytes in, events out, in a form that can be read and compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from turnout.capabilities import Dialect
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


def shown(events: Iterable[StreamEvent]) -> list[object]:
    """Events as plain JSON: the name and the fields."""
    return [{type(event).__name__: _fields(event)} for event in events]


def _fields(event: StreamEvent) -> object:
    if isinstance(event, StreamFailed):
        return {"kind": event.error.kind, "message": event.error.message}
    # Through JSON, so that tuples compare with what the file has.
    fields: object = msgspec.json.decode(msgspec.json.encode(event))
    return fields
