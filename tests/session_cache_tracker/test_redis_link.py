"""Answers of Redis are the same however they are cut; what is no answer ends the link."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import (
    BusyLoadingError,
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from typing_extensions import override

from turnout.session_cache_tracker.redis_link import RedisLink, Reply, Script

TEXTS = st.lists(st.text(max_size=8), min_size=1, max_size=4)


class RecordingTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


@dataclass(slots=True)
class Subject:
    transport: RecordingTransport = field(default_factory=RecordingTransport)
    replies: list[Reply] = field(default_factory=list)
    link: RedisLink = field(init=False)

    def __post_init__(self) -> None:
        self.link = RedisLink(self.transport, self._disconnect)

    async def _disconnect(self) -> None:
        self.link.connection_lost(None)

    def ask(self, commands: int, *answers: bytes) -> Sequence[Reply]:
        self.link.send([b"x"] * commands, self.replies.append)
        for answer in answers:
            self.link.data_received(answer)
        return self.replies


def string(text: str) -> bytes:
    data = text.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


@given(texts=TEXTS, data=st.data())
def test_any_cut_of_the_bytes_gives_the_same_answers(texts: list[str], data: st.DataObject) -> None:
    wire = b"".join(map(string, texts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]

    assert Subject().ask(len(texts), *pieces) == [texts]


def test_nothing_is_told_before_all_answers_are_there() -> None:
    subject = Subject()
    assert subject.ask(2, string("a")) == []
    subject.link.data_received(string("b"))
    assert subject.replies == [["a", "b"]]
    assert subject.ask(1, string("c")) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"-NOSCRIPT No matching script.", NoScriptError),
        (b"-READONLY You can't write.", ReadOnlyError),
        (b"-WRONGTYPE Operation", ResponseError),
    ],
)
def test_an_error_is_the_answer_of_its_call(line: bytes, error: type[ResponseError]) -> None:
    [reply] = Subject().ask(2, line + b"\r\n" + string("a"))

    assert not isinstance(reply, Exception)
    assert (type(reply[0]), reply[1]) == (error, "a")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b":1\r\n", InvalidResponse),
        (b"HTTP/1.1 400 Bad Request\r\n", InvalidResponse),
        (b"\r\n", InvalidResponse),
        (b"$-1\r\n", InvalidResponse),
        (b"$x\r\n", ValueError),
        (b"$1\r\n\xff\r\n", ValueError),
        (string("a") * 2, InvalidResponse),
        (b"-LOADING Redis is loading\r\n", BusyLoadingError),
    ],
)
def test_what_is_no_answer_ends_the_link(answer: bytes, error: type[Exception]) -> None:
    subject = Subject()
    [reply] = subject.ask(1, answer)

    assert isinstance(reply, error)
    assert subject.link.is_lost


def test_a_lost_connection_is_told_once() -> None:
    subject = Subject()
    subject.ask(1)
    subject.link.connection_lost(None)
    subject.link.connection_lost(ConnectionResetError())

    [reply] = subject.replies
    assert isinstance(reply, RedisError)


def test_an_abandoned_pipeline_is_not_told() -> None:
    subject = Subject()
    subject.ask(1)
    subject.link.abandon()
    subject.link.data_received(string("late"))

    assert (subject.replies, subject.link.is_lost) == ([], True)


def test_a_call_is_one_command_of_strings() -> None:
    call = Script("return ''").call("k\u00e9y", "a", "")

    head, _, rest = call.partition(b"$40\r\n")
    assert head == b"*6\r\n$7\r\nEVALSHA\r\n"
    assert rest[40:] == b"\r\n$1\r\n1\r\n$4\r\nk\xc3\xa9y\r\n$1\r\na\r\n$0\r\n\r\n"
