"""A chat answer whose server never says why it ends."""

import json

import pytest

from turnout.dialects.openai_chat.ended import ReasonGiven

HEAD = b'data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"m","choices":'
ROLE = HEAD + b'[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
TEXT = HEAD + b'[{"index":0,"delta":{"content":"say \\"finish_reason\\":\\"stop\\""}}]}\n\n'
CALL = (
    HEAD + b'[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f",'
    b'"arguments":"{}"}}]},"finish_reason":null}]}\n\n'
)
STOP = HEAD + b'[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def told(*events: bytes) -> bytes:
    reason = ReasonGiven()
    return b"".join(map(reason.feed, events))


@pytest.mark.parametrize(
    ("events", "reason"), [((ROLE, TEXT), "stop"), ((ROLE, CALL), "tool_calls")]
)
def test_one_is_given_in_front_of_the_end(events: tuple[bytes, ...], reason: str) -> None:
    one_by_one, at_once = told(*events, DONE), told(b"".join((*events, DONE)))
    assert one_by_one == at_once
    assert one_by_one.startswith(b"".join(events))
    assert one_by_one.endswith(b"\n\n" + DONE)
    chunk = one_by_one.removeprefix(b"".join(events)).removesuffix(DONE)
    assert json.loads(chunk.removeprefix(b"data: ")) == {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
    }


@pytest.mark.parametrize(
    "events",
    [
        (ROLE, TEXT, STOP, DONE),
        (ROLE, STOP + DONE),
        # Cut, which is told otherwise.
        (ROLE, TEXT),
        (b": a comment\n\n",),
    ],
)
def test_what_has_one_or_no_end_keeps_its_bytes(events: tuple[bytes, ...]) -> None:
    assert told(*events) == b"".join(events)


def test_an_answer_that_cannot_be_read_is_given_one_without_ids() -> None:
    given = told(b"data: {broken\n\n", DONE)
    assert b'"id":"","object":"chat.completion.chunk"' in given
