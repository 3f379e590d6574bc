"""Golden streams as data: bytes in, events out, in a form that can be read and compared."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.stream import StreamEvent, StreamFailed

FOLDER = Path(__file__).parents[2] / "golden" / "anthropic_messages"
CASES = sorted(path.stem for path in FOLDER.glob("*.sse"))


def stream_of(case: str) -> bytes:
    return (FOLDER / f"{case}.sse").read_bytes()


def expected_of(case: str) -> object:
    return msgspec.json.decode((FOLDER / f"{case}.json").read_bytes())


def decode(pieces: Iterable[bytes]) -> list[StreamEvent]:
    decoder = ANTHROPIC_MESSAGES.stream_decoder()
    events: list[StreamEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return [*events, *decoder.close()]


def shown(events: Iterable[StreamEvent]) -> object:
    """Events as plain JSON: the name and the fields."""
    return [{type(event).__name__: _fields(event)} for event in events]


def _fields(event: StreamEvent) -> object:
    if isinstance(event, StreamFailed):
        return {"kind": event.error.kind, "message": event.error.message}
    return msgspec.to_builtins(event)
