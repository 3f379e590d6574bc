"""Which requests can be sent again only to keep their prompt cached, and what of their bytes changes."""

import pytest

from turnout.dialects.cache_keeping import only_read

BODY = (
    b'{"model":"claude-opus-5-5", "max_tokens" : 32000,"stream":true,"thinking":{"type":"adaptive"},\n'
    b'"output_config":{"effort":"high"}, "tool_choice":{"type":"auto"},"system":[{"type":"text","text":"s",'
    b'"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi \\u00e9"}], "later" : 1e3}'
)
READ = BODY.replace(b"32000", b"0").replace(b'"stream":true,', b"")


def test_nothing_is_asked_for_and_every_other_byte_stays() -> None:
    assert only_read(BODY) == READ
    assert only_read(READ) == READ


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"type":"adaptive"}', b'{"type":"enabled","budget_tokens":1024}'),
        (b'{"type":"auto"}', b'{"type":"any"}'),
        (b'{"type":"auto"}', b'{"type":"tool","name":"f"}'),
        (b'{"effort":"high"}', b'{"format":{"type":"json_schema","schema":{}}}'),
        (b'"later" : 1e3', b'"output_format":{"type":"json_schema","schema":{}}'),
        (b'"max_tokens" : 32000', b'"max_output":32000'),
        (b'{"type":"adaptive"}', b'"adaptive"'),
    ],
)
def test_what_is_refused_or_would_lose_the_cache_is_not_sent(before: bytes, after: bytes) -> None:
    assert before in BODY
    assert only_read(BODY.replace(before, after)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"type":"adaptive"}', b'{"type":"disabled"}'),
        (b'{"type":"adaptive"}', b"null"),
        (b'{"type":"auto"}', b'{"type":"none"}'),
        (b'{"effort":"high"}', b'{"effort":"high","format":null}'),
    ],
)
def test_what_asks_for_none_of_them_is_sent(before: bytes, after: bytes) -> None:
    assert only_read(BODY.replace(before, after)) == READ.replace(before, after)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"max_tokens":1', b"\xff"])
def test_what_is_no_request_is_not_sent(body: bytes) -> None:
    assert only_read(body) is None
