"""The real anthropic SDK against the simulated provider: answers, streams, cache figures, errors."""

from collections.abc import Iterator

import anthropic
import httpx
import pytest
from anthropic.types import CacheControlEphemeralParam, MessageParam, TextBlockParam, ToolParam

MODEL = "claude-opus-5-5"
SYSTEM = "You are an agent for a code base. " * 200
MARK: CacheControlEphemeralParam = {"type": "ephemeral"}
"""As a field of the request it stands for a breakpoint on the last block."""
BASH: ToolParam = {
    "name": "Bash",
    "input_schema": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    },
}
HELLO: list[MessageParam] = [{"role": "user", "content": "Look at the tests."}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def client(base: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=base, api_key="sk-one", max_retries=0) as client:
        yield client


def system(ttl: str | None = "5m") -> list[TextBlockParam]:
    block: TextBlockParam = {"type": "text", "text": SYSTEM}
    match ttl:
        case "5m":
            block["cache_control"] = {"type": "ephemeral"}
        case "1h":
            block["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        case _:
            pass
    return [block]


def test_a_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=500, messages=HELLO)
    assert message.model == MODEL
    assert message.stop_reason == "end_turn"
    assert message.content[0].type == "text"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_a_stream_says_what_the_message_says(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(model=MODEL, max_tokens=500, messages=HELLO, tools=[BASH])
    with client.messages.stream(
        model=MODEL, max_tokens=500, messages=HELLO, tools=[BASH]
    ) as stream:
        streamed = stream.get_final_message()
    assert streamed.model_dump(include={"id", "stop_reason"}) == whole.model_dump(
        include={"id", "stop_reason"}
    )
    assert [block.to_dict() for block in streamed.content] == [
        block.to_dict() for block in whole.content
    ]
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_the_events_of_a_stream_come_in_order(client: anthropic.Anthropic) -> None:
    seen: list[str] = []
    opened: set[int] = set()
    for event in client.messages.create(
        model=MODEL, max_tokens=500, messages=HELLO, tools=[BASH], stream=True
    ):
        seen.append(event.type)
        match event.type:
            case "message_start":
                assert event.message.usage.input_tokens > 0
            case "content_block_start":
                assert event.index == len(opened)
                opened.add(event.index)
            case "content_block_delta" | "content_block_stop":
                assert event.index in opened
            case "message_delta":
                assert event.delta.stop_reason == "tool_use"
            case _:
                pass
    assert seen[0] == "message_start"
    assert seen[-2:] == ["message_delta", "message_stop"]
    assert seen.count("content_block_start") == seen.count("content_block_stop") == 2


def test_an_agent_loop_ends_and_its_cache_figures_grow(client: anthropic.Anthropic) -> None:
    messages: list[MessageParam] = list(HELLO)
    reads: list[int] = []
    for _ in range(10):
        message = client.messages.create(
            model=MODEL,
            max_tokens=500,
            system=system(),
            tools=[BASH],
            messages=messages,
            cache_control=MARK,
            extra_headers={"x-simulate": "steps=4"},
        )
        usage = message.usage
        reads.append(usage.cache_read_input_tokens or 0)
        if message.stop_reason == "end_turn":
            break
        call = message.content[-1]
        assert call.type == "tool_use"
        assert call.input == {"command": "ls"}
        messages.append({"role": "assistant", "content": message.content})
        messages.append(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call.id, "content": "a.py\n" * 200}
                ],
            }
        )
    assert len(reads) == 5
    assert reads[0] == 0
    assert reads[1] > 1_024
    assert reads[1:] == sorted(set(reads[1:]))


