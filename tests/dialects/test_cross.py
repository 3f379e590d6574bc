"""From one dialect to the other and back: ids, order, text, calls and usage survive."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from tests.dialects.openai_chat.answers import streams
from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Conversation,
    Image,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    joined_text,
)
from turnout.dialects.dialect import WireDialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import Answer, StreamEvent, StreamFailed, accumulate
from turnout.errors import Overloaded

CHAT = DIALECTS["openai_chat"]
ANTHROPIC = DIALECTS["anthropic_messages"]
ABLE = Capabilities(images=True, documents=True, structured_output=True)
RESPONSES = DIALECTS["openai_responses"]
GEMINI = DIALECTS["gemini_generate"]
ALL = [CHAT, ANTHROPIC, RESPONSES, GEMINI]
PAIRS = list(permutations(ALL, 2))
IDS = [f"{first.name}-{second.name}" for first, second in PAIRS]

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


def through(dialect: WireDialect, events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """The events after a trip over the wire of `dialect`."""
    encoder = dialect.stream_encoder(
        response_id="resp_1", model="upstream", created_at=5, input_estimate=1, include_usage=True
    )
    decoder = dialect.stream_decoder()
    back: list[StreamEvent] = []
    for event in events:
        back += decoder.feed(encoder.encode(event))
    return [*back, *decoder.close()]


def essence(answer: Answer) -> object:
    """What must survive a trip: a refusal may come back as text."""
    text = joined_text(answer.parts, separator="")
    calls = [(p.call_id, p.name, p.arguments) for p in answer.parts if isinstance(p, ToolCall)]
    thoughts = [p.text for p in answer.parts if isinstance(p, Thinking)]
    assert answer.usage is not None
    return text, calls, thoughts, answer.usage.input_total, answer.usage.output


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=IDS)
@given(drawn=streams())
def test_streams_survive_both_wires(
    first: WireDialect, second: WireDialect, drawn: tuple[Answer, list[StreamEvent]]
) -> None:
    answer, events = drawn
    once = through(first, events)
    twice = through(second, once)
    assert essence(accumulate(twice)) == essence(accumulate(once)) == essence(answer)
    if answer.stop != "refusal":
        assert accumulate(twice).stop == answer.stop


@pytest.mark.parametrize("dialect", ALL, ids=[dialect.name for dialect in ALL])
@given(drawn=streams())
def test_whole_answers_say_what_their_streams_say(
    dialect: WireDialect, drawn: tuple[Answer, list[StreamEvent]]
) -> None:
    answer, events = drawn
    body = dialect.encode_response(
        events_of(answer), response_id="resp_1", model="upstream", created_at=5
    )
    whole = accumulate(dialect.decode_response(body))
    assert essence(whole) == essence(accumulate(through(dialect, events)))


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=IDS)
def test_failures_survive_both_wires(first: WireDialect, second: WireDialect) -> None:
    failed = through(second, through(first, [StreamFailed(Overloaded("the provider is busy"))]))
    (event,) = failed
    assert isinstance(event, StreamFailed)
    assert isinstance(event.error, Overloaded)
    assert event.error.message == "the provider is busy"


@st.composite
def anthropic_requests(draw: st.DrawFn) -> dict[str, Any]:
    """An agent's history: each turn may call tools, whose results come with or without text."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": draw(WORDS)}]
    for turn in range(draw(st.integers(0, 3))):
        ids = [f"toolu_{turn}_{n}" for n in range(draw(st.integers(0, 3)))]
        said: list[dict[str, Any]] = [{"type": "text", "text": draw(WORDS)}]
        said += [
            {"type": "tool_use", "id": i, "name": draw(WORDS), "input": {"q": draw(WORDS)}}
            for i in ids
        ]
        answer: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": i, "content": draw(WORDS)} for i in ids
        ]
        if not ids or draw(st.booleans()):
            answer.append({"type": "text", "text": draw(WORDS)})
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": answer}]
    return {"model": "m", "max_tokens": 10, "system": draw(WORDS), "messages": messages}


