"""The embedder at run time: the cut, the cache, the queue, the deadline and the end."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.scorer.embedder import Embedding, QueuedEmbedder, Skipped, load_embedder
from turnout.scorer.embedder_files import EMBEDDER_DIGEST, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder, Vector
from turnout.scorer.tokens import END_CHARACTERS, MAX_TOKENS, TokenCutter, cut, text_digest

PATIENCE_SECONDS = 30.0
"""A deadline that no test is meant to reach."""


class GatedEncoder:
    """Counts its runs, and holds each until the gate is open."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.gate = threading.Event()
        self.started = threading.Event()
        self.texts: list[str] = []
        if is_open:
            self.gate.set()

    def encode(self, cut_text: str) -> Vector:
        self.texts.append(cut_text)
        self.started.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        return np.full(384, len(cut_text), dtype=np.float32)


class FailingEncoder:
    def encode(self, cut_text: str) -> Vector:
        raise RuntimeError(cut_text)


@pytest.fixture
def gated() -> Iterator[GatedEncoder]:
    encoder = GatedEncoder(is_open=False)
    yield encoder
    encoder.gate.set()


def front(encoder: GatedEncoder | FailingEncoder, **sizes: int) -> QueuedEmbedder:
    return QueuedEmbedder(encoder, embedder_digest="test", **sizes)


async def until_started(encoder: GatedEncoder) -> None:
    assert await asyncio.to_thread(encoder.started.wait, PATIENCE_SECONDS)


def test_a_text_is_computed_once() -> None:
    encoder = GatedEncoder()

    async def scenario() -> None:
        async with front(encoder) as embedder:
            first = await embedder.embed("again", deadline_seconds=PATIENCE_SECONDS)
            second = await embedder.embed(" again\n", deadline_seconds=0)
        assert isinstance(first, Embedding)
        assert isinstance(second, Embedding)
        assert (first.is_cached, second.is_cached) == (False, True)
        assert np.array_equal(first.vector, second.vector)

    asyncio.run(scenario())
    assert encoder.texts == ["again"]


