"""Histories that other dialects have no word for: what failed, says nothing, or is called twice."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalog.quirks import quirks_of
from tests.dialects.anthropic_messages.requests import attached, call, result, said, text
from tests.dialects.surveyed import Json
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from turnout.dialects.fit import Fitted, fit
from turnout.dialects.fit.ending import GO_ON
from turnout.dialects.registry import DIALECTS
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS, Quirks

ABLE = Capabilities(images=True, documents=True)
OTHERS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "gemini_generate")


def fitted(of: Dialect, body: dict[str, object], to: Dialect) -> Fitted:
    conversation = DIALECTS[of].decode_request(json.dumps(body).encode())
    return fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)


def encoded(of: Dialect, body: dict[str, object], to: Dialect) -> dict[str, object]:
    conversation = fitted(of, body, to).conversation
    sent: dict[str, object] = json.loads(
        DIALECTS[to].encode_request(conversation, model="m", has=ABLE)
    )
    return sent


def of_claude(*messages: Json) -> dict[str, object]:
    return {"model": "m", "max_tokens": 64, "messages": list(messages)}


def of_chat(*messages: Json) -> dict[str, object]:
    return {"model": "m", "messages": list(messages)}


# -- results that failed -----------------------------------------------------------------------


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("content", [None, "", " ", [], [text("")]])
def test_a_result_that_says_nothing_but_that_it_failed_says_so(
    content: object, to: Dialect
) -> None:
    failed = result("c", content, is_error=True)
    body = of_claude(said("go"), said([call("c")], "assistant"), said([failed]))
    sent = json.dumps(encoded("anthropic_messages", body, to))
    assert '"error": "' in sent if to == "gemini_generate" else '"(failed)"' in sent
    told = fitted("anthropic_messages", body, to).changes
    assert ("failed_result" in told) is (to != "gemini_generate")


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses"])
def test_a_failed_result_that_holds_a_picture_alone_says_so_too(to: Dialect) -> None:
    failed = result("c", [attached("image", "image/png", 8)], is_error=True)
    body = of_claude(said("go"), said([call("c")], "assistant"), said([failed]))
    sent = json.dumps(encoded("anthropic_messages", body, to))
    assert "(failed)" in sent
    assert "AAAAAAAA" in sent


@pytest.mark.parametrize(("content", "is_error"), [("no such file", True), ("", False)])
def test_what_a_result_says_for_itself_stays_alone(content: str, *, is_error: bool) -> None:
    told = result("c", content, is_error=is_error)
    body = of_claude(said("go"), said([call("c")], "assistant"), said([told]))
    assert fitted("anthropic_messages", body, "openai_chat").changes == ()


# -- turns that say nothing --------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_turn_of_the_user_stays_a_turn(blank: str) -> None:
    body = of_chat(said("a"), said("b", "assistant"), said(blank), said("c", "assistant"))
    sent = encoded("openai_chat", body, "anthropic_messages")
    messages = json.loads(json.dumps(sent["messages"]))
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert messages[2]["content"][0]["text"] == "(empty message)"
    assert fitted("openai_chat", body, "anthropic_messages").changes == ("blank_text",)


@pytest.mark.parametrize("to", OTHERS)
def test_white_space_goes_where_it_is_taken_and_nothing_at_all_nowhere(to: Dialect) -> None:
    space, nothing = (
        of_claude(said("a"), said("b", "assistant"), said(text)) for text in (" ", "")
    )
    assert fitted("anthropic_messages", space, to).changes == ()
    assert fitted("anthropic_messages", nothing, to).changes == ("blank_text",)
    assert "(empty message)" in json.dumps(encoded("anthropic_messages", nothing, to))


def test_an_answer_that_says_nothing_is_left_out_and_told() -> None:
    told = fitted(
        "openai_chat", of_chat(said("a"), said("", "assistant"), said("b")), "anthropic_messages"
    )
    assert [message.role for message in told.conversation.messages] == ["user", "user"]
    assert told.changes == ("blank_text",)


@pytest.mark.parametrize(
    ("of", "body", "field"),
    [
        ("anthropic_messages", of_claude(said("", "assistant")), "messages"),
        ("openai_chat", of_chat(said("", "assistant")), "messages"),
        ("gemini_generate", {"contents": [{"role": "model", "parts": [{"text": ""}]}]}, "contents"),
    ],
)
@pytest.mark.parametrize("answers_begun", [None, False])
def test_a_history_without_a_word_is_refused_by_name(
    of: Dialect, body: dict[str, object], field: str, *, answers_begun: bool | None
) -> None:
    to: Dialect = "openai_responses"
    conversation = DIALECTS[of].decode_request(json.dumps(body).encode())
    quirks = replace(DIALECT_QUIRKS[to], answers_begun=answers_begun)
    with pytest.raises(Unsupported, match=f"^{field}: nothing in it is for this model"):
        fit(conversation, to=to, quirks=quirks, has=ABLE)


def test_so_is_one_of_which_nothing_was_shown_to_the_target() -> None:
    """All of it was another model's reasoning."""
    nothing = Conversation("anthropic_messages", "m", ())
    quirks = quirks_of("anthropic", "anthropic_messages", "claude-opus-5-5")
    with pytest.raises(Unsupported, match="^messages: nothing in it is for this model"):
        fit(nothing, to="anthropic_messages", quirks=quirks, has=ABLE)