def told(conversation: Conversation) -> list[tuple[str, ...]]:
    """Every text, call and result in order, wherever message borders fall."""
    out: list[tuple[str, ...]] = []
    for message in conversation.messages:
        for part in message.parts:
            match part:
                case Text(text=text):
                    out.append((message.role, text))
                case ToolCall():
                    out.append(("call", part.call_id, part.name, part.arguments))
                case ToolResult():
                    out.append(("result", part.call_id, joined_text(part.parts)))
                case Image():
                    out.append(("image",))
                case _:
                    pytest.fail(f"{part} was not sent")
    return out


@pytest.mark.parametrize("over", [CHAT, RESPONSES, GEMINI], ids=["chat", "responses", "gemini"])
@given(request=anthropic_requests())
def test_requests_survive_both_wires(over: WireDialect, request: dict[str, Any]) -> None:
    first = ANTHROPIC.decode_request(json.dumps(request).encode())
    there = over.decode_request(over.encode_request(first, model="m", has=ABLE))
    again = ANTHROPIC.decode_request(ANTHROPIC.encode_request(there, model="m", has=ABLE))
    assert told(there) == told(first)
    assert told(again) == told(first)
    assert again.max_output_tokens == first.max_output_tokens


@pytest.mark.parametrize(
    ("over", "field"),
    [(CHAT, "messages"), (RESPONSES, "input"), (GEMINI, "contents")],
    ids=["chat", "responses", "gemini"],
)
@given(request=anthropic_requests())
def test_one_more_turn_leaves_the_translated_prefix_alone(
    over: WireDialect, field: str, request: dict[str, Any]
) -> None:
    longer = request | {"messages": [*request["messages"], {"role": "assistant", "content": "ok"}]}

    def sent(body: dict[str, Any]) -> list[object]:
        conversation = ANTHROPIC.decode_request(json.dumps(body).encode())
        found: list[object] = json.loads(over.encode_request(conversation, model="m", has=ABLE))[
            field
        ]
        return found

    before = sent(request)
    assert sent(longer)[: len(before)] == before


def test_bug_16_cached_tokens_are_counted_once_on_either_wire() -> None:
    """OpenAI's input holds the cached part, Anthropic's does not."""
    chat = (
        b'data: {"id":"x","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":10,'
        b'"total_tokens":1010,"prompt_tokens_details":{"cached_tokens":600}}}\n\n'
        b"data: [DONE]\n\n"
    )
    events = CHAT.stream_decoder().feed(chat)
    body = json.loads(
        ANTHROPIC.encode_response(events, response_id="msg_1", model="m", created_at=5)
    )
    told = {name: body["usage"][name] for name in ("input_tokens", "cache_read_input_tokens")}
    assert told == {"input_tokens": 400, "cache_read_input_tokens": 600}

    back = ANTHROPIC.decode_response(json.dumps(body).encode())
    again = json.loads(CHAT.encode_response(back, response_id="c", model="m", created_at=5))
    usage = again["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (1000, 600)
    assert usage["total_tokens"] == 1010


def test_what_claude_code_says_in_the_middle_reaches_other_vendors_as_it_is_meant() -> None:
    """A deferred tool that a system message adds is offered behind the others and spelled out at its
    place; a system message for one turn is gone in the next; settings of single messages stay away.
    """
    body = {
        "model": "m",
        "max_tokens": 1,
        "tools": [
            {"name": "Later", "input_schema": {"type": "object"}, "defer_loading": True},
            {"name": "Never", "input_schema": {"type": "object"}, "defer_loading": True},
            {"name": "Read", "input_schema": {"type": "object"}},
        ],
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "system", "content": "hurry", "clear_at": "next_user_message"},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "two"},
            {
                "role": "system",
                "output_config": {"effort": "low"},
                "content": [
                    {"type": "text", "text": "stay"},
                    {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "Later"}},
                ],
            },
        ],
    }
    conversation = ANTHROPIC.decode_request(json.dumps(body).encode())
    sent = json.loads(CHAT.encode_request(conversation, model="m", has=ABLE))
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["Read", "Later"]
    roles = [message["role"] for message in sent["messages"]]
    assert roles == ["user", "assistant", "user", "system"]
    told = json.dumps(sent["messages"])
    assert "hurry" not in told
    assert "effort" not in told
    assert "stay" in json.dumps(sent["messages"][3])
    assert "parameters" in json.dumps(sent["messages"][3])


