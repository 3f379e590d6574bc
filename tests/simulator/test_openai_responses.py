"""The real openai SDK against the simulated Responses API: answers, events, tools, reasoning."""

import base64
import json

import httpx
import openai
import pydantic
import pytest
from openai.types.responses import (
    CustomToolParam,
    FunctionToolParam,
    Response,
    ResponseInputParam,
    ResponseStreamEvent,
)
from openai.types.responses.response_includable import ResponseIncludable

from tests.simulator.provider import log_at_rest

MODEL = "gpt-5.5"
LONG = "You are an agent for a code base. " * 300
BASH: FunctionToolParam = {
    "type": "function",
    "name": "Bash",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    },
}
READ: FunctionToolParam = {
    "type": "function",
    "name": "Read",
    "strict": False,
    "parameters": {"type": "object", "properties": {"file_path": {"type": "string"}}},
}
PATCH: CustomToolParam = {
    "type": "custom",
    "name": "apply_patch",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch"'},
}
SEALED: list[ResponseIncludable] = ["reasoning.encrypted_content"]


def simulate(directives: str) -> dict[str, str]:
    return {"x-simulate": directives}


def arguments(*values: object) -> str:
    encoded = [base64.urlsafe_b64encode(json.dumps(value).encode()) for value in values]
    return "+".join(text.decode().rstrip("=") for text in encoded)