def test_two_requests_with_one_new_text_compute_it_once(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        async with front(gated) as embedder, asyncio.TaskGroup() as group:
            one = group.create_task(embedder.embed("same", deadline_seconds=PATIENCE_SECONDS))
            two = group.create_task(embedder.embed("same", deadline_seconds=PATIENCE_SECONDS))
            await until_started(gated)
            gated.gate.set()
            assert isinstance(await one, Embedding)
            assert isinstance(await two, Embedding)

    asyncio.run(scenario())
    assert gated.texts == ["same"]


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    encoder = GatedEncoder()

    async def scenario() -> None:
        async with front(encoder, cache_size=2) as embedder:
            for text in ("a", "b", "a", "c", "a", "b"):
                await embedder.embed(text, deadline_seconds=PATIENCE_SECONDS)

    asyncio.run(scenario())
    assert encoder.texts == ["a", "b", "c", "b"]


def test_a_full_queue_skips_at_once(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        async with front(gated, queue_size=2) as embedder, asyncio.TaskGroup() as group:
            waiting = [
                group.create_task(embedder.embed(text, deadline_seconds=PATIENCE_SECONDS))
                for text in ("one", "two")
            ]
            await until_started(gated)
            assert embedder.queue_depth == 2
            assert await embedder.embed("three", deadline_seconds=PATIENCE_SECONDS) == Skipped(
                "queue_full"
            )
            gated.gate.set()
            for task in waiting:
                assert isinstance(await task, Embedding)
            assert embedder.queue_depth == 0

    asyncio.run(scenario())


def test_what_is_late_while_running_is_there_the_next_time(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        async with front(gated) as embedder:
            while not gated.started.is_set():
                assert await embedder.embed("slow", deadline_seconds=0.01) == Skipped("late")
            gated.gate.set()
            again = await embedder.embed("slow", deadline_seconds=PATIENCE_SECONDS)
            assert isinstance(again, Embedding)

    asyncio.run(scenario())
    assert gated.texts == ["slow"]


def test_what_is_late_while_waiting_is_dropped(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        async with front(gated) as embedder, asyncio.TaskGroup() as group:
            first = group.create_task(embedder.embed("first", deadline_seconds=PATIENCE_SECONDS))
            await until_started(gated)
            assert await embedder.embed("second", deadline_seconds=0) == Skipped("late")
            assert embedder.queue_depth == 1
            gated.gate.set()
            await first

    asyncio.run(scenario())
    assert gated.texts == ["first"]


def test_closing_skips_what_waits_and_what_comes(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        embedder = front(gated)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(
                embedder.embed("running", deadline_seconds=PATIENCE_SECONDS)
            )
            waiting = group.create_task(
                embedder.embed("waiting", deadline_seconds=PATIENCE_SECONDS)
            )
            await until_started(gated)
            closing = group.create_task(embedder.close())
            assert await waiting == Skipped("closed")
            gated.gate.set()
            await closing
            assert isinstance(await running, Embedding)
        assert await embedder.embed("later", deadline_seconds=PATIENCE_SECONDS) == Skipped("closed")
        await embedder.close()

    asyncio.run(scenario())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("embedder")]


def test_a_cancelled_request_leaves_no_work_behind(gated: GatedEncoder) -> None:
    async def scenario() -> None:
        async with front(gated) as embedder, asyncio.TaskGroup() as group:
            first = group.create_task(embedder.embed("first", deadline_seconds=PATIENCE_SECONDS))
            await until_started(gated)
            second = asyncio.ensure_future(
                embedder.embed("second", deadline_seconds=PATIENCE_SECONDS)
            )
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert embedder.queue_depth == 1
            gated.gate.set()
            await first

    asyncio.run(scenario())
    assert gated.texts == ["first"]


def test_a_failure_is_no_error_to_the_request_and_tells_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        async with front(FailingEncoder()) as embedder:
            assert await embedder.embed(
                "secret words", deadline_seconds=PATIENCE_SECONDS
            ) == Skipped("failed")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_blank_text_is_no_text(text: str) -> None:
    async def scenario() -> None:
        async with front(GatedEncoder()) as embedder:
            assert await embedder.embed(text, deadline_seconds=0) == Skipped("no_text")

    asyncio.run(scenario())


@given(st.text(max_size=40), st.integers(min_value=0, max_value=300_000))
def test_a_cut_text_is_bounded_and_cutting_again_changes_nothing(text: str, filler: int) -> None:
    whole = text + "y" * filler + text
    once = cut(whole)
    assert len(once) <= 2 * END_CHARACTERS + 1
    assert cut(once) in (once, once.strip())


def test_the_middle_of_a_long_text_does_not_count() -> None:
    head, tail = "h " * END_CHARACTERS, "t " * END_CHARACTERS
    assert cut(head + "a" * 1000 + tail) == cut(head + "b" * 90_000 + tail)
    assert text_digest(cut(head)) != text_digest(cut(tail))


def test_ids_are_bounded_and_keep_both_ends(embedder_root: Path) -> None:
    cutter = TokenCutter(load_embedder_files(embedder_root).tokenizer)
    start, end = cutter.ids("")
    short = cutter.ids("alpha beta")
    assert short[0] == start
    assert short[-1] == end
    assert len(short) == 4
    ids = cutter.ids("alpha " * 500 + "omega " * 500)
    assert len(ids) == MAX_TOKENS
    alpha, omega = cutter.ids("alpha")[1:-1], cutter.ids("omega")[1:-1]
    assert ids == [start, *(alpha * 95)[:95], *(omega * 95)[-95:], end]


def test_a_text_of_128_tokens_is_neither_padded_nor_truncated(embedder_root: Path) -> None:
    cutter = TokenCutter(load_embedder_files(embedder_root).tokenizer)
    assert [len(cutter.ids("word " * count)) for count in (1, 126, 150, 190)] == [3, 128, 152, 192]


@pytest.mark.parametrize(
    "text", ["\ud800 lone", "null\0byte", "a" * 5000, "日本語のテキスト", "🧪"]
)
def test_odd_texts_have_unit_embeddings(text: str, embedder_root: Path) -> None:
    async def scenario() -> None:
        async with load_embedder(embedder_root) as embedder:
            assert embedder.embedder_digest == EMBEDDER_DIGEST
            answer = await embedder.embed(text, deadline_seconds=PATIENCE_SECONDS)
        assert isinstance(answer, Embedding)
        assert answer.vector.shape == (384,)
        assert float(answer.vector @ answer.vector) == pytest.approx(1, abs=1e-5)

    asyncio.run(scenario())


def test_an_embedding_does_not_depend_on_what_was_embedded_before(embedder_root: Path) -> None:
    files = load_embedder_files(embedder_root)
    fresh = OnnxEncoder(files).encode("Fix the parser.")
    used = OnnxEncoder(files)
    for text in ("word " * 190, "x"):
        used.encode(text)
    assert np.array_equal(used.encode("Fix the parser."), fresh)
