"""Nothing that the spool has accepted is lost, and its order is kept, whenever the process ends."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.bus import samples
from tests.bus.small_disk import small_disk
from turnout.bus.cursor import Cursor, Position
from turnout.bus.directory import SpoolDirectory, Window
from turnout.bus.metrics import BusMetrics
from turnout.bus.publisher import messages_of
from turnout.bus.records import MAX_PAYLOAD_BYTES, encode_record
from turnout.bus.spool import Spool, SpoolFactSink, open_spool
from turnout.events.v1 import facts_pb2
from turnout.protos import from_pb


def drain(directory: SpoolDirectory, spool: Spool) -> list[bytes]:
    """Everything left in a directory, as the publisher would take it."""
    found: list[bytes] = []
    tail = spool.tail if directory is spool.own else None
    while (window := directory.window(tail=tail)) is not None:
        directory.begin(window)
        found += [record.payload for record in window.records]
        directory.finish(window)
    return found


def die(spool: Spool) -> None:
    """End like a killed process: descriptors and locks go, nothing is written."""
    os.close(spool._file)
    spool.own.close()
    for directory in spool.adopted:
        directory.close()


def test_a_recorded_fact_is_in_the_file_at_once(
    make_spool: Callable[[], Spool], metrics: BusMetrics
) -> None:
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)

    sink.record(samples.completed())

    payload = drain(spool.own, spool)[0]
    message = facts_pb2.RequestCompleted.FromString(payload)
    assert from_pb(type(samples.completed()), message) == samples.completed()


Step = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 40)),
    st.tuples(st.just("publish"), st.integers(1, 3)),
    st.tuples(st.just("crash"), st.just(0)),
    st.tuples(st.just("crash_in_publish"), st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(Step, max_size=25))
def test_restarts_at_any_point_lose_nothing_and_keep_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    parent = tmp_path_factory.mktemp("spool")
    metrics = BusMetrics(CollectorRegistry())

    def start() -> Spool:
        return open_spool(parent, service="s", metrics=metrics, segment_bytes=200)

    spool, appended = start(), 0
    published: list[int] = []
    ids: dict[str, bytes] = {}

    def publish(directory: SpoolDirectory, *, is_acknowledged: bool = True) -> bool:
        window = directory.window(tail=spool.tail if directory is spool.own else None)
        if window is None:
            return False
        directory.begin(window)
        for message in messages_of(window):
            # What JetStream does: the same id is the same message, kept once.
            if ids.setdefault(message.id, message.payload) == message.payload:
                batch = facts_pb2.FactBatch.FromString(message.payload)
                told = [facts_pb2.RequestRouted.FromString(fact).event_id for fact in batch.facts]
                published.extend(int(event) for event in told if int(event) not in published)
            else:
                raise AssertionError("one id stands for two messages")
        if is_acknowledged:
            directory.finish(window)
        return True

    for step, count in steps:
        match step:
            case "append":
                for _ in range(count):
                    fact = facts_pb2.RequestRouted(event_id=str(appended), request_id="r" * 20)
                    assert spool.append(1, fact.SerializeToString())
                    appended += 1
            case "publish":
                for _ in range(count):
                    publish((spool.adopted or [spool.own])[0])
            case "crash":
                die(spool)
                spool = start()
            case _:
                publish((spool.adopted or [spool.own])[0], is_acknowledged=False)
                die(spool)
                spool = start()
    for directory in (*spool.adopted, spool.own):
        while publish(directory):
            pass
    die(spool)

    # Adopted directories come first, oldest first, so the order over all of them is kept too;
    # directories of one clock tick may change places.
    assert sorted(published) == list(range(appended))


def test_order_is_kept_within_a_directory(make_spool: Callable[[], Spool]) -> None:
    spool = make_spool()
    payloads = [str(number).encode() * 50 for number in range(2000)]
    for payload in payloads:
        spool.append(1, payload)

    assert drain(spool.own, spool) == payloads


def test_a_window_interrupted_by_a_crash_is_published_with_the_same_ids(
    make_spool: Callable[[], Spool],
) -> None:
    spool = make_spool()
    for number in range(5):
        spool.append(1, facts_pb2.RequestRouted(event_id=str(number)).SerializeToString())
    window = spool.own.window(tail=spool.tail)
    assert window is not None
    spool.own.begin(window)
    before = messages_of(window)
    # Facts go on arriving while the window is in flight; they must not join it later.
    spool.append(1, facts_pb2.RequestRouted(event_id="late").SerializeToString())
    spool.close()

    again = make_spool()
    repeated = again.adopted[0].window(tail=None)

    assert isinstance(repeated, Window)
    assert messages_of(repeated) == before


def test_a_torn_tail_is_cut_off_and_said(
    make_spool: Callable[[], Spool],
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool = make_spool()
    spool.append(1, b"first")
    spool.append(1, b"second")
    path = spool.own.segment_path(1)
    spool.close()
    whole = path.stat().st_size
    os.truncate(path, whole - 3)

    again = make_spool()

    assert drain(again.adopted[0], again) == [b"first"]
    assert "torn end" in caplog.text
    torn = whole - len(encode_record(1, b"first")) - 3
    assert registry.get_sample_value("turnout_spool_lost_bytes_total") == torn


def test_a_damaged_segment_gives_up_only_what_is_damaged(
    make_spool: Callable[[], Spool],
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool = make_spool()
    for payload in (b"first", b"second", b"third"):
        spool.append(1, payload)
    path = spool.own.segment_path(1)
    data = bytearray(path.read_bytes())
    data[data.index(b"second")] ^= 1
    path.write_bytes(data)

    window = spool.own.window(tail=spool.tail)
    assert window is not None
    spool.own.begin(window)
    # Of a window that could not be published, and is read again.
    assert drain(spool.own, spool) == [b"first", b"third"]
    assert caplog.text.count("damaged") == 1
    lost = len(encode_record(1, b"second"))
    assert registry.get_sample_value("turnout_spool_lost_bytes_total") == lost


def test_room_for_the_cursor_is_taken_before_the_first_fact(
    make_spool: Callable[[], Spool],
) -> None:
    spool = make_spool()
    spool.append(1, b"first")
    kept = (spool.own.path / "cursor").stat()
    drain(spool.own, spool)
    spool.own.settle()
    after = (spool.own.path / "cursor").stat()
    assert (kept.st_size, kept.st_blocks) == (after.st_size, after.st_blocks)
    assert kept.st_blocks > 0


def test_a_fact_that_the_disk_has_no_room_for_leaves_the_segment_behind(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as filling:
        spool = open_spool(tmp_path / "disk", service="s", metrics=BusMetrics(CollectorRegistry()))
        with filling():
            while spool.append(1, b"x" * 1000):
                pass
            assert spool.own.segments() == [1, 2]
        assert drain(spool.own, spool)
        spool.measure()
        assert spool.own.segments() == [2]
        assert spool.append(1, b"x" * 100_000)
        spool.close()


def test_an_unreadable_cursor_means_starting_over(make_spool: Callable[[], Spool]) -> None:
    spool = make_spool()
    spool.append(1, b"first")
    drain(spool.own, spool)
    spool.append(1, b"second")
    path = spool.own.path / "cursor"
    spool.close()
    path.write_bytes(b"\xff" * 9000)

    again = make_spool()

    assert drain(again.adopted[0], again) == [b"first", b"second"]


@given(st.integers(0, 8191), st.integers(1, 255))
def test_damage_to_a_cursor_costs_one_step_at_most(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("cursor") / "cursor"
    cursor = Cursor(path)
    steps = [(Position(1, number), Position(1, number + 1)) for number in range(3)]
    for done, until in steps:
        cursor.write(done=done, until=until)
    cursor.close()
    data = bytearray(path.read_bytes().ljust(8192, b"\0"))
    data[at] ^= flip
    path.write_bytes(data)

    again = Cursor(path)

    assert again.read() in steps[1:]
    again.close()


def test_a_full_spool_counts_and_complains_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    times = iter([0.0, 1.0, 11.0, 12.0, 22.0])
    spool = open_spool(
        tmp_path,
        service="s",
        metrics=BusMetrics(registry),
        max_bytes=100,
        clock=lambda: next(times),
    )
    assert spool.append(1, b"x" * 60)

    for _ in range(3):
        assert not spool.append(1, b"y" * 60)

    dropped = registry.get_sample_value("turnout_facts_dropped_total", {"reason": "spool_full"})
    assert dropped == 3
    assert caplog.text.count("facts are lost") == 2
    assert spool.is_full, "a moment after the last loss"
    assert not spool.is_full, "a while after it"
    spool.close()


def test_a_fact_too_large_for_the_bus_is_refused(
    make_spool: Callable[[], Spool], caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()

    assert not spool.append(1, b"x" * (MAX_PAYLOAD_BYTES + 1))
    assert drain(spool.own, spool) == []
    assert "too_large" in [getattr(record, "reason", "") for record in caplog.records]


@pytest.mark.parametrize(
    ("sizes", "kept", "reason"),
    [
        ((10, 20, 30), (10, 20, 30), ""),
        ((10, MAX_PAYLOAD_BYTES + 1, 30), (10, 30), "too_large"),
        ((MAX_PAYLOAD_BYTES // 2 + 1, MAX_PAYLOAD_BYTES // 2), (65537, 65536), ""),
        ((10, 190_000, 30), (10, 30), "too_large"),
        ((100_000, 120_000, 30), (100_000, 30), "spool_full"),
    ],
)
def test_facts_of_one_moment_are_dropped_one_by_one(
    tmp_path: Path, sizes: Sequence[int], kept: Sequence[int], reason: str
) -> None:
    registry = CollectorRegistry()
    spool = open_spool(tmp_path, service="s", metrics=BusMetrics(registry), max_bytes=200_000)

    taken = spool.append_all([(1, b"x" * size) for size in sizes])

    assert [len(payload) for _, payload in taken] == [*kept]
    assert [len(payload) for payload in drain(spool.own, spool)] == [*kept]
    for why in ("too_large", "spool_full"):
        dropped = registry.get_sample_value("turnout_facts_dropped_total", {"reason": why})
        assert (dropped or 0) == (why == reason)
    spool.close()


def test_a_fact_that_cannot_be_encoded_does_not_raise(
    make_spool: Callable[[], Spool], metrics: BusMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()

    SpoolFactSink(spool, metrics=metrics).record(samples.outcome("\ud800"))

    assert drain(spool.own, spool) == []
    assert "facts are lost" in caplog.text


def test_published_segments_are_removed(tmp_path: Path, metrics: BusMetrics) -> None:
    spool = open_spool(tmp_path, service="s", metrics=metrics, segment_bytes=100)
    for _ in range(50):
        spool.append(1, b"x" * 40)

    drain(spool.own, spool)

    assert spool.own.segments() == [spool.tail.segment]
    spool.close()


def test_a_directory_published_whole_is_removed_on_close(
    tmp_path: Path, metrics: BusMetrics
) -> None:
    spool = open_spool(tmp_path, service="s", metrics=metrics)
    spool.append(1, b"x")
    drain(spool.own, spool)

    spool.close()

    assert not spool.own.path.exists()


def test_the_directory_of_a_living_process_is_left_alone(
    make_spool: Callable[[], Spool],
) -> None:
    first = make_spool()
    first.append(1, b"mine")

    second = make_spool()

    assert second.adopted == []