def test_bug_19_billing_block_does_not_reach_other_vendors() -> None:
    blocks = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cch=ab12;"},
        {"type": "text", "text": "You are an agent."},
    ]
    body = {
        "model": "m",
        "max_tokens": 1,
        "system": blocks,
        "messages": [{"role": "user", "content": "hi"}],
    }
    conversation = ANTHROPIC.decode_request(json.dumps(body).encode())
    sent = CHAT.encode_request(conversation, model="m", has=ABLE)
    assert b"billing" not in sent
    assert b"You are an agent." in sent
    own = ANTHROPIC.encode_request(conversation, model="m", has=ABLE)
    assert b"billing" in own


def test_bug_29_reasoning_comes_back_after_a_trip_through_an_anthropic_client() -> None:
    """DeepSeek thinks, Claude Code keeps it as a thinking block, DeepSeek gets it back."""
    stream = (
        b'data: {"id":"x","model":"deepseek-v4-pro","choices":[{"delta":{"reasoning_content":"why"}}]}'
        b'\n\ndata: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_1","function":'
        b'{"name":"ls","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    )
    events = CHAT.stream_decoder().feed(stream)
    body = ANTHROPIC.encode_response(
        events, response_id="msg_1", model="claude-opus-5-5", created_at=5
    )
    history = {
        "model": "claude-opus-5-5",
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "list"},
            {"role": "assistant", "content": json.loads(body)["content"]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "a"}],
            },
        ],
    }
    conversation = ANTHROPIC.decode_request(json.dumps(history).encode())
    sent = json.loads(CHAT.encode_request(conversation, model="deepseek-v4-pro", has=ABLE))
    assert sent["messages"][1]["reasoning_content"] == "why"
    thinker = replace(ABLE, thinking=True)
    claude = ANTHROPIC.encode_request(conversation, model="claude-opus-5-5", has=thinker)
    assert b"why" not in claude


def test_bug_27_each_maker_gets_its_own_reasoning_back_across_switches() -> None:
    """Codex keeps what Claude and then GPT have thought; each is sent what it wrote, as it wrote it."""
    thinker = replace(ABLE, thinking=True)
    claude = Thinking("one", Provenance("anthropic_messages", "claude-opus-5-5"), signature="EqQB")
    gpt = Thinking("two", Provenance("openai_responses", "gpt-5.5"), redacted="gAAAA")
    input_items: list[object] = [{"role": "user", "content": "go"}]
    for thought in (claude, gpt):
        body = RESPONSES.encode_response(
            events_of(Answer("r", "m", (thought, Text("ok")), stop="end")),
            response_id="resp_1",
            model="gpt-5.5",
            created_at=5,
        )
        input_items += [*json.loads(body)["output"], {"role": "user", "content": "more"}]
    history = RESPONSES.decode_request(json.dumps({"model": "m", "input": input_items}).encode())
    to_claude = ANTHROPIC.encode_request(history, model="claude-opus-5-5", has=thinker)
    assert b'"thinking":"one","signature":"EqQB"' in to_claude
    assert b"gAAAA" not in to_claude
    to_gpt = RESPONSES.encode_request(history, model="gpt-5.5", has=thinker)
    assert b"gAAAA" in to_gpt
    assert b"turnout1." not in to_gpt


