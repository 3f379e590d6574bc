"""Span edits: the edited object comes out, every other byte stays."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects import passthrough
from turnout.dialects.openai_chat.usage_filter import UsageHidden
from turnout.dialects.passthrough import (
    AddField,
    DropField,
    DropMessageField,
    Edit,
    RenameField,
    RenameRole,
    SetField,
    SetModel,
    SetStreamIncludeUsage,
    members,
    splice,
)
from turnout.errors import InvalidRequest

SPACE = st.sampled_from(["", "", " ", "\n", "\t\r", "  "])
NAMES = st.sampled_from(["model", "stream_options", "a", "b", "mod el", 'q"', ""]) | st.text()
SPELLING = st.integers(0, 2)


@st.composite
def json_string(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A string literal with arbitrary escapes that decodes to one of `values`."""
    return '"' + "".join(spelled(char, draw(SPELLING)) for char in draw(values)) + '"'


def spelled(char: str, spelling: int) -> str:
    if spelling == 0:
        return "".join(f"\\u{u:04x}" for u in units(char))
    return json.dumps(char, ensure_ascii=spelling == 1)[1:-1]


def units(char: str) -> list[int]:
    raw = char.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]


SCALARS = json_string(st.text(max_size=6)) | st.sampled_from(
    ["null", "true", "-1.50e+3", "0", '"}"', '"\\\\"']
)
KEYS = json_string(NAMES)


@st.composite
def json_array(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(inner, max_size=3))
    return "[" + ",".join(draw(SPACE) + i + draw(SPACE) for i in items) + draw(SPACE) + "]"


@st.composite
def json_object(
    draw: st.DrawFn, inner: st.SearchStrategy[str], needed: st.SearchStrategy[str] | None = None
) -> str:
    """`needed` draws a key that is there always, at any place."""
    keys = draw(st.lists(KEYS, max_size=5))
    if needed is not None:
        keys.insert(draw(st.integers(0, len(keys))), draw(needed))
    out = [
        draw(SPACE) + key + draw(SPACE) + ":" + draw(SPACE) + draw(inner) + draw(SPACE)
        for key in keys
    ]
    return "{" + ",".join(out) + ("" if out else draw(SPACE)) + "}"


NESTED = SCALARS | json_array(SCALARS) | json_object(SCALARS)
VALUES = SCALARS | json_array(NESTED) | json_object(NESTED)


def bodies(objects: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda a, o, b: (a + o + b).encode(), SPACE, objects, SPACE)


BODIES = bodies(json_object(VALUES))
WITH_A_MODEL = bodies(json_object(VALUES, needed=json_string(st.just("model"))))
EDITS: st.SearchStrategy[Edit] = (
    st.builds(SetModel, st.text())
    | st.builds(DropField, NAMES)
    | st.just(SetStreamIncludeUsage())
    | st.builds(SetField, NAMES, st.just(b'{"x": 1}'))
    | st.builds(AddField, NAMES, st.just(b'{"x": 1}'))
    | st.builds(RenameField, NAMES, NAMES)
)


def edited(value: dict[str, object], edit: Edit) -> dict[str, object]:
    match edit:
        case SetModel(model):
            return value | {"model": model}
        case DropField(name):
            return {k: v for k, v in value.items() if k != name}
        case SetStreamIncludeUsage():
            old = value.get("stream_options")
            return value | {
                "stream_options": (old if isinstance(old, dict) else {}) | {"include_usage": True}
            }
        case SetField(name, literal):
            return {k: json.loads(literal) if k == name else v for k, v in value.items()}
        case AddField(name, literal):
            return {name: json.loads(literal)} | value
        case RenameField(name, becomes):
            if becomes in value:
                return value
            return {becomes if k == name else k: v for k, v in value.items()}
        case RenameRole() | DropMessageField():
            raise AssertionError("messages have tests of their own")


@given(BODIES, st.lists(EDITS, max_size=3))
def test_edits_do_what_they_say(body: bytes, edits: list[Edit]) -> None:
    expected: dict[str, object] = json.loads(body)
    for edit in edits:
        expected = edited(expected, edit)
    assert json.loads(splice(body, edits)) == expected


@given(BODIES)
def test_members_are_found_by_both_walks(body: bytes) -> None:
    found = members(body)
    assert found == passthrough._walk_by_token(body)
    pairs: list[tuple[str, object]] = json.loads(body, object_pairs_hook=list)
    assert [m.name for m in found] == [k for k, _ in pairs]
    for member, (_, value) in zip(found, pairs, strict=True):
        literal = body[member.value_start : member.value_end]
        assert literal == literal.strip()
        assert json.loads(literal, object_pairs_hook=list) == value


