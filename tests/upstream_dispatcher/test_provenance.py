"""Reasoning goes back to its maker and to nobody else."""

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from tests.upstream_dispatcher.samples import CHAT_DONE, CHAT_STOP, CHAT_USAGE, JSON
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.workbench import answer_of, bench, request
from turnout.dialects.conversation import Provenance
from turnout.dialects.registry import DIALECTS
from turnout.dialects.seal import seal, unseal
from turnout.policy.thread import Maker
from turnout.ports import DispatchRequest

pytestmark = pytest.mark.anyio

OPUS = "anthropic/claude-opus-5-5@env"
CHAT = "openai/gpt-5.4@env"

CHAT_THOUGHT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5.4",'
    b'"choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}\n\n'
)
WHOLE_MESSAGE = (
    b'{"id":"m","type":"message","role":"assistant","model":"claude-opus-5-5","content":'
    b'[{"type":"text","text":"a"}],"stop_reason":"end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":9,"output_tokens":1}}'
)
WHOLE_CHAT = DIALECTS["openai_chat"].encode_response(
    DIALECTS["anthropic_messages"].decode_response(WHOLE_MESSAGE),
    response_id="c",
    model="m",
    created_at=1,
)


def thought(signature: str) -> dict[str, str]:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def asking(target: str, *contents: object, makers: tuple[Maker, ...] = ()) -> DispatchRequest:
    """A request whose messages alternate between user and assistant; `contents` are the latter."""
    messages: list[dict[str, object]] = [{"role": "user", "content": "go"}]
    for content in contents:
        messages.append({"role": "assistant", "content": content})
        messages.append({"role": "user", "content": "on"})
    body = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": messages}
    asked = request(
        target,
        dialect="anthropic_messages",
        body=json.dumps(body).encode(),
        model="claude-opus-5-5",
        stream=False,
    )
    features = structs.replace(asked.features, message_count=len(messages))
    return replace(asked, features=features, makers=makers)


async def sent(asked: DispatchRequest, name: str, answer: bytes) -> list[dict[str, object]]:
    """The messages as the provider got them."""

    async def answered(exchange: Exchange) -> None:
        await exchange.answer(200, answer, JSON)

    async with provider(answered) as upstream, bench({name: upstream.url}) as on:
        await answer_of(on, asked)
        messages: list[dict[str, object]] = json.loads(upstream.seen[0].body)["messages"]
        return messages


async def sent_to_claude(asked: DispatchRequest) -> list[object]:
    """The contents of the assistant's messages."""
    messages = await sent(asked, "anthropic", WHOLE_MESSAGE)
    return [one["content"] for one in messages if one["role"] == "assistant"]


TEXT = {"type": "text", "text": "so"}


async def test_bug_27_what_another_maker_signed_natively_is_not_shown() -> None:
    makers = (Maker(1, OPUS), Maker(3, "elsewhere/model@env"), Maker(5, OPUS))
    asked = asking(
        OPUS,
        [thought("by-claude"), TEXT],
        [thought("by-the-other"), {"type": "redacted_thinking", "data": "x"}, TEXT],
        [thought("by-claude-again"), TEXT],
        makers=makers,
    )
    assert await sent_to_claude(asked) == [
        [thought("by-claude"), TEXT],
        [TEXT],
        [thought("by-claude-again"), TEXT],
    ]


async def test_one_of_the_family_is_shown_the_bytes_as_they_came() -> None:
    makers = (Maker(1, "anthropic/claude-haiku-5-5@env"),)
    asked = asking(OPUS, [thought("by-haiku"), TEXT], makers=makers)
    assert await sent_to_claude(asked) == [[thought("by-haiku"), TEXT]]


async def test_a_thread_that_nobody_was_seen_to_write_stays_as_it_is() -> None:
    asked = asking(OPUS, [thought("begun-elsewhere"), TEXT])
    assert await sent_to_claude(asked) == [[thought("begun-elsewhere"), TEXT]]


async def test_a_seal_names_the_target_that_made_the_reasoning() -> None:
    async def answered(exchange: Exchange) -> None:
        await exchange.stream(CHAT_THOUGHT, CHAT_STOP, CHAT_USAGE, CHAT_DONE)

    asked = asking(CHAT, [TEXT])
    asked = replace(asked, features=structs.replace(asked.features, stream=True))
    async with provider(answered) as upstream, bench({"openai": upstream.url}) as on:
        body = (await answer_of(on, asked)).body
    (signature,) = [
        json.loads(line.removeprefix("data: "))["delta"]["signature"]
        for line in body.decode().splitlines()
        if '"signature_delta"' in line and line.startswith("data:")
    ]
    made = unseal("hm", signature)
    assert made is not None
    assert made.provenance == Provenance("openai_chat", "gpt-5.4", CHAT)


@pytest.mark.parametrize("maker", [CHAT, "openai/gpt-5.4@client", "deepseek/deepseek-chat@env"])
async def test_bug_27_sealed_reasoning_is_translated_for_its_maker_alone(maker: str) -> None:
    sealed = seal(Provenance("openai_chat", "gpt-5.4", maker))
    asked = asking(CHAT, [thought(sealed), TEXT])
    got = (await sent(asked, "openai", WHOLE_CHAT))[1]
    assert got.get("reasoning_content", "") == ("hm" if maker == CHAT else "")


