"""The contract of `turnout.dialects.stream`, as an assertion on what a decoder has said."""

from collections.abc import Sequence

import pytest

from turnout.dialects.stream import (
    Finished,
    PartEnded,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    UsageReported,
)


def obey(events: Sequence[StreamEvent]) -> None:
    """One start, parts that are opened in order and not written to once ended, one end."""
    opened: set[int] = set()
    ended: set[int] = set()
    assert isinstance(events[-1], Finished | StreamFailed)
    assert isinstance(events[0], StreamStarted | StreamFailed)
    for event in events[:-1]:
        match event:
            case Finished() | StreamFailed():
                pytest.fail("something follows the end")
            case StreamStarted():
                assert event is events[0]
            case UsageReported():
                pass
            case PartEnded(index=index):
                assert index in opened - ended
                ended.add(index)
            case _ if type(event).__name__.endswith("Started"):
                assert event.index == len(opened)
                opened.add(event.index)
            case _:
                assert event.index in opened - ended
    if isinstance(events[-1], Finished):
        assert opened == ended
