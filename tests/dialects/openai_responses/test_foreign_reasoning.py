"""Foreign reasoning in a body that goes to OpenAI as it came."""

import json

import pytest

from turnout.dialects.conversation import Provenance
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.seal import seal
from turnout.errors import InvalidRequest

SEALED = seal(Provenance("anthropic_messages", "claude-opus-5-5"), signature="EqQB")


def thought(sealed: str) -> dict[str, object]:
    return {"type": "reasoning", "summary": [], "content": None, "encrypted_content": sealed}


def body_of(*items: object) -> bytes:
    return json.dumps({"model": "m", "input": list(items), "n": 1.50}).encode()


def test_bug_26_a_body_of_openais_alone_is_the_very_object() -> None:
    quoted = {"role": "user", "content": json.dumps(thought(SEALED))}
    body = body_of(thought("gAAAA"), quoted)
    assert OPENAI_RESPONSES.without_foreign_reasoning(body) is body


def test_bug_27_sealed_reasoning_goes_and_nothing_else() -> None:
    message = {"role": "user", "content": 'a "quoted" é'}
    cleaned = OPENAI_RESPONSES.without_foreign_reasoning(
        body_of(thought(SEALED), message, thought("gAAAA"), thought(SEALED))
    )
    assert cleaned == body_of(message, thought("gAAAA")).replace(b"}, {", b"},{")


GPT_OSS = "vllm/gpt-oss@env"
BY_GPT_OSS = Provenance("openai_responses", "gpt-oss", GPT_OSS)


@pytest.mark.parametrize("others", [[], [range(2)]])
def test_a_reader_gets_back_what_it_has_sealed_and_every_other_byte(others: list[range]) -> None:
    unsealed: dict[str, object] = {"type": "reasoning", "summary": [], "content": None}
    echoed = [thought(seal(BY_GPT_OSS, redacted="gAAA")), thought(seal(BY_GPT_OSS))]
    opened = OPENAI_RESPONSES.without_foreign_reasoning(
        body_of(*echoed), others=others, reader=GPT_OSS
    )
    assert opened == body_of(thought("gAAA"), unsealed).replace(b"}, {", b"},{")


@pytest.mark.parametrize("reader", ["openai/gpt-5.4@env", ""])
def test_nobody_else_is_shown_what_stands_under_a_seal(reader: str) -> None:
    message = {"role": "user", "content": "go"}
    body = body_of(thought(seal(BY_GPT_OSS, redacted="gAAA")), message)
    cleaned = OPENAI_RESPONSES.without_foreign_reasoning(body, reader=reader)
    assert json.loads(cleaned) == json.loads(body_of(message))


def test_a_seal_in_something_else_is_left_alone() -> None:
    call = {"type": "function_call", "call_id": "c", "encrypted_content": SEALED}
    body = body_of(call)
    assert OPENAI_RESPONSES.without_foreign_reasoning(body) is body


def test_what_is_left_must_be_a_request() -> None:
    with pytest.raises(InvalidRequest):
        OPENAI_RESPONSES.without_foreign_reasoning(body_of(thought(SEALED)))
    with pytest.raises(InvalidRequest):
        OPENAI_RESPONSES.without_foreign_reasoning(body_of(thought(SEALED))[:-1])


def test_bug_30_reasoning_that_somebody_else_made_goes_too() -> None:
    """xAI and OpenAI both seal here, and neither reads the other's."""
    message = {"role": "user", "content": '"reasoning"'}
    body = body_of(message, thought("gAAAA"), message, thought("gBBBB"))
    cleaned = OPENAI_RESPONSES.without_foreign_reasoning(body, others=[range(2)])
    assert json.loads(cleaned) == json.loads(body_of(message, message, thought("gBBBB")))
    assert OPENAI_RESPONSES.without_foreign_reasoning(body, others=[range(2, 3)]) is body