DEEPSEEK = "deepseek/deepseek-v4-pro@env"
MOONSHOT = "moonshot_ai/kimi-k2.6@env"
LOOK = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("maker", "told"), [(DEEPSEEK, "hm"), (MOONSHOT, ""), ("deepseek/deepseek-v4-flash@env", "")]
)
async def test_bug_29_a_chat_server_gets_its_own_reasoning_and_a_stand_in_for_that_of_others(
    maker: str, told: str
) -> None:
    thought = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [LOOK],
    }
    messages = [
        {"role": "user", "content": "go"},
        thought,
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    asked = request(
        DEEPSEEK,
        dialect="openai_chat",
        body=json.dumps({"model": "deepseek-v4-pro", "messages": messages}).encode(),
        model="deepseek-v4-pro",
        stream=False,
    )
    features = structs.replace(asked.features, message_count=len(messages))
    asked = replace(asked, features=features, makers=(Maker(1, maker),))
    got = await sent(asked, "deepseek", WHOLE_CHAT)
    assert got == [messages[0], thought | {"reasoning_content": told}, messages[2]]


def kimis_message(*blocks: object) -> bytes:
    message = json.loads(WHOLE_MESSAGE) | {"content": [*blocks, TEXT], "model": "kimi-k2.6"}
    return json.dumps(message).encode()


def kimis_stream(*blocks: dict[str, str]) -> tuple[bytes, ...]:
    """Blocks of thinking, each with its signature at its end if it has one."""
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": json.loads(WHOLE_MESSAGE) | {"content": []}}
    ]
    for index, block in enumerate([*blocks, TEXT]):
        kind = "thinking" if "thinking" in block else "text"
        empty = {"type": kind, kind: ""}
        said = {"type": f"{kind}_delta", kind: block[kind]}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events.append({"type": "content_block_delta", "index": index, "delta": said})
        if block.get("signature"):
            signed = {"type": "signature_delta", "signature": block["signature"]}
            events.append({"type": "content_block_delta", "index": index, "delta": signed})
        events.append({"type": "content_block_stop", "index": index})
    usage = {"input_tokens": 9, "output_tokens": 1}
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    events.append({"type": "message_stop"})
    return tuple(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def content_of(stream: bytes) -> list[dict[str, str]]:
    """What a client puts together, as Anthropic's SDKs do."""
    blocks: list[dict[str, str]] = []
    for line in stream.splitlines():
        if not line.startswith(b"data: "):
            continue
        event: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta: dict[str, str] = event["delta"]
            kind = delta["type"].removesuffix("_delta")
            # A signature comes whole, and the last one counts.
            before = "" if kind == "signature" else blocks[-1][kind]
            blocks[-1][kind] = before + delta[kind]
    return blocks


DEFERRED = {
    "name": "t",
    "description": "d",
    "input_schema": {"type": "object"},
    "defer_loading": True,
}


@pytest.mark.parametrize("makers", [(), (Maker(1, MOONSHOT),)])
async def test_an_imitation_is_shown_nothing_that_is_not_under_its_seal(
    makers: tuple[Maker, ...],
) -> None:
    """Claude's thinking looks like that of a thread that was begun elsewhere."""

    async def answered(exchange: Exchange) -> None:
        await exchange.answer(200, kimis_message(), JSON)

    redacted = {"type": "redacted_thinking", "data": "x"}
    use = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
    said = ([thought("by-claude"), redacted, TEXT], [thought("by-claude"), use])
    asked = asking(MOONSHOT, *said, makers=makers)
    async with (
        provider(answered) as upstream,
        bench({"moonshot_ai": upstream.url}, also=("anthropic_messages",)) as on,
    ):
        await answer_of(on, asked)
        messages = json.loads(upstream.seen[0].body)["messages"]
        stand_in = {"type": "thinking", "thinking": " ", "signature": ""}
        assert [one["content"] for one in messages[1::2]] == [[TEXT], [stand_in, use]]


@pytest.mark.parametrize("is_fitted", [False, True], ids=["relayed", "fitted"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_what_an_imitation_has_thought_is_known_without_any_record(
    *, is_stream: bool, is_fitted: bool
) -> None:
    """The record of a thread is gone where its first message has changed, or its session's id."""
    # An encoder writes no thinking without a signature.
    signatures = ["91cfbb94-554b"] if is_fitted else ["91cfbb94-554b", ""]
    made = [thought(one) for one in signatures]

    async def answered(exchange: Exchange) -> None:
        if is_stream:
            await exchange.stream(*kimis_stream(*made))
        else:
            await exchange.answer(200, kimis_message(*made), JSON)

    def asked(target: str, *contents: object) -> DispatchRequest:
        one = asking(target, *contents)
        body = json.loads(one.body) | ({"tools": [DEFERRED]} if is_fitted else {})
        features = structs.replace(
            one.features, stream=is_stream, has_foreign_thinking=bool(contents)
        )
        return replace(one, body=json.dumps(body).encode(), features=features)

    async with (
        provider(answered) as upstream,
        bench({"moonshot_ai": upstream.url}, also=("anthropic_messages",)) as on,
    ):
        answer = (await answer_of(on, asked(MOONSHOT))).body
        echoed = content_of(answer) if is_stream else json.loads(answer)["content"]
        maker = Provenance("anthropic_messages", "kimi-k2.6", MOONSHOT)
        assert [block.get("signature", "") for block in echoed[:-1]] == [
            seal(maker, signature=one) for one in signatures
        ]
        await answer_of(on, asked(MOONSHOT, echoed))
        again = json.loads(upstream.seen[1].body)["messages"][1]["content"]
        assert again == [*made, TEXT]
    at_claude = asking_again(OPUS, [thought("by-claude"), *echoed])
    assert await sent_to_claude(at_claude) == [[thought("by-claude"), TEXT]]


def asking_again(target: str, *contents: object) -> DispatchRequest:
    asked = asking(target, *contents)
    return replace(asked, features=structs.replace(asked.features, has_foreign_thinking=True))