@pytest.mark.parametrize(("ttl", "short", "long"), [("5m", True, False), ("1h", False, True)])
def test_writes_are_reported_by_lifetime(
    client: anthropic.Anthropic, ttl: str, short: bool, long: bool
) -> None:
    def usage() -> anthropic.types.Usage:
        return client.messages.create(
            model=MODEL, max_tokens=500, messages=HELLO, system=system(ttl)
        ).usage

    first, second = usage(), usage()
    assert first.cache_creation is not None
    assert bool(first.cache_creation.ephemeral_5m_input_tokens) == short
    assert bool(first.cache_creation.ephemeral_1h_input_tokens) == long
    written = first.cache_creation_input_tokens
    assert second.cache_read_input_tokens == written
    assert second.cache_creation_input_tokens == 0
    assert second.input_tokens == first.input_tokens


def test_a_text_and_its_block_are_one_prefix(client: anthropic.Anthropic) -> None:
    as_text: list[MessageParam] = [{"role": "user", "content": SYSTEM}]
    as_block: list[MessageParam] = [
        {"role": "user", "content": [{"type": "text", "text": SYSTEM}]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Go on."},
    ]
    client.messages.create(model=MODEL, max_tokens=9, messages=as_text, cache_control=MARK)
    usage = client.messages.create(
        model=MODEL, max_tokens=9, messages=as_block, cache_control=MARK
    ).usage
    assert usage.cache_read_input_tokens


def test_another_key_or_tool_choice_reads_no_messages(
    client: anthropic.Anthropic, base: str
) -> None:
    prompt: list[MessageParam] = [{"role": "user", "content": SYSTEM}]
    client.messages.create(model=MODEL, max_tokens=9, messages=prompt, cache_control=MARK)
    with anthropic.Anthropic(base_url=base, api_key="sk-two") as other:
        usage = other.messages.create(
            model=MODEL, max_tokens=9, messages=prompt, cache_control=MARK
        ).usage
    assert usage.cache_read_input_tokens == 0
    usage = client.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=prompt,
        cache_control=MARK,
        tool_choice={"type": "none"},
    ).usage
    assert usage.cache_read_input_tokens == 0


def test_a_prefill_fills_the_cache_and_answers_nothing(client: anthropic.Anthropic) -> None:
    prompt: list[MessageParam] = [{"role": "user", "content": SYSTEM}]
    filled = client.messages.create(model=MODEL, max_tokens=0, messages=prompt, cache_control=MARK)
    assert (filled.content, filled.usage.output_tokens) == ([], 0)
    read = client.messages.create(model=MODEL, max_tokens=9, messages=prompt, cache_control=MARK)
    assert read.usage.cache_read_input_tokens == filled.usage.cache_creation_input_tokens


