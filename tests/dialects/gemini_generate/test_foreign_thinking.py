"""Foreign reasoning in a body that goes to Google as it came."""

import json

import pytest

from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.thoughts import STAND_IN, mark, sealed
from turnout.errors import InvalidRequest

DEEPSEEK = Provenance("openai_chat", "deepseek-r9")
SEALED = sealed([Thinking("why", DEEPSEEK)])
MARK = mark(DEEPSEEK)
USER = {"role": "user", "parts": [{"text": 'a "quoted" é'}]}


def body_of(*parts: object, deeper: bool = False) -> bytes:
    model = {"parts": list(parts), "role": "model"}
    body: dict[str, object] = {"n": 1.50, "contents": [USER, model], "generationConfig": {}}
    return json.dumps({"generateContentRequest": body} if deeper else body).encode()


def test_bug_26_a_body_of_googles_alone_is_the_very_object() -> None:
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "EqsBCqgB"}
    quoted = {"text": json.dumps({"thoughtSignature": SEALED})}
    body = body_of(call, quoted)
    assert GEMINI_GENERATE.without_foreign_reasoning(body) is body


@pytest.mark.parametrize("deeper", [False, True])
def test_bug_27_sealed_reasoning_goes_and_nothing_else(deeper: bool) -> None:
    text = {"text": "said  so", "thoughtSignature": SEALED, "partMetadata": {"n": 1.50}}
    own = {"functionCall": {"name": "g", "args": {"n": 1e3}}, "thoughtSignature": "EqsBCqgB"}
    body = body_of(
        {"text": "why", "thought": True, "thoughtSignature": MARK},
        {"text": " not", "thought": True},
        {"functionCall": {"name": "f", "args": {"x": 1.50}}, "thoughtSignature": SEALED},
        text,
        {"text": "summary", "thought": True},
        own,
        {"text": "", "thoughtSignature": SEALED},
        deeper=deeper,
    )
    cleaned = GEMINI_GENERATE.without_foreign_reasoning(body)
    expected = body_of(
        {"functionCall": {"name": "f", "args": {"x": 1.50}}, "thoughtSignature": STAND_IN},
        {"text": "said  so", "partMetadata": {"n": 1.50}},
        {"text": "summary", "thought": True},
        own,
        deeper=deeper,
    )
    assert json.loads(cleaned) == json.loads(expected)
    for kept in (json.dumps(USER), json.dumps(own), '"args": {"x": 1.5}', '"n": 1.5'):
        assert kept.encode() in cleaned


def test_bug_27_signatures_of_another_gemini_go_where_they_are_numbered() -> None:
    call = {"functionCall": {"name": "g", "args": {}}, "thoughtSignature": "EqsBCqgB"}
    thought = {"text": "hm", "thought": True}
    said = {"text": "so", "thoughtSignature": "EmYKZAHR7Yo="}
    body = body_of(thought, call, said)
    assert GEMINI_GENERATE.without_foreign_reasoning(body, others=[range(1)]) is body
    cleaned = GEMINI_GENERATE.without_foreign_reasoning(body, others=[range(7, 9), range(1, 2)])
    expected = body_of(call | {"thoughtSignature": STAND_IN}, {"text": "so"})
    assert json.loads(cleaned) == json.loads(expected)


@pytest.mark.parametrize(
    "part",
    [
        b'{"thoughtSignature":"%b","text":"a"}',
        b'{"text":"a" , "thought_signature" : "%b"}',
        b'{"text":"a","thoughtSignature":"%b","x":1}',
    ],
)
def test_the_signature_goes_with_one_comma(part: bytes) -> None:
    body = b'{"contents":[{"parts":[%b]}]}' % (part % SEALED.encode())
    (kept,) = json.loads(GEMINI_GENERATE.without_foreign_reasoning(body))["contents"][0]["parts"]
    assert kept == {"text": "a"} | ({"x": 1} if b'"x"' in part else {})


def test_a_content_that_was_reasoning_alone_goes() -> None:
    body = body_of({"text": "why", "thought": True, "thoughtSignature": MARK})
    assert json.loads(GEMINI_GENERATE.without_foreign_reasoning(body))["contents"] == [USER]


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents":[{"parts":[{"text":"","thoughtSignature":"%b"}]}]}' % SEALED.encode(),
        b'{"contents":7,"thoughtSignature":"%b"}' % SEALED.encode(),
        b'{"thoughtSignature":"%b"' % SEALED.encode(),
    ],
)
def test_what_is_left_must_be_a_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        GEMINI_GENERATE.without_foreign_reasoning(body)
