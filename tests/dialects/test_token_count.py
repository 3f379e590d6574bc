"""Counting the tokens of conversations of every family."""

import base64
import importlib
import json
import struct
from collections.abc import Sequence
from typing import get_args

import pytest
from anthropic.types import MessageTokensCount
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from openai.types.responses import InputTokenCountResponse

from turnout.catalog.token_families import CLAUDE_TOOLS_TOKENS, FIGURES, Family
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    FileSource,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Provenance,
    Refusal,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.registry import DIALECTS
from turnout.dialects.token_count import (
    FRAME_TOKENS,
    UNREAD_DOCUMENT_TOKENS,
    UNREAD_IMAGE_TOKENS,
    image_tokens,
    tally_of,
)

FAMILIES: tuple[Family, ...] = get_args(Family)
COUNT = importlib.import_module("toktok").batch_count
MADE_BY = Provenance("anthropic_messages")


def counted(conversation: Conversation, family: Family) -> int:
    tally = tally_of(conversation, family)
    counts: list[int] = COUNT(list(tally.texts), FIGURES[family].vocabulary, 1)
    return tally.tokens(counts)


def talk(*messages: Message, tools: Sequence[Tool | ServerTool] = ()) -> Conversation:
    return Conversation("anthropic_messages", "m", messages, tuple(tools))


def said(*parts: Part) -> Message:
    return Message("user", parts)


def png(width: int, height: int) -> Base64Source:
    raw = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return Base64Source("image/png", base64.b64encode(raw).decode())


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
PARTS: st.SearchStrategy[Part] = st.one_of(
    TEXTS.map(Text),
    TEXTS.map(Refusal),
    TEXTS.map(lambda text: Thinking(text, MADE_BY, redacted=text)),
    st.builds(ToolCall, call_id=st.just("c"), name=TEXTS, arguments=TEXTS),
    TEXTS.map(lambda text: ToolResult("c", (Text(text), Image(UrlSource("u"))))),
    TEXTS.map(lambda text: Opaque("anthropic_messages", "document", text)),
    st.just(Image(png(30, 40))),
)
MESSAGES = st.lists(PARTS, max_size=4).map(lambda parts: said(*parts))
TOOLS = st.lists(st.builds(Tool, name=TEXTS, description=TEXTS, schema=TEXTS), max_size=3)


@given(st.lists(MESSAGES, max_size=4), MESSAGES, TOOLS, st.sampled_from(FAMILIES))
def test_a_message_more_never_makes_fewer(
    messages: list[Message], one: Message, tools: list[Tool], family: Family
) -> None:
    before = counted(talk(*messages, tools=tools), family)
    after = counted(talk(*messages, one, tools=tools), family)
    assert before >= 1
    assert after >= before


@given(st.lists(MESSAGES, min_size=1, max_size=4), MESSAGES, st.sampled_from(FAMILIES))
def test_messages_add_up(messages: list[Message], one: Message, family: Family) -> None:
    """To within the rounding of each count."""
    apart = counted(talk(*messages), family) + counted(talk(one), family)
    assert abs(counted(talk(*messages, one), family) - apart) <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_one_token(family: Family) -> None:
    assert counted(talk(), family) == 1


WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {
            "location": {
                "type": "string",
                "description": "The city and state, e.g. San Francisco, CA",
            }
        },
        "required": ["location"],
    },
}


@pytest.mark.parametrize(
    ("asked", "documented"),
    [
        (
            {
                "system": "You are a scientist",
                "messages": [{"role": "user", "content": "Hello, Claude"}],
            },
            14,
        ),
        (
            {
                "tools": [WEATHER],
                "messages": [
                    {"role": "user", "content": "What's the weather like in San Francisco?"}
                ],
            },
            403,
        ),
    ],
)
def test_bug_18_the_examples_of_anthropics_documentation(
    asked: dict[str, object], documented: int
) -> None:
    """platform.claude.com, token counting; those of its models before Opus 4.7."""
    body = json.dumps({"model": "claude-opus-4-5", **asked}).encode()
    conversation = DIALECTS["anthropic_messages"].decode_request(body)
    assert counted(conversation, "claude") == pytest.approx(documented, rel=0.1)


