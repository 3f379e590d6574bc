"""Digests of prefixes: what must be equal, what must differ."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.prefix import (
    canonical_block,
    canonical_fields,
    canonical_message,
    chain,
    digest,
    length,
    message_digest,
    without_markers,
)
from turnout.errors import InvalidRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
MARKERS = st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, None])
TEXTS = st.text() | st.sampled_from([',"cache_control":{}', '{"cache_control":null,', '\\"', ","])
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


def mark(block: dict[str, object], marker: object, *, first: bool) -> dict[str, object]:
    own: dict[str, object] = {"cache_control": marker}
    return own | block if first else block | own


@given(
    st.lists(TEXTS, min_size=1, max_size=4), MARKERS, st.booleans(), SEPARATORS, st.integers(0, 3)
)
def test_markers_do_not_count(
    texts: list[str], marker: object, first: bool, separators: tuple[str, str], at: int
) -> None:
    blocks: list[dict[str, object]] = [{"type": "text", "text": text} for text in texts]
    marked = list(blocks)
    marked[at % len(blocks)] = mark(blocks[at % len(blocks)], marker, first=first)
    plain = json.dumps({"role": "user", "content": blocks}, separators=separators).encode()
    with_marker = json.dumps({"role": "user", "content": marked}, separators=separators).encode()
    assert canonical_message(plain) == canonical_message(with_marker)


@given(TEXTS, MARKERS, SEPARATORS)
def test_one_text_block_equals_the_string(
    text: str, marker: object, separators: tuple[str, str]
) -> None:
    block: dict[str, object] = {"type": "text", "text": text, "cache_control": marker}
    as_block = json.dumps({"role": "user", "content": [block]}, separators=separators).encode()
    as_text = json.dumps({"content": text, "role": "user"}, separators=separators).encode()
    assert canonical_message(as_block) == canonical_message(as_text)


def decoded(message: dict[str, object]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(message), type=dict[str, msgspec.Raw])


@pytest.mark.parametrize("characters", [10, 4_000, 4_200, 100_000])
@pytest.mark.parametrize(
    "more", [{}, {"tool_call_id": "c"}, {"name": "n"}, {"audio": {"id": 1}}, {"tool_calls": []}]
)
def test_a_message_has_one_digest_however_large_and_however_written(
    characters: int, more: dict[str, object]
) -> None:
    """A large content is hashed where it lies, a small one in a copy, one in a block unfolded."""
    text = 'a"b' * (characters // 3)
    block = {"type": "text", "text": text}
    marked = block | {"cache_control": {"type": "ephemeral"}}
    written: list[dict[str, object]] = [
        {"role": "tool", "content": text} | more,
        more | {"content": text, "role": "tool"},
        {"role": "tool", "content": [block]} | more,
        {"role": "tool", "content": [marked]} | more,
    ]
    canonical = [canonical_fields(decoded(message)) for message in written]
    assert len({message_digest(one) for one in canonical}) == 1
    assert len({length(one) for one in canonical}) == 1
    other = canonical_fields(decoded(written[0] | {"role": "user"}))
    assert message_digest(other) != message_digest(canonical[0])


@given(JSON)
def test_without_markers_leaves_other_json_alone(value: object) -> None:
    raw = json.dumps({"content": value}).encode()
    assert json.loads(without_markers(raw)) == json.loads(raw)


@given(JSON, JSON)
def test_different_content_differs(one: object, other: object) -> None:
    first, second = (
        canonical_message(json.dumps({"role": "tool", "content": c}).encode()) for c in (one, other)
    )
    if first == second:
        assert one == other or fold(one) == fold(other)


def fold(content: object) -> object:
    match content:
        case [{"type": "text", "text": str() as text, **rest}] if not rest:
            return text
        case _:
            return json.loads(without_markers(json.dumps(content).encode()))


@pytest.mark.parametrize(
    "content",
    [
        b'[{"type":"text","text":"a","citations":[]}]',
        b'["a"]',
        b'[{"type":"text","text":7}]',
    ],
)
def test_one_block_with_more_than_text_stays_a_block(content: bytes) -> None:
    assert content in canonical_message(b'{"content":%b}' % content)


def block(written: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(written, type=dict[str, msgspec.Raw])


def test_a_block_of_a_system_prompt_is_its_text_or_what_it_holds_without_its_marker() -> None:
    taken: list[bytes] = []
    marked = block(b'{"cache_control":{"type":"ephemeral"},"text":"a","type":"text"}')
    assert canonical_block(marked, taken) == b'"a"'
    assert taken == [b'{"type":"ephemeral"}']
    cited = block(b'{"type":"text","text":"a","citations":[]}')
    assert canonical_block(cited) == canonical_block(
        block(b'{"cache_control":null,"citations":[],"text":"a","type":"text"}')
    )
    assert canonical_block(cited) != b'"a"'


def test_markers_are_told_wherever_they_are() -> None:
    taken: list[bytes] = []
    fields = block(
        b'{"role":"assistant","cache_control":{"ttl":"5m"},"content":[{"cache_control":{"ttl":"1h"}}],'
        b'"tool_calls":[{"id":"c","cache_control":{"ttl":"2h"}}],"name":"\\"cache_control\\""}'
    )
    canonical = canonical_fields(fields, taken)
    assert [b"5m" in taken[0], b"1h" in taken[1], b"2h" in taken[2]] == [True] * 3
    assert len(taken) == 3
    assert b"ttl" not in canonical


@given(st.lists(st.binary(), max_size=6), st.integers(0, 6))
def test_chain_can_be_taken_up_anywhere(messages: list[bytes], at: int) -> None:
    whole = chain("head", messages)
    at = min(at, len(messages))
    head = whole[at - 1] if at else "head"
    assert whole == whole[:at] + chain(head, messages[at:])


def test_chain_depends_on_head_and_order() -> None:
    assert chain("a", [b"x", b"y"]) != chain("b", [b"x", b"y"])
    assert chain("a", [b"x", b"y"])[1] != chain("a", [b"y", b"x"])[1]
    assert all(len(d) == 16 for d in chain("a", [b"x", b"y"]))


def test_digest_keeps_parts_apart() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest() != digest(b"")


@pytest.mark.parametrize("raw", [b"7", b"[]", b'{"a":', b'{"content":' + b"[" * 100_000])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        canonical_message(raw)


def test_raw_spans_are_taken_as_they_are() -> None:
    raw = msgspec.json.decode(b'[{"role":"user","content":"a"}]', type=list[msgspec.Raw])[0]
    assert canonical_message(raw) == canonical_message(b'{"role":"user","content":"a"}')
