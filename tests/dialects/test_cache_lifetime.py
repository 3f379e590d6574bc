"""The `ttl` of a client's own breakpoints, and nothing else of its bytes."""

import json
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.cache_lifetime import with_lifetime
from turnout.errors import InvalidRequest

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | None"

PLAIN = b'{"type":"ephemeral"}'
HOUR = b'{"type":"ephemeral","ttl":"1h"}'

BODY = (
    b'{"model":"claude-opus-5-5",\n "cache_control": @0, "tools":[{"name":"f","input_schema":{}, "cache_control":@1}],'
    b'"system":[{"type":"text","text":"a \\"cache_control\\": {}"},{"type":"text","text":"b","cache_control" :@2}],'
    b'"messages":[{"role":"user","content":"cache_control?"},'
    b'{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1.50}}]},'
    b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","cache_control":null,'
    b'"content":[{"type":"text","text":"c","cache_control":@3}]}]}], "later" : 1e3}'
)


def body(*markers: bytes) -> bytes:
    written = BODY
    for number, marker in enumerate(markers):
        written = written.replace(b"@%d" % number, marker)
    return written


def test_every_breakpoint_gets_the_lifetime_and_no_other_byte_changes() -> None:
    mixed = body(PLAIN, HOUR, b'{ "ttl" : "5m", "type":"ephemeral"}', PLAIN)
    assert with_lifetime(mixed, "1h") == body(
        HOUR, HOUR, b'{ "ttl" : "1h", "type":"ephemeral"}', HOUR
    )
    assert with_lifetime(mixed, "5m") == body(
        PLAIN,
        b'{"type":"ephemeral","ttl":"5m"}',
        b'{ "ttl" : "5m", "type":"ephemeral"}',
        PLAIN,
    )


@pytest.mark.parametrize(
    "markers", [(PLAIN,) * 4, (b'{"type":"ephemeral","ttl":"5m"}', *[PLAIN] * 3)]
)
def test_what_has_the_lifetime_is_the_very_body(markers: tuple[bytes, ...]) -> None:
    sent = body(*markers)
    assert with_lifetime(sent, "5m") is sent


@pytest.mark.parametrize(
    "messages",
    [
        b'[{"role":"user","content":"hi"}]',
        # A tool may be called with a field of that name, and it is no breakpoint.
        b'[{"role":"assistant","content":[{"type":"tool_use","input":{"cache_control":{"ttl":"5m"}}}]}]',
        b'[{"role":"user","content":[{"type":"new","inside":[{"cache_control":{"type":"ephemeral"}}]},'
        b'{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]',
        b'[{"role":"user","content":[{"type":"text","text":"x","cache_control":null}]}]',
        b'[{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}]}]',
        b'"cache_control"',
    ],
)
def test_where_a_breakpoint_may_stand_that_is_not_known_nothing_changes(messages: bytes) -> None:
    sent = b'{"model":"m","messages":' + messages + b"}"
    assert with_lifetime(sent, "1h") is sent


@pytest.mark.parametrize("sent", [b'["cache_control"]', b'"cache_control"', b'{"cache_control"'])
def test_what_is_no_object_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        with_lifetime(sent, "1h")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "cache_control", "type", "ttl", "x"]), inner)
    ),
    max_leaves=12,
)


@given(tools=JSON, system=JSON, messages=JSON)
def test_only_ttls_ever_differ(tools: object, system: object, messages: object) -> None:
    sent = json.dumps({"tools": tools, "system": system, "messages": messages}).encode()
    changed = json.loads(with_lifetime(sent, "1h"))
    assert without_ttls(changed) == without_ttls(json.loads(sent))


def without_ttls(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: without_ttls(inner) for name, inner in value.items() if name != "ttl"}
    if isinstance(value, list):
        return [without_ttls(inner) for inner in value]
    return value