def test_one_conversation_counts_the_same_in_every_dialect() -> None:
    told = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "Say something short."}]}
    both = [
        DIALECTS[name].decode_request(json.dumps(told).encode())
        for name in ("anthropic_messages", "openai_chat")
    ]
    assert counted(both[0], "gpt-5") == counted(both[1], "gpt-5") == 4 + FRAME_TOKENS


@pytest.mark.parametrize(
    ("part", "other", "texts"),
    [
        (Text("a"), 0, ("a",)),
        (Text(""), 0, ()),
        (Refusal("no"), 0, ("no",)),
        (ToolCall("c", "Bash", "{}"), FRAME_TOKENS, ("Bash", "{}")),
        (
            ToolResult("c", (Text("one"), ToolReference("WebSearch"))),
            FRAME_TOKENS,
            ("one", "WebSearch"),
        ),
        (Thinking("hm", MADE_BY, signature="s" * 100), 0, ("hm",)),
        (Thinking("", MADE_BY, redacted="s" * 100), 20, ()),
        (Opaque("anthropic_messages", "x", "{}"), 0, ("{}",)),
        (Opaque("anthropic_messages", "x", "{}", elsewhere=(Text("body"),)), 0, ("body",)),
        (Document(Base64Source("application/pdf", "A" * 3_300)), 100, ()),
        (Document(FileSource("f")), UNREAD_DOCUMENT_TOKENS, ()),
    ],
)
def test_what_a_part_counts(part: Part, other: int, texts: tuple[str, ...]) -> None:
    tally = tally_of(talk(said(part)), "unknown")
    assert (tally.other_tokens, tally.texts) == (other + FRAME_TOKENS, texts)


def test_tools_are_counted_and_deferred_ones_are_not() -> None:
    tool = Tool("Bash", "Run", '{"type":"object"}')
    hidden = replace(tool, is_deferred=True)
    served = ServerTool("anthropic_messages", "web_search", "web_search_20250305", "{}")
    tally = tally_of(talk(tools=(tool, hidden, served)), "gpt-5")
    assert tally.texts == ("Bash", "Run", '{"type":"object"}', "{}")
    assert tally.other_tokens == 2 * FRAME_TOKENS
    with_prompt = tally_of(talk(tools=(tool,)), "claude-4.7")
    assert with_prompt.other_tokens == FRAME_TOKENS + CLAUDE_TOOLS_TOKENS


def test_a_schema_for_the_answer_is_counted() -> None:
    asked = replace(talk(), output_format=OutputFormat("json_schema", schema='{"a":1}'))
    assert tally_of(asked, "gpt-5").texts == ('{"a":1}',)


@pytest.mark.parametrize(
    ("family", "size", "detail", "tokens"),
    [
        ("claude", (1000, 750), "", 1000),
        ("claude", (200, 200), "", 54),
        ("claude", (8000, 8000), "", 1600),
        ("claude-4.7", (8000, 8000), "", 4784),
        ("claude-4.7", (1000, 750), "", 1000),
        ("gpt-5", (1024, 1024), "high", 70 + 140 * 4),
        ("gpt-5", (2048, 4096), "", 70 + 140 * 6),
        ("gpt-5", (300, 300), "", 70 + 140),
        ("gpt-5", (1024, 1024), "low", 70),
        ("gemini", (384, 384), "", 258),
        ("gemini", (384, 384), "low", 258),
        ("gemini", (960, 540), "", 258 * 2),
        ("kimi", (1000, 750), "", 1000),
    ],
)
def test_images_count_as_their_vendor_documents(
    family: Family, size: tuple[int, int], detail: str, tokens: int
) -> None:
    assert image_tokens(Image(png(*size), detail=detail), family) == tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_that_cannot_be_read_counts_as_a_large_one(family: Family) -> None:
    assert image_tokens(Image(UrlSource("https://x/y.png")), family) == UNREAD_IMAGE_TOKENS
    assert image_tokens(Image(Base64Source("image/png", "AAAA")), family) == UNREAD_IMAGE_TOKENS


def test_a_count_is_told_as_the_vendors_sdk_reads_it() -> None:
    told = DIALECTS["anthropic_messages"].encode_token_count(12)
    assert MessageTokensCount.model_validate_json(told).input_tokens == 12
    told = DIALECTS["openai_chat"].encode_token_count(12)
    read = InputTokenCountResponse.model_validate_json(told)
    assert (read.object, read.input_tokens) == ("response.input_tokens", 12)