@pytest.mark.parametrize("to", ["anthropic_messages", "openai_responses", "gemini_generate"])
@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}])
def test_an_answer_that_was_said_aloud_stays_a_turn_and_is_told(
    content: dict[str, object], to: Dialect
) -> None:
    spoken = {"role": "assistant", "audio": {"id": "audio_1"}} | content
    body = of_chat(said("a"), spoken, said("b"))
    assert "(said aloud, and not written down)" in json.dumps(encoded("openai_chat", body, to))
    assert fitted("openai_chat", body, to).changes == ("dropped:audio", "blank_text")
    silent = of_chat(said("a"), spoken | {"audio": None}, said("b"))
    assert "aloud" not in json.dumps(encoded("openai_chat", silent, to))


def test_a_result_without_its_call_is_told_also_when_it_is_empty() -> None:
    body = of_chat(
        said("a"), said("b", "assistant"), {"role": "tool", "tool_call_id": "c", "content": ""}
    )
    sent = json.dumps(encoded("openai_chat", body, "anthropic_messages"))
    assert "[result of c]" in sent


# -- calls with one id -------------------------------------------------------------------------


def ids_of(conversation: Conversation) -> list[tuple[str, str]]:
    """What calls ask and results say, with the id of each."""
    return [
        (part.call_id, part.arguments if isinstance(part, ToolCall) else joined(part))
        for message in conversation.messages
        for part in message.parts
        if isinstance(part, ToolCall | ToolResult)
    ]


def joined(part: ToolResult) -> str:
    return "".join(inner.text for inner in part.parts if isinstance(inner, Text))


def asks(*calls: tuple[str, str]) -> Message:
    return Message("assistant", tuple(ToolCall(call_id, "f", asked) for call_id, asked in calls))


def answers(*results: tuple[str, str]) -> Message:
    return Message(
        "user",
        tuple(ToolResult(call_id, (Text(said),), is_plain=True) for call_id, said in results),
    )


