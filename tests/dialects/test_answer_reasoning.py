"""Our seal on reasoning in answers of imitations that are relayed as they came."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import encoded, events_of
from turnout.capabilities import Dialect
from turnout.dialects.answer_reasoning import events_sealed, sealed_in_body
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.registry import DIALECTS
from turnout.dialects.seal import seal
from turnout.dialects.stream import Answer
from turnout.dialects.usage import Usage
from turnout.upstream_dispatcher.answer import RelayedCourse

KIMI = "moonshot_ai/kimi-k2.6@env"
MAKER = Provenance("anthropic_messages", "kimi-k2.6", KIMI)
OPEN_WEIGHTS = Provenance("openai_responses", "gpt-oss", "vllm/gpt-oss@env")


def event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def started(index: int, **block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def added(index: int, **delta: object) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


def signed(index: int, signature: str) -> bytes:
    return added(index, type="signature_delta", signature=signature)


def stopped(index: int) -> bytes:
    return event("content_block_stop", index=index)


START = event("message_start", message={"id": "m", "model": "kimi-k2.6", "content": []})
THOUGHT = started(0, type="thinking", thinking="")
WORDS = added(0, type="thinking_delta", thinking='"signature_delta", é')
TEXT = started(1, type="text", text="") + added(1, type="text_delta", text="so") + stopped(1)
END = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")

SEALED_ID = seal(MAKER, signature="91cfbb94-554b")
SEALED_NOTHING = seal(MAKER)
ADDED = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"signature_delta","signature":"%b"}}\n\n' % SEALED_NOTHING.encode()
)

STREAMS = {
    "signed as DeepSeek signs": (
        START + THOUGHT + WORDS + signed(0, "91cfbb94-554b") + stopped(0) + TEXT + END,
        START + THOUGHT + WORDS + signed(0, SEALED_ID) + stopped(0) + TEXT + END,
    ),
    "signed at the beginning": (
        START + started(0, type="thinking", thinking="hm", signature="91cfbb94-554b") + stopped(0),
        START + started(0, type="thinking", thinking="hm", signature=SEALED_ID) + stopped(0),
    ),
    "unsigned": (
        START + THOUGHT + WORDS + stopped(0) + TEXT + END,
        START + THOUGHT + WORDS + ADDED + stopped(0) + TEXT + END,
    ),
    "signed with nothing": (
        START + THOUGHT + WORDS + signed(0, "") + stopped(0) + TEXT + END,
        START + THOUGHT + WORDS + signed(0, "") + ADDED + stopped(0) + TEXT + END,
    ),
    "never stopped, and another block follows": (
        START + THOUGHT + WORDS + TEXT + END,
        START + THOUGHT + WORDS + ADDED + TEXT + END,
    ),
    "never stopped": (START + THOUGHT + WORDS + END, START + THOUGHT + WORDS + ADDED + END),
    "redacted": (
        START + started(0, type="redacted_thinking", data="EqQB") + stopped(0) + END,
        START
        + started(0, type="redacted_thinking", data=seal(MAKER, redacted="EqQB"))
        + stopped(0)
        + END,
    ),
    "no reasoning": (START + TEXT + END, START + TEXT + END),
    "not readable": (
        b'data: {"type":"content_block_start","index":"0"}\n\ndata: signature_delta\n\n: x\n\n',
        b'data: {"type":"content_block_start","index":"0"}\n\ndata: signature_delta\n\n: x\n\n',
    ),
}


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("told", "expected"), STREAMS.values(), ids=STREAMS)
@given(st.data())
def test_a_stream_is_sealed_whatever_the_split(
    told: bytes, expected: bytes, line_end: bytes, data: st.DataObject
) -> None:
    told = told.replace(b"\n", line_end)
    edit = events_sealed(MAKER)
    assert edit is not None
    course = RelayedCourse(DIALECTS["anthropic_messages"], hides_usage=False, edits=(edit,))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=9)))
    pieces = [course.feed(told[start:end]) for start, end in pairwise([0, *cuts, len(told)])]
    out = b"".join((*pieces, course.close()))
    # An event of ours has line ends of its own.
    assert out.replace(b"\r\n", b"\n") == expected


BLOCKS = [
    {"type": "thinking", "thinking": "a", "signature": "91cfbb94-554b"},
    {"type": "thinking", "thinking": "b", "signature": ""},
    {"type": "thinking", "thinking": "c"},
    {"type": "redacted_thinking", "data": "EqQB"},
    {"type": "text", "text": '{"type":"thinking","signature":""} é'},
    {"type": "tool_use", "id": "t", "name": "t", "input": {"type": "thinking", "signature": ""}},
    {"type": "thinking", "signature": 7},
    "thinking",
]


def test_a_body_is_sealed_and_nothing_else_is_changed() -> None:
    body = json.dumps({"id": "m", "content": BLOCKS, "n": 1.50}, ensure_ascii=False).encode()
    sealed = json.loads(sealed_in_body(MAKER, body))
    assert [block.pop("signature") for block in sealed["content"][:3]] == [
        SEALED_ID,
        SEALED_NOTHING,
        SEALED_NOTHING,
    ]
    assert sealed["content"][3].pop("data") == seal(MAKER, redacted="EqQB")
    assert sealed["content"][4:] == BLOCKS[4:]
    assert b'"n": 1.5' in sealed_in_body(MAKER, body)


@pytest.mark.parametrize("body", [b"{}", b'{"content":"thinking"}', b"thinking", b'{"output":{}}'])
@pytest.mark.parametrize("made_by", [MAKER, OPEN_WEIGHTS])
def test_a_body_that_cannot_be_read_stays(body: bytes, made_by: Provenance) -> None:
    assert sealed_in_body(made_by, body) == body


THINKS = Answer(
    "r",
    "gpt-oss",
    (
        Thinking("hm", Provenance("openai_responses"), redacted="gAAA"),
        Text('"reasoning"'),
        ToolCall("c", "t", "{}"),
    ),
    Usage(fresh_input=3, output=2),
    "reported",
    "tool_use",
)


def test_items_of_a_response_are_sealed_in_the_stream_and_in_the_body() -> None:
    sealed, unsigned = seal(OPEN_WEIGHTS, redacted="gAAA"), seal(OPEN_WEIGHTS)
    told = encoded("openai_responses", events_of(THINKS))
    edit = events_sealed(OPEN_WEIGHTS)
    assert edit is not None
    expected = told.replace(
        b'"encrypted_content":null', b'"encrypted_content":"%b"' % unsigned.encode()
    ).replace(b'"gAAA"', b'"%b"' % sealed.encode())
    assert edit.feed(told) == expected
    # As the item begins, as it ends, and in the whole response.
    assert (told.count(b'"encrypted_content":null'), told.count(b'"gAAA"')) == (1, 2)
    body = DIALECTS["openai_responses"].encode_response(
        events_of(THINKS), response_id="r", model="m", created_at=1
    )
    assert sealed_in_body(OPEN_WEIGHTS, body) == body.replace(b"gAAA", sealed.encode())


@pytest.mark.parametrize("dialect", ["openai_chat", "gemini_generate"])
def test_a_dialect_without_a_place_for_a_seal_is_left_alone(dialect: Dialect) -> None:
    assert events_sealed(Provenance(dialect)) is None
    assert sealed_in_body(Provenance(dialect), b'{"content":[]}') == b'{"content":[]}'
