"""The real openai SDK against the simulated provider: answers, streams, cache figures, errors."""

import json

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

MODEL = "gpt-5.5"
LONG = "You are an agent for a code base. " * 300
BASH: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "Bash",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Look at the tests."}]


def test_a_completion(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert completion.model == MODEL
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_stream_says_what_the_completion_says(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, tools=[BASH])
    text, arguments, finish, usages = "", "", "", 0
    for chunk in client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        tools=[BASH],
        stream=True,
        stream_options={"include_usage": True},
    ):
        if chunk.usage is not None:
            usages += 1
            assert (chunk.choices, chunk.usage) == ([], whole.usage)
            continue
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        for call in choice.delta.tool_calls or []:
            assert call.index == 0
            assert call.function is not None
            arguments += call.function.arguments or ""
        finish = choice.finish_reason or finish
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert text == whole.choices[0].message.content
    assert arguments == calls[0].function.arguments
    assert json.loads(arguments) == {"command": "ls"}
    assert (finish, usages) == ("tool_calls", 1)


def test_parallel_calls_are_made_and_forbidden(client: openai.OpenAI) -> None:
    def called(*, parallel: bool) -> list[str]:
        message = (
            client.chat.completions.create(
                model=MODEL,
                messages=HELLO,
                tools=[BASH],
                parallel_tool_calls=parallel,
                extra_headers={"x-simulate": "tools=Bash+Read"},
            )
            .choices[0]
            .message
        )
        return [call.id for call in message.tool_calls or []]

    assert len(set(called(parallel=True))) == 2
    assert len(called(parallel=False)) == 1


def test_a_freeform_tool_gets_text(client: openai.OpenAI) -> None:
    asked = simulated_patch(client, stream=False)
    assert asked == simulated_patch(client, stream=True)
    assert asked == "*** Begin Patch\n*** Add File: example.txt\n+example\n*** End Patch\n"


def simulated_patch(client: openai.OpenAI, *, stream: bool) -> str:
    body = {
        "model": MODEL,
        "messages": HELLO,
        "stream": stream,
        "tools": [
            {
                "type": "custom",
                "custom": {
                    "name": "apply_patch",
                    "format": {
                        "type": "grammar",
                        "grammar": {"syntax": "lark", "definition": '"*** Begin Patch"'},
                    },
                },
            }
        ],
    }
    answer = httpx.post(
        f"{client.base_url}chat/completions",
        json=body,
        headers={"authorization": "Bearer k", "x-simulate": "tool=apply_patch"},
    )
    if not stream:
        (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
        assert (call["type"], call["custom"]["name"]) == ("custom", "apply_patch")
        return str(call["custom"]["input"])
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line[6:7] == "{"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    return "".join(call["custom"]["input"] for call in calls)


def test_without_being_asked_a_stream_reports_no_usage(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_an_agent_loop_reads_ever_more_from_the_cache(client: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": LONG}, *HELLO]
    reads: list[int] = []
    for _ in range(10):
        completion = client.chat.completions.create(
            model=MODEL,
            messages=messages,
            tools=[BASH],
            extra_headers={"x-simulate": "steps=4"},
        )
        assert completion.usage is not None
        details = completion.usage.prompt_tokens_details
        assert details is not None
        reads.append(details.cached_tokens or 0)
        message = completion.choices[0].message
        if not message.tool_calls:
            break
        messages.append(
            {
                "role": "assistant",
                "content": message.content,
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "Bash", "arguments": "{}"},
                    }
                    for call in message.tool_calls
                ],
            }
        )
        messages.extend(
            {"role": "tool", "tool_call_id": call.id, "content": "a.py\n" * 300}
            for call in message.tool_calls
        )
    assert len(reads) == 5
    assert reads[0] == 0
    assert all(read >= 1_024 and read % 128 == 0 for read in reads[1:])
    assert reads[1:] == sorted(set(reads[1:]))