@pytest.mark.parametrize("of", ["anthropic_messages", "openai_responses"])
@pytest.mark.parametrize(
    ("history", "ids"),
    [
        (
            (asks(("c", "1")), answers(("c", "one")), asks(("c", "2")), answers(("c", "two"))),
            [("c", "1"), ("c", "one"), ("c-2", "2"), ("c-2", "two")],
        ),
        (
            (asks(("c", "1"), ("c", "2")), answers(("c", "one"), ("c", "two"))),
            [("c", "1"), ("c-2", "2"), ("c", "one"), ("c-2", "two")],
        ),
        (
            # Nobody has answered the first one.
            (asks(("c", "1")), answers(), asks(("c", "2")), answers(("c", "two"))),
            [("c", "1"), ("c-2", "2"), ("c-2", "two")],
        ),
        (
            # Two messages, one answer.
            (asks(("c", "1")), asks(("c", "2")), answers(("c", "one"), ("c", "two"))),
            [("c", "1"), ("c-2", "2"), ("c", "one"), ("c-2", "two")],
        ),
        (
            (asks(("c-2", "0"), ("c", "1"), ("c", "2")), answers(("c", "one"))),
            [("c-2", "0"), ("c", "1"), ("c-3", "2"), ("c", "one")],
        ),
        (
            # A result that comes twice is of the same call both times.
            (
                asks(("c", "1")),
                answers(("c", "one")),
                asks(("c", "2")),
                answers(*2 * [("c", "two")]),
            ),
            [("c", "1"), ("c", "one"), ("c-2", "2"), ("c-2", "two"), ("c-2", "two")],
        ),
    ],
)
def test_each_result_follows_its_call_where_ids_come_twice(
    history: tuple[Message, ...], ids: list[tuple[str, str]], of: Dialect
) -> None:
    to: Dialect = "gemini_generate"
    told = Conversation(dialect=of, model="m", messages=(Message("user", (Text("go"),)), *history))
    found = fit(told, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    assert ids_of(found.conversation) == ids
    assert "call_id" in found.changes
    for end in range(1, len(told.messages)):
        shorter = Conversation(dialect=of, model="m", messages=told.messages[:end])
        again = fit(shorter, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
        assert ids_of(again.conversation) == ids_of(found.conversation)[: len(ids_of(shorter))]


def test_ids_that_come_once_stay_as_they_are() -> None:
    told = Conversation(
        dialect="anthropic_messages",
        model="m",
        messages=(
            Message("user", (Text("go"),)),
            asks(("c", "1"), ("d", "2")),
            answers(("d", "x")),
        ),
    )
    found = fit(told, to="openai_responses", quirks=DIALECT_QUIRKS["openai_responses"], has=ABLE)
    assert found.conversation is told


def test_an_id_made_unique_is_still_what_the_target_takes() -> None:
    told = Conversation(
        dialect="anthropic_messages",
        model="m",
        messages=(Message("user", (Text("go"),)), asks(("a" * 9, "1"), ("a" * 9, "2"))),
    )
    mistral = quirks_of("mistral_ai", "openai_chat")
    found = fit(told, to="openai_chat", quirks=mistral, has=ABLE)
    first, second = (call_id for call_id, _ in ids_of(found.conversation))
    assert first == "a" * 9
    assert len(second) == 9
    assert second != first


# -- one more message --------------------------------------------------------------------------

SHOWN = Opaque("gemini_generate", "executableCode", "{}", elsewhere=(Text("print()"),))
NOTES = base64.b64encode(b"notes").decode()
SAID: tuple[Part, ...] = (
    *(Text(""), Text(" "), Text("a")),
    *(Document(Base64Source("text/plain", NOTES)), Document(Base64Source("application/pdf", ""))),
    *(Image(Base64Source("image/png", ""), detail="original"), SHOWN),
)
"""What a step of fitting changes, and what it leaves."""

CALLS = st.builds(
    ToolCall, st.sampled_from(["c", "c-2", "call 1", "a" * 70]), st.just("f"), st.just("{}")
)
RESULTS = st.builds(
    ToolResult,
    st.sampled_from(["c", "c-2", "call 1", "a" * 70]),
    st.sampled_from([(), *((part,) for part in SAID)]),
    is_error=st.booleans(),
)
WORDS = st.sampled_from(SAID)
MESSAGES = st.one_of(
    st.builds(
        Message, st.just("user"), st.lists(WORDS | RESULTS, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(
        Message,
        st.just("assistant"),
        st.lists(st.sampled_from([Text(""), Text(" "), Text("a"), SHOWN]) | CALLS, max_size=3).map(
            tuple
        ),
    ),
    st.just(Message("system", (Text("note"),))),
)
TARGETS: tuple[tuple[Dialect, Quirks], ...] = (
    *DIALECT_QUIRKS.items(),
    ("openai_chat", quirks_of("mistral_ai", "openai_chat")),
    ("openai_chat", quirks_of("vllm", "openai_chat")),
    ("anthropic_messages", quirks_of("anthropic", "anthropic_messages", "claude-opus-5-5")),
    ("gemini_generate", quirks_of("gcp.gemini", "gemini_generate", "gemini-3.7-flash")),
)


@given(
    history=st.lists(MESSAGES, max_size=7),
    of=st.sampled_from(tuple(DIALECT_QUIRKS)),
    target=st.sampled_from(TARGETS),
    is_original=st.booleans(),
    has=st.sampled_from([ABLE, Capabilities()]),
)
def test_one_more_message_leaves_all_that_was_fitted_alone(
    history: list[Message],
    of: Dialect,
    target: tuple[Dialect, Quirks],
    has: Capabilities,
    *,
    is_original: bool,
) -> None:
    to, quirks = target

    def sent(messages: Sequence[Message]) -> tuple[Message, ...]:
        told = Conversation(of, "m", (Message("user", (Text("go"),)), *messages))
        found = fit(told, to=to, quirks=quirks, has=has, is_original=is_original)
        return found.conversation.messages

    before = sent(history[:-1])
    if before[-1] == Message("user", (Text(GO_ON),), is_plain=True):
        # What asked for more is not said again.
        before = before[:-1]
    assert sent(history)[: len(before)] == before