def test_a_response(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Look at the tests.", instructions="Hm.")
    assert (response.model, response.status, response.instructions) == (MODEL, "completed", "Hm.")
    assert response.output_text
    usage = response.usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert 0 < usage.output_tokens_details.reasoning_tokens < usage.output_tokens


def test_a_text_is_the_message_it_stands_for(client: openai.OpenAI) -> None:
    as_text = client.responses.create(model=MODEL, input="hello")
    as_items = client.responses.create(
        model=MODEL,
        input=[{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
    )
    assert as_text.id == as_items.id
    assert as_text.usage == as_items.usage


def test_a_stream_says_what_the_response_says(client: openai.OpenAI) -> None:
    told = simulate(f"tools=Bash+apply_patch,args={arguments({'command': 'pwd'}, 'x' * 50)}")
    whole = client.responses.create(
        model=MODEL,
        input="Look at the tests.",
        tools=[BASH, PATCH],
        reasoning={"summary": "auto"},
        include=SEALED,
        extra_headers=told,
    )
    *_, last = client.responses.create(
        model=MODEL,
        input="Look at the tests.",
        tools=[BASH, PATCH],
        reasoning={"summary": "auto"},
        include=SEALED,
        stream=True,
        extra_headers=told,
    )
    assert [item.type for item in whole.output] == [
        *("reasoning", "message", "function_call", "custom_tool_call"),
    ]
    assert last.type == "response.completed"
    times = {"created_at", "completed_at"}
    assert last.response.model_dump(exclude=times) == whole.model_dump(exclude=times)


def test_the_sdk_puts_a_response_together_from_its_events(client: openai.OpenAI) -> None:
    whole = client.responses.create(model=MODEL, input="Look at the tests.", tools=[BASH])
    with client.responses.stream(model=MODEL, input="Look at the tests.", tools=[BASH]) as stream:
        streamed = stream.get_final_response()
    assert streamed.output_text == whole.output_text != ""
    call = streamed.output[-1]
    assert call.type == "function_call"
    assert call.arguments == '{"command":"ls"}'


def events(client: openai.OpenAI, directives: str = "") -> list[ResponseStreamEvent]:
    return list(
        client.responses.create(
            model=MODEL,
            input="Look at the tests.",
            tools=[BASH, PATCH, {"type": "web_search"}],
            reasoning={"summary": "auto"},
            stream=True,
            extra_headers=simulate(directives),
        )
    )


def test_the_events_are_numbered_and_every_item_is_opened_filled_and_closed(
    client: openai.OpenAI,
) -> None:
    seen = events(client, "tools=web_search+Bash+apply_patch")
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert [event.type for event in seen[:2]] == ["response.created", "response.in_progress"]
    assert seen[-1].type == "response.completed"
    open_item, texts = "", dict[str, str]()
    closed: list[object] = []
    for event in seen:
        match event.type:
            case "response.output_item.added":
                assert not open_item
                assert event.output_index == len(closed)
                assert event.item.id is not None
                open_item = event.item.id
            case "response.output_item.done":
                assert event.item.id == open_item
                closed.append(event.item)
                open_item = ""
            case (
                "response.output_text.delta"
                | "response.function_call_arguments.delta"
                | "response.custom_tool_call_input.delta"
            ):
                assert event.item_id == open_item
                texts[open_item] = texts.get(open_item, "") + event.delta
            case "response.output_text.done":
                assert event.text == texts[open_item]
            case "response.function_call_arguments.done":
                assert event.arguments == texts[open_item]
            case "response.custom_tool_call_input.done":
                assert event.input == texts[open_item]
            case _:
                pass
    assert [item.type for item in seen[-1].response.output] == [
        *("reasoning", "web_search_call", "message", "function_call", "custom_tool_call"),
    ]
    assert closed == seen[-1].response.output
    assert len(texts) == 3


def test_a_summary_has_parts_and_their_texts(client: openai.OpenAI) -> None:
    seen = events(client, "text,thinking")
    added = [e.summary_index for e in seen if e.type == "response.reasoning_summary_part.added"]
    deltas: dict[int, str] = {}
    for event in seen:
        if event.type == "response.reasoning_summary_text.delta":
            deltas[event.summary_index] = deltas.get(event.summary_index, "") + event.delta
    assert seen[-1].type == "response.completed"
    item = seen[-1].response.output[0]
    assert item.type == "reasoning"
    assert added == [0, 1]
    assert list(deltas.values()) == [part.text for part in item.summary]


def test_without_a_summary_asked_for_none_is_told(client: openai.OpenAI) -> None:
    item = client.responses.create(model=MODEL, input="hello").output[0]
    assert item.type == "reasoning"
    assert (item.summary, item.encrypted_content) == ([], None)


def test_reasoning_goes_round_and_is_refused_when_another_model_made_it(
    client: openai.OpenAI,
) -> None:
    first = client.responses.create(
        model=MODEL, input="Look.", tools=[BASH], include=SEALED, store=False
    )
    history: ResponseInputParam = [{"role": "user", "content": "Look."}]
    for item in first.output:
        if item.type == "reasoning":
            assert item.encrypted_content
            history.append(
                {
                    "type": "reasoning",
                    "id": item.id,
                    "summary": [],
                    "encrypted_content": item.encrypted_content,
                }
            )
        if item.type == "function_call":
            history.append(
                {
                    "type": "function_call",
                    "call_id": item.call_id,
                    "name": item.name,
                    "arguments": item.arguments,
                }
            )
            history.append(
                {"type": "function_call_output", "call_id": item.call_id, "output": "a.py"}
            )
    again = client.responses.create(model=MODEL, input=history, tools=[BASH], store=False)
    assert again.status == "completed"
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-5.6", input=history, tools=[BASH], store=False)
    assert caught.value.code == "invalid_encrypted_content"
    assert "could not be verified" in caught.value.message


def test_a_stored_response_is_gone_on_from_by_its_id(client: openai.OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input="Look.", instructions="Short.", tools=[BASH], include=SEALED
    )
    call = first.output[-1]
    assert call.type == "function_call"
    output: ResponseInputParam = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "a.py"}
    ]
    second = client.responses.create(
        model=MODEL, input=output, previous_response_id=first.id, extra_headers=simulate("text")
    )
    assert second.previous_response_id == first.id
    assert (second.instructions, first.instructions) == (None, "Short.")
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    third = client.responses.create(
        model=MODEL, input="Go on.", previous_response_id=second.id, store=False
    )
    with pytest.raises(openai.BadRequestError, match="not found"):
        client.responses.create(model=MODEL, input="And?", previous_response_id=third.id)
    with pytest.raises(openai.BadRequestError, match="No tool output found for function call"):
        client.responses.create(model=MODEL, input="And?", previous_response_id=first.id)


def test_parallel_calls_are_made_and_forbidden(client: openai.OpenAI) -> None:
    def called(*, parallel: bool) -> list[tuple[str, str]]:
        response = client.responses.create(
            model=MODEL,
            input="Look.",
            tools=[BASH, READ],
            parallel_tool_calls=parallel,
            extra_headers=simulate("tools=Read+Bash"),
        )
        return [
            (item.name, item.arguments) for item in response.output if item.type == "function_call"
        ]

    assert called(parallel=True) == [("Read", "{}"), ("Bash", '{"command":"ls"}')]
    assert called(parallel=False) == [("Read", "{}")]


def test_a_freeform_tool_gets_the_text_it_is_told(client: openai.OpenAI) -> None:
    def sent(directives: str) -> str:
        response = client.responses.create(
            model=MODEL, input="Patch it.", tools=[PATCH], extra_headers=simulate(directives)
        )
        item = response.output[-1]
        assert item.type == "custom_tool_call"
        assert item.name == "apply_patch"
        return item.input

    assert sent("tool=apply_patch") == (
        "*** Begin Patch\n*** Add File: example.txt\n+example\n*** End Patch\n"
    )
    assert sent(f"tool=apply_patch,args={arguments('any text')}") == "any text"


def test_namespaced_and_searched_tools_are_called_by_name(client: openai.OpenAI) -> None:
    found: dict[str, object] = {
        "type": "namespace",
        "name": "agents",
        "description": "Agents.",
        "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}}],
    }
    search = {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}

    def ask(directives: str, *items: object) -> dict[str, object]:
        answer: object = client.post(
            "/responses",
            body={
                "model": MODEL,
                "input": [{"role": "user", "content": "Go."}, *items],
                "tools": [search],
            },
            cast_to=object,
            options={"headers": simulate(directives)},
        )
        assert isinstance(answer, dict)
        last: dict[str, object] = answer["output"][-1]
        return last

    asked = ask("tool=tool_search")
    assert (asked["type"], asked["execution"], asked["arguments"]) == (
        *("tool_search_call", "client"),
        {},
    )
    given = {"type": "tool_search_output", "call_id": asked["call_id"], "tools": [found]}
    called = ask("tool=spawn,steps=2", asked, given | {"execution": "client"})
    assert (called["type"], called["namespace"], called["name"]) == (
        *("function_call", "agents"),
        "spawn",
    )


def test_web_search_is_taken_and_not_called_unasked(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Hm.", tools=[{"type": "web_search"}])
    assert "web_search_call" not in [item.type for item in response.output]
    told = client.responses.create(
        model=MODEL,
        input="Hm.",
        tools=[{"type": "web_search"}],
        extra_headers=simulate("tool=web_search"),
    )
    assert [item.type for item in told.output] == ["reasoning", "web_search_call", "message"]


class Title(pydantic.BaseModel):
    title: str


def test_a_schema_for_the_answer_is_followed(client: openai.OpenAI) -> None:
    response = client.responses.parse(model=MODEL, input="Name it.", text_format=Title)
    assert response.output_parsed == Title(title="example")


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("required", "Read"),
        ({"type": "function", "name": "Read"}, "Read"),
        ({"type": "custom", "name": "apply_patch"}, "apply_patch"),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "Read"}],
            },
            "Read",
        ),
        ("none", None),
    ],
)
def test_tool_choice_is_obeyed(client: openai.OpenAI, choice: object, name: str | None) -> None:
    response = client.post(
        "/responses",
        body={
            "model": MODEL,
            "input": "Go.",
            "tools": [BASH, READ, PATCH],
            "tool_choice": choice,
        },
        cast_to=Response,
    )
    names = [
        item.name for item in response.output if item.type in {"function_call", "custom_tool_call"}
    ]
    assert names == ([] if name is None else [name])


