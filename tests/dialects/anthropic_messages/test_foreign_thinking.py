"""Foreign reasoning in a body that goes to Anthropic as it came."""

import json

import pytest

from turnout.dialects.anthropic_messages.citations import FOREIGN_INDEX, encode_citation
from turnout.dialects.anthropic_messages.foreign_thinking import without_foreign_thinking
from turnout.dialects.anthropic_messages.survey import survey_request
from turnout.dialects.conversation import Annotation, Citation, Provenance
from turnout.dialects.seal import seal
from turnout.errors import InvalidRequest

SEALED = seal(Provenance("openai_chat", "deepseek-r9"))


def thought(signature: str) -> dict[str, str]:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def body_of(*contents: object) -> bytes:
    messages = [{"role": "assistant", "content": content} for content in contents]
    return json.dumps({"model": "m", "messages": messages, "n": 1.50}).encode()


def test_bug_26_a_body_of_claudes_alone_is_the_very_object() -> None:
    quoted = json.dumps(thought(""))
    body = body_of([thought("EqQB")], [{"type": "text", "text": quoted}])
    assert without_foreign_thinking(body) is body


@pytest.mark.parametrize("signature", ["", SEALED])
def test_bug_27_sealed_and_unsigned_thinking_goes_and_nothing_else(signature: str) -> None:
    text = {"type": "text", "text": 'a "quoted" é'}
    body = body_of([thought(signature), text], "plain", [thought(signature)], [thought("EqQB")])
    cleaned = without_foreign_thinking(body)
    assert json.loads(cleaned) == json.loads(body_of([text], "plain", [thought("EqQB")]))
    assert json.dumps(text).encode() in cleaned


def test_a_signature_in_the_input_of_a_tool_is_none_of_ours() -> None:
    call = {"type": "tool_use", "id": "i", "name": "t", "input": {"signature": ""}}
    assert json.loads(without_foreign_thinking(body_of([call]))) == json.loads(body_of([call]))


@pytest.mark.parametrize("body", [body_of([thought("")]), b'{"signature":""}'])
def test_what_is_left_must_be_a_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        without_foreign_thinking(body)


KIMI = "moonshot_ai/kimi-k2.6@env"
BY_KIMI = Provenance("anthropic_messages", "kimi-k2.6", KIMI)


@pytest.mark.parametrize("others", [[], [range(1)]])
def test_a_reader_gets_back_its_own_signatures_and_every_other_byte(others: list[range]) -> None:
    text = {"type": "text", "text": "é"}
    made = [thought("91cfbb94"), thought(""), {"type": "redacted_thinking", "data": "x"}, text]
    echoed = [
        thought(seal(BY_KIMI, signature="91cfbb94")),
        thought(seal(BY_KIMI)),
        {"type": "redacted_thinking", "data": seal(BY_KIMI, redacted="x")},
        text,
    ]
    opened = without_foreign_thinking(body_of(echoed), others=others, reader=KIMI)
    # A list that has changed is joined anew.
    assert opened == body_of(made).replace(b"}, {", b"},{")


@pytest.mark.parametrize(
    ("made_by", "reader"),
    [
        (BY_KIMI, "anthropic/claude-opus-5-5@env"),
        (BY_KIMI, "moonshot_ai/kimi-k2.6@client"),
        (BY_KIMI, ""),
        (Provenance("anthropic_messages", "kimi-k2.6"), ""),
        (Provenance("openai_chat", "kimi-k2.6", KIMI), KIMI),
    ],
)
def test_nobody_else_is_shown_what_stands_under_a_seal(made_by: Provenance, reader: str) -> None:
    text = {"type": "text", "text": "so"}
    redacted = {"type": "redacted_thinking", "data": seal(made_by, redacted="x")}
    body = body_of([thought(seal(made_by, signature="s")), redacted, text])
    shown = without_foreign_thinking(body, reader=reader)
    assert json.loads(shown) == json.loads(body_of([text]))


PAGE = Annotation("openai_chat", "{}", Citation("https://a.example", "A", start=0, end=4))
OWN = {
    "type": "web_search_result_location",
    "cited_text": "so",
    "encrypted_index": "Eo8B",
    "title": "B",
    "url": "https://b.example",
}


def cited(*citations: object) -> dict[str, object]:
    return {"type": "text", "text": "said", "citations": citations}


def test_a_page_that_another_model_cites_reaches_the_client_and_never_claude() -> None:
    foreign = json.loads(encode_citation(PAGE))
    assert foreign == OWN | {
        "cited_text": "",
        "encrypted_index": FOREIGN_INDEX,
        "title": "A",
        "url": "https://a.example",
    }
    body = body_of([cited(foreign)], [cited(OWN, foreign)], [cited(OWN)])
    assert survey_request(body_of([cited(foreign)])).has_foreign_thinking
    assert json.loads(without_foreign_thinking(body)) == json.loads(
        body_of([{"type": "text", "text": "said"}], [cited(OWN)], [cited(OWN)])
    )
    quoted = body_of([{"type": "text", "text": FOREIGN_INDEX}])
    assert without_foreign_thinking(quoted) == quoted
    assert not survey_request(body_of([cited(OWN)], [cited()])).has_foreign_thinking


def test_a_place_in_a_file_of_another_vendors_has_no_word_here() -> None:
    assert encode_citation(Annotation("openai_responses", '{"type":"file_citation"}')) == ""