@pytest.mark.parametrize(
    "refused",
    [
        {"stream": True},
        {"model": "claude-sonnet-4-5", "thinking": {"type": "enabled", "budget_tokens": 1_024}},
        {"model": "claude-sonnet-4-5", "tool_choice": {"type": "any"}, "tools": [BASH]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ],
    ids=str,
)
def test_a_prefill_that_asks_for_more_is_refused(
    client: anthropic.Anthropic, refused: dict[str, object]
) -> None:
    asked = {"model": MODEL, "max_tokens": 0, "messages": HELLO, **refused}
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: 0"):
        client.post("/v1/messages", body=asked, cast_to=object)


def test_counted_tokens_are_the_billed_ones(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO, system=SYSTEM)
    usage = client.messages.create(model=MODEL, max_tokens=9, messages=HELLO, system=SYSTEM).usage
    assert counted.input_tokens == usage.input_tokens


def test_thinking_is_signed_and_can_be_hidden(client: anthropic.Anthropic) -> None:
    shown = client.messages.create(
        model=MODEL,
        max_tokens=9_000,
        messages=HELLO,
        thinking={"type": "adaptive", "display": "summarized"},
    )
    with client.messages.stream(
        model=MODEL,
        max_tokens=9_000,
        messages=HELLO,
        # Not shown unless asked for, by a model of this age.
        thinking={"type": "adaptive"},
    ) as stream:
        hidden = stream.get_final_message()
    first = shown.content[0]
    assert first.type == "thinking"
    assert first.thinking
    assert first.signature
    last = hidden.content[0]
    assert last.type == "thinking"
    assert (last.thinking, bool(last.signature)) == ("", True)
    details = shown.usage.output_tokens_details
    assert details is not None
    assert 0 < details.thinking_tokens < shown.usage.output_tokens


def thought(
    client: anthropic.Anthropic, display: str = "summarized", *, model: str = MODEL
) -> list[dict[str, object]]:
    message = client.messages.create(
        model=model,
        max_tokens=9_000,
        messages=HELLO,
        extra_body={"thinking": {"type": "adaptive", "display": display}},
    )
    return [block.to_dict() for block in message.content]


def resend(client: anthropic.Anthropic, content: object, *, model: str = MODEL) -> None:
    client.post(
        "/v1/messages",
        body={
            "model": model,
            "max_tokens": 500,
            "messages": [*HELLO, {"role": "assistant", "content": content}, *HELLO],
        },
        cast_to=anthropic.types.Message,
    )


@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_thinking_comes_back_to_any_model_of_the_maker(
    client: anthropic.Anthropic, display: str
) -> None:
    blocks = thought(client, display)
    resend(client, blocks)
    resend(client, blocks, model="claude-haiku-5-5")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"signature": ""}, "Invalid `signature` in `thinking` block"),
        ({"signature": "bm90IG91cnM="}, "Invalid `signature` in `thinking` block"),
        ({"signature": "no base64"}, "Invalid `signature` in `thinking` block"),
        ({"thinking": "edited"}, "Invalid `signature` in `thinking` block"),
        ({"signature": None}, "messages.1.content.0.thinking.signature: Field required"),
        ({"type": "redacted_thinking", "data": "x"}, "Invalid `data` in `redacted_thinking` block"),
    ],
)
def test_thinking_that_was_not_signed_so_is_refused(
    client: anthropic.Anthropic, change: dict[str, object], what: str
) -> None:
    first, *rest = thought(client)
    with pytest.raises(anthropic.BadRequestError) as caught:
        resend(client, [first | change, *rest])
    assert what in caught.value.message


@pytest.mark.parametrize("signature", ["", "bm90IG91cnM=", None])
def test_only_an_imitation_takes_any_signature(
    client: anthropic.Anthropic, signature: str | None
) -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": signature}
    said = {"type": "text", "text": "hi"}
    resend(client, [block, said], model="kimi-k2.6")
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        resend(client, [block, said])


def test_claude_refuses_what_an_imitation_has_signed(client: anthropic.Anthropic) -> None:
    blocks = thought(client, model="kimi-k2.6")
    assert blocks[0]["signature"]
    resend(client, blocks, model="kimi-k2.6")
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        resend(client, blocks)


def test_parallel_calls_are_made_and_forbidden(client: anthropic.Anthropic) -> None:
    def called(*, forbidden: bool) -> list[str]:
        message = client.messages.create(
            model=MODEL,
            max_tokens=500,
            messages=HELLO,
            tools=[BASH],
            tool_choice={"type": "auto", "disable_parallel_tool_use": forbidden},
            extra_headers={"x-simulate": "tools=Bash+Read"},
        )
        return [block.id for block in message.content if block.type == "tool_use"]

    assert len(set(called(forbidden=False))) == 2
    assert len(called(forbidden=True)) == 1


def test_an_image_has_a_price(client: anthropic.Anthropic) -> None:
    def tokens(messages: list[MessageParam]) -> int:
        return client.messages.create(
            model=MODEL, max_tokens=9, messages=messages
        ).usage.input_tokens

    image: list[MessageParam] = [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                }
            ],
        }
    ]
    assert tokens(image) > tokens(HELLO) + 1_500


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert listed[MODEL].max_input_tokens == 1_000_000
    assert all(name.startswith("claude-") for name in listed)


TOOL_CALL: MessageParam = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}],
}