@pytest.mark.parametrize(("model", "reported"), [("gpt-5.5", False), ("gpt-5.6", True)])
def test_writes_are_reported_by_models_that_bill_them(
    client: openai.OpenAI, model: str, reported: bool
) -> None:
    usage = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": LONG}]
    ).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert bool(usage.prompt_tokens_details.cache_write_tokens) == reported


def test_other_providers_show_their_reasoning_and_their_own_figures(
    client: openai.OpenAI,
) -> None:
    completion = client.chat.completions.create(
        model="deepseek-v4-pro",
        messages=HELLO,
        max_tokens=900,
        extra_body={"thinking": {"type": "enabled"}},
    )
    assert completion.choices[0].message.model_extra
    assert completion.choices[0].message.model_extra["reasoning_content"]
    assert completion.usage is not None
    extra = completion.usage.model_extra
    assert extra is not None
    assert extra["prompt_cache_miss_tokens"] == completion.usage.prompt_tokens


@pytest.mark.parametrize("off", [{"thinking": {"type": "disabled"}}, {"enable_thinking": False}])
def test_what_switches_reasoning_off_elsewhere_does(
    client: openai.OpenAI, off: dict[str, object]
) -> None:
    completion = client.chat.completions.create(
        model="deepseek-v4-pro",
        messages=HELLO,
        max_tokens=900,
        extra_body={"reasoning_effort": "high"} | off,
    )
    shown = completion.choices[0].message.model_extra or {}
    assert "reasoning_content" not in shown


def test_a_schema_for_the_answer_is_followed(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "title",
                "schema": {
                    "type": "object",
                    "properties": {"title": {"type": "string"}},
                    "required": ["title"],
                },
            },
        },
    )
    assert json.loads(completion.choices[0].message.content or "") == {"title": "example"}


def test_an_image_has_a_price(client: openai.OpenAI) -> None:
    url = "data:image/png;base64," + "A" * 100
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]},
        ],
    )
    assert completion.usage is not None
    assert 1_600 < completion.usage.prompt_tokens < 1_700


def test_a_model_that_is_told_not_to_reason_takes_a_temperature(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0.5, reasoning_effort="none"
    )
    assert completion.choices[0].message.content


def test_models_are_listed(client: openai.OpenAI) -> None:
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert listed[MODEL] == "openai"
    assert listed["deepseek-v4-pro"] == "deepseek"
    assert "claude-opus-5-5" not in listed


CALL: ChatCompletionMessageParam = {
    "role": "assistant",
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "Bash", "arguments": "{}"}}
    ],
}


@pytest.mark.parametrize(
    ("change", "status", "code", "what"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found", "The model `gpt-9` does not exist"),
        ({"model": "claude-opus-5-5"}, 404, "model_not_found", "does not exist"),
        ({"model": "gpt-5.3-codex"}, 404, None, "not a chat model"),
        ({"max_tokens": 5}, 400, "unsupported_parameter", "max_completion_tokens"),
        ({"temperature": 0.5}, 400, "unsupported_value", "temperature"),
        ({"cache_control": {}}, 400, None, "Unrecognized request argument"),
        ({"messages": []}, 400, "missing_required_parameter", "messages"),
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            400,
            "invalid_value",
            "Invalid value: 'bot'",
        ),
        ({"messages": [{"role": "user", "content": None}]}, 400, None, "expected a string"),
        (
            {"messages": [*HELLO, CALL, {"role": "user", "content": "and?"}]},
            400,
            None,
            "did not have response messages: call_1",
        ),
        (
            {"messages": [{"role": "tool", "tool_call_id": "call_9", "content": "x"}]},
            400,
            None,
            "must be a response to",
        ),
        (
            {"messages": [{"role": "user", "content": "x" * 4_200_000}]},
            400,
            "context_length_exceeded",
            "maximum context length is 1050000 tokens",
        ),
    ],
)
def test_a_bad_request_gets_openais_error(
    client: openai.OpenAI, change: dict[str, object], status: int, code: str | None, what: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.post(
            "/chat/completions",
            body={"model": MODEL, "messages": HELLO} | change,
            cast_to=object,
        )
    assert caught.value.status_code == status
    assert caught.value.code == code
    assert what in caught.value.message
