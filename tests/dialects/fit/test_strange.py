"""Requests that hold nothing which another dialect could be told."""

import base64
import json

import pytest

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Provenance, Text, ToolResult
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.seal import seal
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS

RESPONSES = DIALECTS["openai_responses"]
USER = {"type": "message", "role": "user", "content": "hi"}
DEVELOPER = {"type": "message", "role": "developer", "content": "be brief"}


def fitted(
    body: dict[str, object], to: Dialect, *, of: Dialect = "openai_responses"
) -> tuple[str, ...]:
    """The changes."""
    conversation = DIALECTS[of].decode_request(json.dumps(body).encode(), path=PATH)
    return fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=Capabilities()).changes


PATH = "/v1beta/models/m:generateContent"


def items(*kinds: str) -> list[object]:
    return [{"type": kind, "id": "i"} for kind in kinds]


@pytest.mark.parametrize("to", ["anthropic_messages", "openai_chat", "gemini_generate"])
@pytest.mark.parametrize(
    ("told", "says"),
    [
        (items("hologram"), "input.0 is a 'hologram';"),
        (items("computer_call", "x"), "input.0 is a 'computer_call', input.1 is a 'x';"),
        ([DEVELOPER, *items("x_output")], "input.1 is a 'x_output';"),
        (items("x" * 99), f"input.0 is a '{'x' * 40}';"),
        (items(*"abcdefg"), "input.4 is a 'e' and 2 more;"),
    ],
)
def test_an_input_of_unknown_items_is_named_item_by_item(
    told: list[object], says: str, to: Dialect
) -> None:
    with pytest.raises(Unsupported) as refused:
        fitted({"model": "m", "instructions": "be brief", "input": told}, to)
    assert says in refused.value.message
    assert "known are message, reasoning, function_call" in refused.value.message
    body = RESPONSES.encode_error(refused.value, request_id="r").body
    assert json.loads(body)["error"]["param"] == "input"


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
}


@pytest.mark.parametrize("to", ["anthropic_messages", "openai_chat", "gemini_generate"])
def test_reasoning_alone_tells_others_nothing(to: Dialect) -> None:
    told: list[object] = [REASONING, *items("hologram")]
    with pytest.raises(Unsupported, match="input.0 is a 'reasoning', input.1 is a 'hologram';"):
        fitted({"model": "m", "input": told}, to)
    fitted({"model": "m", "input": [REASONING, USER]}, to)


def test_reasoning_alone_goes_to_its_maker() -> None:
    made_by = Provenance("anthropic_messages", "claude-opus-5-5")
    sealed = REASONING | {"encrypted_content": seal(made_by, signature="s")}
    fitted({"model": "m", "input": [sealed]}, "anthropic_messages")
    fitted({"model": "m", "input": [REASONING]}, "openai_responses")
    with pytest.raises(Unsupported, match="'reasoning'"):
        fitted({"model": "m", "input": [sealed]}, "gemini_generate")


@pytest.mark.parametrize(
    ("kind", "told"),
    [("web_search_call", "dropped:web_search_call"), ("hologram", "dropped:unknown_part")],
)
def test_what_a_model_made_beside_what_is_known_is_left_out_and_told(kind: str, told: str) -> None:
    changes = fitted({"model": "m", "input": [*items(kind), USER]}, "anthropic_messages")
    assert told in changes


SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
GOOGLES_SOUND = {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}
HEARD = {"functionResponse": {"name": "f", "response": {}, "parts": [GOOGLES_SOUND]}}