def test_an_answer_that_is_cut_short_is_incomplete(client: openai.OpenAI) -> None:
    *_, last = client.responses.create(
        model=MODEL,
        input="Hm.",
        reasoning={"effort": "none"},
        max_output_tokens=16,
        stream=True,
        extra_headers=simulate("tokens=200"),
    )
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    message = last.response.output[0]
    assert message.type == "message"
    assert message.status == "incomplete"


def test_refusals_and_blocked_prompts(client: openai.OpenAI) -> None:
    refused = client.responses.create(
        model=MODEL, input="Hm.", extra_headers=simulate("refusal")
    ).output[0]
    assert refused.type == "message"
    assert refused.content[0].type == "refusal"
    kinds = [event.type for event in events(client, "refusal")]
    assert kinds.index("response.refusal.delta") < kinds.index("response.refusal.done")
    blocked = client.responses.create(model=MODEL, input="Hm.", extra_headers=simulate("blocked"))
    assert blocked.incomplete_details is not None
    assert (blocked.output, blocked.incomplete_details.reason) == ([], "content_filter")


def test_a_failure_inside_a_stream_ends_it(client: openai.OpenAI) -> None:
    seen = events(client, "error-in-stream")
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert seen[-2].type == "error"
    assert seen[-1].type == "response.failed"
    assert seen[-1].response.error is not None
    assert seen[-1].response.error.code == "server_error"