def test_bug_30_sealed_reasoning_of_gpt_survives_a_client_of_anthropics() -> None:
    thinker = replace(ABLE, thinking=True)
    stream = (
        b'data: {"type":"response.created","response":{"id":"r","model":"gpt-5.5"}}\n\n'
        b'data: {"type":"response.reasoning_summary_text.delta","item_id":"rs","delta":"why"}\n\n'
        b'data: {"type":"response.output_item.done","item":{"id":"rs","type":"reasoning",'
        b'"summary":[{"type":"summary_text","text":"why"}],"encrypted_content":"gAAAA"}}\n\n'
        b'data: {"type":"response.output_item.done","output_index":1,"item":{"id":"fc",'
        b'"type":"function_call","call_id":"c","name":"ls","arguments":"{}"}}\n\n'
        b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n'
    )
    events = RESPONSES.stream_decoder().feed(stream)
    body = ANTHROPIC.encode_response(
        events, response_id="msg_1", model="claude-opus-5-5", created_at=5
    )
    result = {"type": "tool_result", "tool_use_id": "c", "content": "a"}
    history = {
        "model": "claude-opus-5-5",
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "list"},
            {"role": "assistant", "content": json.loads(body)["content"]},
            {"role": "user", "content": [result]},
        ],
    }
    conversation = ANTHROPIC.decode_request(json.dumps(history).encode())
    sent = json.loads(RESPONSES.encode_request(conversation, model="gpt-5.5", has=thinker))
    assert sent["input"][1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "why"}],
        "encrypted_content": "gAAAA",
    }
    assert [item["type"] for item in sent["input"][2:]] == [
        "function_call",
        "function_call_output",
    ]


def gemini_history(body: bytes) -> bytes:
    """What a client of Gemini's sends after an answer with one call, its thought parts dropped."""
    content = json.loads(body)["candidates"][0]["content"]
    content["parts"] = [part for part in content["parts"] if "thought" not in part]
    result = {"functionResponse": {"id": "call_1", "name": "ls", "response": {"output": "a"}}}
    contents = [
        {"role": "user", "parts": [{"text": "list"}]},
        content,
        {"role": "user", "parts": [result]},
    ]
    return json.dumps({"contents": contents}).encode()


def test_bug_29_reasoning_comes_back_after_a_trip_through_a_gemini_client() -> None:
    """DeepSeek thinks, gemini-cli drops the thought and keeps its signature, DeepSeek gets it."""
    stream = (
        b'data: {"id":"x","model":"deepseek-v4-pro","choices":[{"delta":{"reasoning_content":"why"}}]}'
        b'\n\ndata: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_1","function":'
        b'{"name":"ls","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    )
    events = CHAT.stream_decoder().feed(stream)
    body = GEMINI.encode_response(events, response_id="r", model="gemini-x", created_at=5)
    conversation = GEMINI.decode_request(gemini_history(body))
    sent = json.loads(CHAT.encode_request(conversation, model="deepseek-v4-pro", has=ABLE))
    assert sent["messages"][1]["reasoning_content"] == "why"
    thinker = replace(ABLE, thinking=True)
    gemini = GEMINI.encode_request(conversation, model="gemini-3.8-flash", has=thinker)
    assert b"why" not in gemini


def test_bug_28_a_signature_of_geminis_survives_an_anthropic_client() -> None:
    """Gemini calls a tool, Claude Code keeps the sealed thinking, Gemini gets its signature."""
    stream = (
        b'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"functionCall":'
        b'{"name":"ls","args":{},"id":"call_1"},"thoughtSignature":"EqsBCqgB"}]},'
        b'"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1},'
        b'"modelVersion":"gemini-3.8-flash"}\n\n'
    )
    events = GEMINI.stream_decoder().feed(stream)
    body = ANTHROPIC.encode_response(events, response_id="m", model="claude", created_at=5)
    result = [{"type": "tool_result", "tool_use_id": "call_1", "content": "a"}]
    history = {
        "model": "claude",
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "list"},
            {"role": "assistant", "content": json.loads(body)["content"]},
            {"role": "user", "content": result},
        ],
    }
    conversation = ANTHROPIC.decode_request(json.dumps(history).encode())
    thinker = replace(ABLE, thinking=True)
    sent = json.loads(GEMINI.encode_request(conversation, model="gemini-3.8-flash", has=thinker))
    thought, call = sent["contents"][1]["parts"]
    assert thought == {"text": "hm", "thought": True}
    assert call["thoughtSignature"] == "EqsBCqgB"