@pytest.mark.parametrize(
    ("of", "to", "body", "says"),
    [
        (
            "openai_responses",
            "anthropic_messages",
            {"input": [USER, {"type": "compaction", "encrypted_content": "gA"}]},
            "input.1: a 'compaction' can be read by OpenAI's models only",
        ),
        (
            "openai_responses",
            "openai_chat",
            {"input": [USER, *items("x_output")]},
            "input.1: 'x_output' can",
        ),
        (
            "openai_responses",
            "gemini_generate",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}, SOUND]}]},
            "input.0.content.1: only models of this API know sound ('input_audio')",
        ),
        (
            "openai_chat",
            "anthropic_messages",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, SOUND]}]},
            "messages.0.content.1: only models of this API know sound ('input_audio')",
        ),
        (
            "gemini_generate",
            "openai_responses",
            {"contents": [{"parts": [{"text": "hi"}, GOOGLES_SOUND]}]},
            "contents.0.parts.1: only models of this API know sound ('audio')",
        ),
        (
            "gemini_generate",
            "anthropic_messages",
            {"contents": [{"parts": [{"text": "hi"}, HEARD]}]},
            "contents.0.parts.1.functionResponse.parts.0: only models of this API know sound ('audio')",
        ),
    ],
)
def test_what_the_client_put_in_is_refused_by_place_and_type(
    of: Dialect, to: Dialect, body: dict[str, object], says: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        fitted({"model": "m"} | body, to, of=of)
    assert refused.value.message.startswith(says)
    assert fitted({"model": "m"} | body, of, of=of) == ()


def test_whoever_knows_them_is_told_them() -> None:
    fitted({"model": "m", "input": items("computer_call")}, "openai_responses")


def test_parts_of_other_dialects_are_named_by_their_types() -> None:
    body: dict[str, object] = {"contents": [{"parts": [GOOGLES_SOUND]}]}
    with pytest.raises(Unsupported, match="^contents: .*'audio'; known are text"):
        fitted(body, "openai_chat", of="gemini_generate")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}},
            "generationConfig.responseMimeType: only models of this API know another form than text and JSON",
        ),
        (
            {"responseModalities": ["TEXT", "IMAGE"]},
            "generationConfig.responseModalities: only models of this API know an answer in pictures or sound",
        ),
    ],
)
def test_answers_that_only_gemini_has_are_refused_by_field(
    config: dict[str, object], says: str
) -> None:
    body: dict[str, object] = {
        "contents": [{"parts": [{"text": "hi"}]}],
        "generationConfig": config,
    }
    with pytest.raises(Unsupported) as refused:
        fitted(body, "anthropic_messages", of="gemini_generate")
    assert refused.value.message.startswith(says)
    assert fitted(body, "gemini_generate", of="gemini_generate") == ()


def test_plain_text_that_google_takes_as_data_is_text_to_everybody() -> None:
    data = base64.b64encode(b"the text").decode()
    held = {"inlineData": {"mimeType": "text/plain", "data": data, "displayName": "a.txt"}}
    result = {"functionResponse": {"name": "f", "response": {}, "parts": [held]}}
    body = {"contents": [{"parts": [{"text": "hi"}, held, result]}]}
    conversation = DIALECTS["gemini_generate"].decode_request(json.dumps(body).encode(), path=PATH)
    quirks = DIALECT_QUIRKS["anthropic_messages"]
    done = fit(conversation, to="anthropic_messages", quirks=quirks, has=Capabilities())
    assert done.changes == ("as_text",)
    text = Text("a.txt\n\nthe text")
    _, document, answer = done.conversation.messages[0].parts
    assert document == text
    assert isinstance(answer, ToolResult)
    assert answer.parts[1] == text


@pytest.mark.parametrize(
    ("media_type", "data"),
    [("application/pdf", "JVBERg=="), ("text/plain", "/w=="), ("text/x", "~")],
)
def test_what_is_no_text_is_left_to_the_target(media_type: str, data: str) -> None:
    held = {"inlineData": {"mimeType": media_type, "data": data}}
    body: dict[str, object] = {"contents": [{"parts": [{"text": "hi"}, held]}]}
    assert fitted(body, "anthropic_messages", of="gemini_generate") == ()


@pytest.mark.parametrize(
    ("of", "part", "says"),
    [
        # Whoever serves the dialect may have files of its own.
        ("openai_chat", {"type": "file", "file": {"file_id": "f"}}, ""),
        ("openai_chat", SOUND, ""),
        (
            "anthropic_messages",
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            "messages: an uploaded file",
        ),
    ],
)
def test_an_imitation_is_asked_for_what_it_may_have(
    of: Dialect, part: dict[str, object], says: str
) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}, part]}]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
    conversation = DIALECTS[of].decode_request(body)
    has = Capabilities(images=True, documents=True)
    told = ""
    try:
        fit(conversation, to=of, quirks=DIALECT_QUIRKS[of], has=has, is_original=False)
    except Unsupported as refused:
        told = refused.message
    assert told.startswith(says)
    assert bool(told) == bool(says)
