"""Where the last events of a stream begin, however much came with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.sse import SseDecoder
from turnout.upstream_dispatcher.tail import start_of_last

BLANKS = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n")

EVENTS = st.sampled_from([b"data: %d" % number for number in range(9)] + [b"event: e\ndata: x"])
COMMENTS = st.sampled_from([b": a comment", b": data"])


@given(
    blank=st.sampled_from(BLANKS),
    blocks=st.lists(st.one_of(EVENTS, COMMENTS), max_size=12),
    rest=st.sampled_from([b"", b"data: half", b": c"]),
    count=st.integers(0, 4),
)
def test_the_last_whole_events_are_behind_it_and_no_other(
    blank: bytes, blocks: list[bytes], rest: bytes, count: int
) -> None:
    data = b"".join(block + blank for block in blocks) + rest
    at = start_of_last(data, count)
    behind = SseDecoder().feed(data[at:])
    whole = SseDecoder().feed(data)
    assert behind == whole[max(0, len(whole) - count) :]
    assert at in {0, *_ends(data, blank)}


def _ends(data: bytes, blank: bytes) -> list[int]:
    return [at + len(blank) for at in range(len(data)) if data.startswith(blank, at)]


@pytest.mark.parametrize("blank", BLANKS)
def test_comments_between_the_last_events_are_no_events(blank: bytes) -> None:
    data = blank.join((b"data: 1", b"data: 2", b": data", b"data: 3", b""))
    assert start_of_last(data, 2) == data.index(b"data: 2")
