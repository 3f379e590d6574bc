"""Whatever happens to the bytes of a segment, whole records come out and only those."""

from hypothesis import assume, given
from hypothesis import strategies as st

from turnout.bus.records import MAGIC, encode_record, scan

RECORDS = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.one_of(st.binary(max_size=60), st.binary(max_size=8).map(lambda tail: MAGIC + tail)),
    ),
    max_size=6,
)


def segment(records: list[tuple[int, bytes]]) -> bytes:
    return b"".join(encode_record(kind, payload) for kind, payload in records)


@given(RECORDS)
def test_what_was_written_is_read(records: list[tuple[int, bytes]]) -> None:
    data = segment(records)

    found = scan(data, start=7, is_whole=True)

    assert [(record.kind, record.payload) for record in found.records] == records
    assert found.end == 7 + len(data)
    assert found.lost_bytes == 0


@given(RECORDS, st.data())
def test_a_torn_tail_costs_only_the_torn_record(
    records: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    whole = segment(records)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [len(segment(records[: count + 1])) for count in range(len(records))]
    kept = sum(end <= cut for end in ends)

    found = scan(whole[:cut], start=0, is_whole=True)

    assert [(record.kind, record.payload) for record in found.records] == records[:kept]
    assert found.end == cut


@given(RECORDS, st.data())
def test_a_record_that_is_still_coming_is_left_for_later(
    records: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    whole = segment(records)
    cut = data.draw(st.integers(0, len(whole)))

    first = scan(whole[:cut], start=0, is_whole=False)
    second = scan(whole[first.end :], start=first.end, is_whole=True)

    found = [*first.records, *second.records]
    assert [(record.kind, record.payload) for record in found] == records
    assert first.lost_bytes == second.lost_bytes == 0


@given(RECORDS, st.data())
def test_damage_costs_only_the_records_it_touches(
    records: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    whole = bytearray(segment(records))
    assume(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    ends = [len(segment(records[: count + 1])) for count in range(len(records))]
    hit = sum(end <= at for end in ends)

    found = scan(bytes(whole), start=0, is_whole=True)

    expected = records[:hit] + records[hit + 1 :]
    assert [(record.kind, record.payload) for record in found.records] == expected
    assert found.lost_bytes == len(encode_record(*records[hit]))


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_to_an_end(data: bytes, is_whole: bool) -> None:
    found = scan(data, start=0, is_whole=is_whole)

    assert found.end <= len(data)
    assert found.end == len(data) or not is_whole
