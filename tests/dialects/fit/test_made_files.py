"""Pictures and documents that a model has made, towards wires whose answers hold none."""

import json
from typing import Any

import pytest

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout.dialects.fit import Fitted, fit
from turnout.dialects.gemini_generate.parts_decode import MAKER
from turnout.dialects.registry import DIALECTS
from turnout.quirks import DIALECT_QUIRKS

ABLE = Capabilities(images=True, documents=True)
OTHERS: tuple[Dialect, ...] = ("anthropic_messages", "openai_chat", "openai_responses")
DATA = "UElDVFVSRQ=="
PICTURE = Image(Base64Source("image/png", DATA))
PAPER = Document(Base64Source("application/pdf", "UEFQRVI="))
NOTES = Document(Base64Source("text/plain", "bm90ZXM="))
SEALED = Thinking("", MAKER, signature="s")
CALL = ToolCall("c", "f", "{}")
RESULT = ToolResult("c", (Text("ok"),))
MADE = Text("(made by the assistant)")


def user(*parts: Part) -> Message:
    return Message("user", parts)


def model(*parts: Part) -> Message:
    return Message("assistant", parts)


def fitted(*messages: Message, to: Dialect, of: Dialect = "gemini_generate") -> Fitted:
    told = Conversation(dialect=of, model="m", messages=messages)
    return fit(told, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)


def sent(found: Fitted, to: Dialect) -> Any:
    return json.loads(DIALECTS[to].encode_request(found.conversation, model="m", has=ABLE))


DRAW, AGAIN = user(Text("draw")), user(Text("again"))


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize(
    ("history", "shown"),
    [
        (
            [DRAW, model(Text("here"), PICTURE, Text("ok?")), AGAIN],
            [DRAW, model(Text("here"), Text("ok?")), user(MADE, PICTURE, Text("again"))],
        ),
        (
            [DRAW, model(SEALED, PICTURE), AGAIN],
            [DRAW, model(SEALED, Text("(a picture)")), user(MADE, PICTURE, Text("again"))],
        ),
        (
            [DRAW, model(PAPER), model(Text("and"), PICTURE), AGAIN, model(Text("no"))],
            [
                DRAW,
                model(Text("(a document)")),
                model(Text("and")),
                user(MADE, PAPER, PICTURE, Text("again")),
                model(Text("no")),
            ],
        ),
        (
            [DRAW, model(PICTURE, CALL), user(RESULT)],
            [DRAW, model(CALL), user(MADE, PICTURE, RESULT)],
        ),
    ],
)
def test_the_user_shows_what_the_model_has_made(
    history: list[Message], shown: list[Message], to: Dialect
) -> None:
    found = fitted(*history, to=to)
    assert list(found.conversation.messages) == shown
    assert found.changes == ("made_file",)
    assert json.dumps(sent(found, to)).count(DATA) == 1


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize(
    "answer", [model(PICTURE), model(Text("here"), PICTURE), model(SEALED, PICTURE, PAPER)]
)
def test_one_more_message_leaves_the_answer_alone(answer: Message, to: Dialect) -> None:
    last = fitted(DRAW, answer, to=to)
    longer = fitted(DRAW, answer, AGAIN, to=to)
    longest = fitted(DRAW, answer, AGAIN, model(PICTURE), to=to)
    assert last.changes[0] == "dropped:image"
    assert longer.conversation.messages[:2] == last.conversation.messages[:2]
    assert longest.conversation.messages[:3] == longer.conversation.messages
    assert longest.changes == ("made_file", "dropped:image")


def test_results_still_open_claudes_next_turn() -> None:
    found = fitted(DRAW, model(PICTURE, CALL), user(RESULT), to="anthropic_messages")
    messages = sent(found, "anthropic_messages")["messages"]
    assert [block["type"] for block in messages[1]["content"]] == ["tool_use"]
    assert [block["type"] for block in messages[2]["content"]] == ["tool_result", "text", "image"]


@pytest.mark.parametrize("to", OTHERS)
def test_texts_that_were_attached_stay_where_they_are(to: Dialect) -> None:
    found = fitted(DRAW, model(NOTES), AGAIN, to=to)
    assert found.conversation.messages[1:] == (model(Text("notes")), AGAIN)
    assert found.changes == ("as_text",)


def test_gemini_gets_them_in_its_answers() -> None:
    found = fitted(DRAW, model(PICTURE), AGAIN, to="gemini_generate", of="openai_chat")
    assert found.conversation.messages == (DRAW, model(PICTURE), AGAIN)
    assert found.changes == ()
