"""Sources that Claude is shown in forms of their own, and what others are told of them."""

import json

import pytest

from tests.catalog.quirks import quirks_of
from tests.dialects.anthropic_messages.requests import WIRE, attached, call, result, said, text
from tests.dialects.surveyed import Json
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.quirks import DIALECT_QUIRKS

ANTHROPIC = DIALECTS["anthropic_messages"]
ABLE = Capabilities(images=True, documents=True)
PICTURE = attached("image", "image/png", 8)
FOUND = {
    "type": "search_result",
    "source": "https://example.org/trams",
    "title": "Trams",
    "content": [text("Line 1 runs."), text("Line 2 rests.")],
    "citations": {"enabled": True},
}
TRAMS = "Trams\n\nhttps://example.org/trams\n\nLine 1 runs.\n\nLine 2 rests."
NOTES = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "buy milk"},
    "title": "Notes",
    "context": "Of Monday.",
}
CHUNKS = {
    "type": "document",
    "source": {"type": "content", "content": [text("one"), text("two"), PICTURE, text("three")]},
    "title": "Slides",
}
STRING = {"type": "document", "source": {"type": "content", "content": "all of it"}}
PAPER = attached("document", "application/pdf", 8)
SUMMARY = {"type": "compaction", "content": "We fixed the tram.", "signature": "s"}
TABS = {"type": "browser_state", "tabs": [{"id": 1, "title": "Trams"}]}


def request(*messages: Json) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 64, "messages": messages}).encode()


def sent(body: bytes, to: Dialect, has: Capabilities = ABLE, **terms: bool) -> str:
    """The body that `to` gets, once it has said what was changed."""
    fitted = fit(ANTHROPIC.decode_request(body), to=to, quirks=DIALECT_QUIRKS[to], has=has, **terms)
    assert "as_text" in fitted.changes
    encoded = DIALECTS[to].encode_request(fitted.conversation, model="m", has=has)
    return json.dumps(json.loads(encoded), ensure_ascii=False)


def in_order(body: str, *pieces: str) -> bool:
    places = [body.find(json.dumps(piece)[1:-1]) for piece in pieces]
    return -1 not in places and places == sorted(places)


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses", "gemini_generate"])
@pytest.mark.parametrize("is_result", [False, True], ids=["said", "result"])
@pytest.mark.parametrize(
    ("block", "words"),
    [
        (FOUND, TRAMS),
        (NOTES, "Notes\n\nOf Monday.\n\nbuy milk"),
        (STRING, "all of it"),
        (TABS, '"title": "Trams"'),
    ],
    ids=["search_result", "text", "string", "browser_state"],
)
def test_sources_reach_other_dialects_in_order(
    block: Json, words: str, to: Dialect, *, is_result: bool
) -> None:
    blocks = [text("before"), block, text("after")]
    body = request(said("go"), said([call("c")], "assistant"), said([result("c", blocks)]))
    if not is_result:
        body = request(said(blocks))
    assert in_order(sent(body, to), "before", words, "after")


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses", "gemini_generate"])
def test_what_is_said_of_a_file_is_said_in_front_of_it(to: Dialect) -> None:
    told = sent(request(said([PAPER | {"context": "A draft."}, text("sum up")])), to)
    assert in_order(told, "A draft.", "AAAAAAAA", "sum up")


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses", "gemini_generate"])
def test_a_document_of_blocks_keeps_its_pictures_where_they_were(to: Dialect) -> None:
    told = sent(request(said([CHUNKS, text("what is it?")])), to)
    assert in_order(told, "Slides\n\none\n\ntwo", "AAAAAAAA", "three", "what is it?")


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses", "gemini_generate"])
def test_a_summary_stands_for_what_it_summarises(to: Dialect) -> None:
    told = sent(request(said([SUMMARY], "assistant"), said("go on")), to)
    assert in_order(told, "We fixed the tram.", "go on")


@pytest.mark.parametrize("block", [FOUND, NOTES, CHUNKS, STRING, PAPER, SUMMARY, TABS])
def test_anthropic_gets_them_as_they_came(block: Json) -> None:
    body = request(said([block]))
    conversation = ANTHROPIC.decode_request(body)
    own = fit(
        conversation,
        to="anthropic_messages",
        quirks=DIALECT_QUIRKS["anthropic_messages"],
        has=ABLE,
    )
    assert own.conversation is conversation
    again = ANTHROPIC.encode_request(own.conversation, model="m", has=ABLE)
    assert json.loads(again)["messages"] == json.loads(body)["messages"]


@pytest.mark.parametrize("block", [FOUND, NOTES, CHUNKS])
def test_an_imitation_is_told_text_with_the_blocks_own_marker(block: Json) -> None:
    marker = {"cache_control": {"type": "ephemeral"}}
    fitted = fit(
        ANTHROPIC.decode_request(request(said([block | marker]))),
        to="anthropic_messages",
        quirks=quirks_of("deepseek", "anthropic_messages"),
        has=Capabilities(images=True),
        is_original=False,
    )
    encoded = ANTHROPIC.encode_request(
        fitted.conversation, model="m", has=Capabilities(images=True)
    )
    blocks = json.loads(encoded)["messages"][0]["content"]
    assert {block["type"] for block in blocks} <= {"text", "image"}
    assert blocks[-1]["cache_control"] == marker["cache_control"]


@pytest.mark.parametrize(
    ("block", "images", "documents"),
    [
        (FOUND, False, False),
        (NOTES, False, False),
        (STRING, False, False),
        (CHUNKS, True, False),
        (PAPER, False, True),
        (PAPER | {"source": {"type": "file", "file_id": "f"}}, False, True),
        (PAPER | {"source": {"type": "text", "data": '"base64"'}}, False, False),
        (PAPER | {"source": {"type": 7}}, False, True),
    ],
)
def test_text_needs_no_document_input(block: Json, *, images: bool, documents: bool) -> None:
    for told in (
        WIRE.survey(said([block])),
        WIRE.survey(said("a"), said([call("c")], "assistant"), said([result("c", [block])])),
    ):
        assert (told.needs.images, told.needs.documents) == (images, documents)
