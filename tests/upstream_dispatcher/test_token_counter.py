"""The counter: what it counts, what it is bounded by, and that its failures are no errors."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

import pytest

from turnout.catalog.token_families import FIGURES
from turnout.dialects.conversation import Conversation, Message, Text
from turnout.upstream_dispatcher.token_counter import MAX_CHARACTERS, MAX_WAITING, TokenCounter

pytestmark = pytest.mark.anyio


@pytest.fixture
async def counter() -> AsyncGenerator[TokenCounter]:
    counter = TokenCounter()
    yield counter
    counter.close()


def saying(*texts: str) -> Callable[[], Conversation]:
    messages = tuple(Message("user", (Text(text),)) for text in texts)
    return lambda: Conversation("openai_chat", "gpt-5.5", messages)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # As tiktoken's o200k_base has them.
        ("hello world", 2),
        ("def f(x):\n    return x + 1\n", 11),
        ("Größe: 漢字 🙂", 7),
    ],
)
async def test_counts_as_the_published_vocabulary(
    counter: TokenCounter, text: str, tokens: int
) -> None:
    told = await counter.count(saying(text), "gpt-5", request_id="r")
    assert told is not None
    assert told.tokens == tokens + 3
    assert told.figures is FIGURES["gpt-5"]


async def test_a_lone_surrogate_is_counted_as_a_character(counter: TokenCounter) -> None:
    told = await counter.count(saying("a\ud800b"), "gpt-5", request_id="r")
    assert told == await counter.count(saying("a?b"), "gpt-5", request_id="r")


async def test_a_very_long_prompt_is_counted_by_a_share_of_each_text(
    counter: TokenCounter,
) -> None:
    words = "the quick brown fox " * (MAX_CHARACTERS // 20)
    told = await counter.count(saying(words, words), "gpt-5", request_id="r")
    half = await counter.count(saying(words), "gpt-5", request_id="r")
    assert told is not None
    assert half is not None
    assert told.tokens == pytest.approx(2 * half.tokens, rel=0.001)


async def test_what_cannot_be_read_is_no_error(counter: TokenCounter) -> None:
    def read() -> Conversation:
        raise ValueError("no conversation")

    assert await counter.count(read, "gpt-5", request_id="r") is None
    assert await counter.count(saying("hi"), "gpt-5", request_id="r") is not None


async def test_too_many_that_wait_are_not_counted(counter: TokenCounter) -> None:
    gate = threading.Event()

    def held() -> Conversation:
        assert gate.wait(10)
        return saying("hi")()

    waiting = [
        asyncio.ensure_future(counter.count(held, "gpt-5", request_id=str(number)))
        for number in range(MAX_WAITING)
    ]
    await asyncio.sleep(0)
    assert await counter.count(saying("hi"), "gpt-5", request_id="last") is None
    gate.set()
    assert None not in await asyncio.gather(*waiting)


async def test_the_loop_goes_on_while_a_prompt_is_counted(counter: TokenCounter) -> None:
    gate, turns = threading.Event(), 0

    def held() -> Conversation:
        assert gate.wait(10), "the loop stood still"
        return saying("hi")()

    counting = asyncio.ensure_future(counter.count(held, "gpt-5", request_id="r"))
    while turns < 100:
        await asyncio.sleep(0)
        turns += 1
    assert not counting.done()
    gate.set()
    assert await counting is not None