@pytest.mark.parametrize(
    ("change", "status", "kind", "what"),
    [
        ({"model": "claude-opus-9"}, 404, "not_found_error", "model: claude-opus-9"),
        ({"model": "claude-opus-5-5[1m]"}, 404, "not_found_error", "model: "),
        ({"model": "gpt-5.5"}, 404, "not_found_error", "model: gpt-5.5"),
        ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens: Field required"),
        ({"max_tokens": 200_000}, 400, "invalid_request_error", "200000 > 128000"),
        ({"max_tokens": "many"}, 400, "invalid_request_error", "max_tokens: "),
        ({"messages": []}, 400, "invalid_request_error", "at least one message"),
        ({"verbosity": "low"}, 400, "invalid_request_error", "verbosity: Extra inputs"),
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            400,
            "invalid_request_error",
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            {"messages": [{"role": "user"}]},
            400,
            "invalid_request_error",
            "messages.0.content: Field required",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            400,
            "invalid_request_error",
            "text content blocks must be non-empty",
        ),
        (
            {"messages": [{"role": "user", "content": "x" * 3_700_000}]},
            400,
            "invalid_request_error",
            "prompt is too long: 149",
        ),
        (
            {"messages": [*HELLO, TOOL_CALL, {"role": "user", "content": "and?"}]},
            400,
            "invalid_request_error",
            "without `tool_result` blocks immediately after: toolu_1",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "toolu_9"}],
                    }
                ]
            },
            400,
            "invalid_request_error",
            "unexpected `tool_use_id`",
        ),
        (
            {"tools": [{"name": "a b", "input_schema": {"type": "object"}}]},
            400,
            "invalid_request_error",
            "tools.0.custom.name",
        ),
        (
            {
                "model": "claude-sonnet-4-5",
                "thinking": {"type": "enabled", "budget_tokens": 2_000},
            },
            400,
            "invalid_request_error",
            "must be greater than `thinking.budget_tokens`",
        ),
        (
            {
                "system": [
                    {"type": "text", "text": str(n), "cache_control": {"type": "ephemeral"}}
                    for n in range(5)
                ]
            },
            400,
            "invalid_request_error",
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            {
                "system": [
                    {
                        "type": "text",
                        "text": ttl,
                        "cache_control": {"type": "ephemeral", "ttl": ttl},
                    }
                    for ttl in ("5m", "1h")
                ]
            },
            400,
            "invalid_request_error",
            "must not come after a ttl='5m'",
        ),
    ],
)
def test_a_bad_request_gets_anthropics_error(
    base: str, change: dict[str, object], status: int, kind: str, what: str
) -> None:
    body = {"model": MODEL, "max_tokens": 500, "messages": HELLO} | change
    answer = httpx.post(
        f"{base}/v1/messages",
        json={name: value for name, value in body.items() if value is not None},
        headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
    )
    error = answer.json()
    assert answer.status_code == status
    assert error["type"] == "error"
    assert error["error"]["type"] == kind
    assert what in error["error"]["message"]
    assert error["request_id"]


@pytest.mark.parametrize(
    ("headers", "status"), [({"anthropic-version": "1"}, 401), ({"x-api-key": "k"}, 400)]
)
def test_the_headers_anthropic_wants_are_wanted(
    base: str, headers: dict[str, str], status: int
) -> None:
    body = {"model": MODEL, "max_tokens": 500, "messages": HELLO}
    assert httpx.post(f"{base}/v1/messages", json=body, headers=headers).status_code == status


def test_claude_codes_own_fields_and_system_messages_are_taken(base: str) -> None:
    body = {
        "model": MODEL,
        "max_tokens": 500,
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "environment", "output_config": {"effort": "high"}},
        ],
        "safeguards": [{"type": "dangerous_tool_use"}],
        "context_management": {"edits": []},
        "tools": [
            {"name": "ToolSearch", "input_schema": {"type": "object"}},
            {
                "name": "DeferredToolPlaceholder",
                "defer_loading": True,
                "input_schema": {"type": "object"},
            },
        ],
    }
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    answer = httpx.post(f"{base}/v1/messages?beta=true", json=body, headers=headers)
    assert answer.status_code == 200
