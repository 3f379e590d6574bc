"""Heads of HTTP messages, whole and in pieces."""

import pytest

from loadtest import wire


def test_a_request_is_read_back() -> None:
    head = wire.read_head(wire.request("POST", "/v1/messages", (("host", "here"),), b"{}"))
    assert head is not None
    assert (head.path, head.framing, head.length) == (b"/v1/messages", "length", 2)


def test_an_answer_is_read_back() -> None:
    sent = wire.response(b'{"a":1}', status=404)
    head = wire.read_head(sent)
    assert head is not None
    assert (head.status, sent[head.body_at :], head.closes) == (404, b'{"a":1}', False)


@pytest.mark.parametrize("cut", range(len(wire.response(b"")) - 1))
def test_a_head_in_pieces_is_no_head_yet(cut: int) -> None:
    assert wire.read_head(wire.response(b"")[:cut]) is None


def test_chunked_and_close_are_seen_in_any_case() -> None:
    head = wire.read_head(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nConnection: Close\r\n\r\n"
    )
    assert head is not None
    assert (head.framing, head.closes) == ("chunked", True)


def test_a_length_is_not_taken_from_another_header() -> None:
    head = wire.read_head(b"GET / HTTP/1.1\r\nx-content-length: 9\r\n\r\n")
    assert head is not None
    assert (head.framing, head.length) == ("none", 0)


def test_a_chunk_says_its_length_in_hexadecimal() -> None:
    assert wire.chunk(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"