@given(WITH_A_MODEL, st.text())
def test_every_other_byte_stays(body: bytes, model: str) -> None:
    found = [m for m in members(body) if m.name == "model"]
    assert found
    gaps = []
    at = 0
    for member in found:
        gaps.append(body[at : member.value_start])
        at = member.value_end
    gaps.append(body[at:])
    pattern = rb'(?:"(?:[^"\\]|\\.)*")'.join(re.escape(gap) for gap in gaps)
    assert re.fullmatch(pattern, splice(body, [SetModel(model)]), re.DOTALL)


@given(BODIES, NAMES)
def test_drop_leaves_other_members_byte_for_byte(body: bytes, name: str) -> None:
    kept = [body[m.key_start : m.value_end] for m in members(body) if m.name != name]
    after = splice(body, [DropField(name)])
    assert [after[m.key_start : m.value_end] for m in members(after)] == kept


@given(BODIES)
def test_nothing_to_do_returns_the_same_object(body: bytes) -> None:
    assert splice(body, []) is body
    model = json.loads(body).get("model")
    pairs = json.loads(body, object_pairs_hook=list)
    if isinstance(model, str) and all(v == model for k, v in pairs if k == "model"):
        assert splice(body, [SetModel(model), DropField("no such field")]) is body


def test_equal_model_in_another_spelling_is_left_alone() -> None:
    body = b'{"m\\u006fdel" : "gpt\\u002d5"}'
    assert splice(body, [SetModel("gpt-5")]) is body
    assert splice(body, [SetModel("gpt-6")]) == b'{"m\\u006fdel" : "gpt-6"}'


def test_all_occurrences_of_a_double_key_are_edited() -> None:
    body = b'{"model":"a","x":{"model":"a"},"model":"b"}'
    assert splice(body, [SetModel("c")]) == b'{"model":"c","x":{"model":"a"},"model":"c"}'
    assert splice(body, [DropField("model")]) == b'{"x":{"model":"a"}}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"stream":true}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"stream_options": null}', b'{"stream_options": {"include_usage":true}}'),
        (b'{"stream_options":{ }}', b'{"stream_options":{"include_usage":true }}'),
        (
            b'{"stream_options":{"include_usage" : false,"x":1}}',
            b'{"stream_options":{"include_usage" : true,"x":1}}',
        ),
    ],
)
def test_usage_is_asked_for(body: bytes, expected: bytes) -> None:
    assert splice(body, [SetStreamIncludeUsage()]) == expected
    assert splice(expected, [SetStreamIncludeUsage()]) is expected


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"a":', b'{"a":' + b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="the body must be a JSON object"):
        splice(body, [SetModel("x")])


USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1}}'
OTHERS = [
    b'data: {"id":"c","choices":[{"delta":{"content":"\\"choices\\":[] \\"usage\\":{"}}]}',
    b'data: {"id":"c","choices":[],"prompt_filter_results":[]}',
    b": comment",
    b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}',
]


ENDS = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"])


@given(ENDS)
def test_the_usage_chunk_is_hidden_and_no_other_byte(end: bytes) -> None:
    stream = end.join([*OTHERS, USAGE, b"data: [DONE]", b""])
    assert UsageHidden().feed(stream) == end.join([*OTHERS, b"data: [DONE]", b""])
    assert UsageHidden().feed(USAGE) == b""


MESSAGES = (
    b'{"messages" : [ {"role": "system", "content":"a","clear_at":1}, {"content":"role",'
    b' "role":"user"},{"role":"assistant","content":[{"role":"system"}]} ,"x"],"role":"system"}'
)


def test_a_role_is_renamed_where_it_is_one() -> None:
    after = splice(MESSAGES, [RenameRole("system", "user")])
    assert after == MESSAGES.replace(b'{"role": "system"', b'{"role": "user"', 1)
    assert splice(MESSAGES, [RenameRole("developer", "system")]) is MESSAGES


def test_a_field_of_single_messages_is_dropped() -> None:
    assert splice(MESSAGES, [DropMessageField("clear_at")]) == MESSAGES.replace(
        b',"clear_at":1', b""
    )
    assert splice(MESSAGES, [DropMessageField("other")]) is MESSAGES
    assert splice(b'{"messages":7}', [DropMessageField("x")]) == b'{"messages":7}'