def test_an_agent_loop_reads_ever_more_from_the_cache(client: openai.OpenAI) -> None:
    history: ResponseInputParam = [{"role": "user", "content": "Look at the tests."}]
    reads: list[int] = []
    for _ in range(10):
        response = client.responses.create(
            model=MODEL,
            instructions=LONG,
            input=history,
            tools=[BASH],
            extra_headers=simulate("steps=4"),
        )
        assert response.usage is not None
        reads.append(response.usage.input_tokens_details.cached_tokens)
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            break
        for call in calls:
            history.append(
                {
                    "type": "function_call",
                    "call_id": call.call_id,
                    "name": call.name,
                    "arguments": call.arguments,
                }
            )
            history.append(
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": "a.py\n" * 300,
                }
            )
    assert len(reads) == 5
    assert reads[0] == 0
    assert all(read >= 1_024 and read % 128 == 0 for read in reads[1:])
    assert reads[1:] == sorted(set(reads[1:]))


@pytest.mark.parametrize(("model", "reported"), [("gpt-5.5", False), ("gpt-5.6", True)])
def test_writes_are_reported_by_models_that_bill_them(
    client: openai.OpenAI, model: str, reported: bool
) -> None:
    usage = client.responses.create(model=model, input=LONG).usage
    assert usage is not None
    assert bool(usage.input_tokens_details.cache_write_tokens) == reported


def test_counted_tokens_are_the_billed_ones(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model=MODEL, input="hello", tools=[BASH])
    usage = client.responses.create(model=MODEL, input="hello", tools=[BASH]).usage
    assert usage is not None
    assert counted.input_tokens == usage.input_tokens


def test_an_image_has_a_price(client: openai.OpenAI) -> None:
    usage = client.responses.create(
        model=MODEL,
        input=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_image",
                        "detail": "auto",
                        "image_url": "data:image/png;base64," + "A" * 100,
                    }
                ],
            }
        ],
    ).usage
    assert usage is not None
    assert 1_600 < usage.input_tokens < 1_700


def test_a_compaction_is_one_item_that_the_same_model_takes_back(client: openai.OpenAI) -> None:
    history: ResponseInputParam = [{"role": "user", "content": "Look."}]
    compacted = client.responses.create(
        model=MODEL, input=[*history, {"type": "compaction_trigger"}], tools=[BASH]
    )
    (item,) = compacted.output
    assert item.type == "compaction"
    kinds = [
        event.type
        for event in client.responses.create(
            model=MODEL, input=[*history, {"type": "compaction_trigger"}], stream=True
        )
    ]
    assert kinds[2:] == [
        *("response.output_item.added", "response.output_item.done"),
        "response.completed",
    ]
    after: ResponseInputParam = [
        {"type": "compaction", "encrypted_content": item.encrypted_content},
        {"role": "user", "content": "Go on."},
    ]
    assert client.responses.create(model=MODEL, input=after).output_text
    with pytest.raises(openai.BadRequestError, match="could not be verified"):
        client.responses.create(model="gpt-5.6", input=after)


def test_a_client_that_hangs_up_is_counted(client: openai.OpenAI, base: str) -> None:
    with client.responses.create(
        model=MODEL, input="hello", stream=True, extra_headers=simulate("pause=60")
    ) as stream:
        assert next(iter(stream)).type == "response.created"
    seen = log_at_rest(base)
    assert (seen["aborted"], seen["in_flight"]) == (1, 0)


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.3-codex"])
def test_every_model_of_this_kind_is_served(client: openai.OpenAI, model: str) -> None:
    assert client.responses.create(model=model, input="hello").output_text


def test_codexs_own_fields_and_items_are_taken(base: str) -> None:
    body = {
        "model": MODEL,
        "input": [
            {
                "type": "message",
                "role": role,
                "id": f"msg_{role}",
                "content": [{"type": "input_text", "text": "words"}],
            }
            for role in ("developer", "developer", "user", "user")
        ],
        "tools": [
            BASH,
            PATCH,
            {"type": "tool_search", "execution": "client"},
            {"type": "web_search"},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "one",
        "text": {"verbosity": "medium"},
        "client_metadata": {"turn_id": "1"},
    }
    answer = httpx.post(f"{base}/v1/responses", json=body, headers={"authorization": "Bearer k"})
    assert answer.status_code == 200
    assert "event: response.completed" in answer.text
