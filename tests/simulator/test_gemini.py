"""The real google-genai SDK against the simulated Gemini API: answers, streams, calls, thoughts."""

import base64
import json
from collections.abc import Iterator

import httpx
import httpx2
import openai
import pydantic
import pytest
from google import genai
from google.genai import errors, types

from tests.simulator.provider import log_at_rest

MODEL = "gemini-3.5-flash"
OLD = "gemini-2.5-flash"
LONG = "You are an agent for a code base. " * 400
PATIENCE_MILLISECONDS = 300
TOOLS: list[types.Tool] = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="read_file",
                parameters_json_schema={
                    "type": "object",
                    "properties": {"path": {"type": "string"}},
                    "required": ["path"],
                    "additionalProperties": False,
                },
            ),
            types.FunctionDeclaration(
                name="write_file",
                parameters=types.Schema(
                    type=types.Type.OBJECT,
                    properties={"file_path": types.Schema(type=types.Type.STRING)},
                    required=["file_path"],
                ),
            ),
        ]
    )
]


@pytest.fixture
def client(base: str) -> Iterator[genai.Client]:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base)) as client:
        yield client


def config(directives: str = "", **fields: object) -> types.GenerateContentConfig:
    options = types.HttpOptions(headers={"x-simulate": directives})
    return types.GenerateContentConfig.model_validate({"http_options": options, **fields})


def parts_of(response: types.GenerateContentResponse) -> list[types.Part]:
    assert response.candidates
    content = response.candidates[0].content
    assert content is not None
    assert content.role == "model"
    return content.parts or []


def usage_of(
    response: types.GenerateContentResponse,
) -> types.GenerateContentResponseUsageMetadata:
    assert response.usage_metadata is not None
    return response.usage_metadata


def told(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_answer(client: genai.Client) -> None:
    response = client.models.generate_content(model=MODEL, contents="Look at the tests.")
    assert response.model_version == MODEL
    assert response.text
    assert response.candidates
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    usage = usage_of(response)
    assert usage.thoughts_token_count
    assert usage.total_token_count == (
        (usage.prompt_token_count or 0)
        + (usage.candidates_token_count or 0)
        + usage.thoughts_token_count
    )


def test_a_stream_says_what_the_answer_says(client: genai.Client) -> None:
    asked = config(thinking_config={"include_thoughts": True})
    whole = client.models.generate_content(model=MODEL, contents="Look.", config=asked)
    chunks = list(
        client.models.generate_content_stream(model=MODEL, contents="Look.", config=asked)
    )
    assert len(chunks) > 3
    said = {True: "", False: ""}
    for chunk in chunks:
        for part in parts_of(chunk):
            said[part.thought is True] += part.text or ""
    thought, spoken = parts_of(whole)
    assert thought.thought is True
    assert said == {True: thought.text, False: spoken.text}
    assert usage_of(chunks[-1]) == usage_of(whole)
    assert parts_of(chunks[-1])[-1].thought_signature == spoken.thought_signature is not None
    totals = [usage_of(chunk).total_token_count or 0 for chunk in chunks]
    assert totals == sorted(totals)
    reasons = [(chunk.candidates or [types.Candidate()])[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]


def test_without_sse_a_stream_is_one_array(base: str) -> None:
    answer = httpx.post(
        f"{base}/v1beta/models/{MODEL}:streamGenerateContent?key=k",
        json={"contents": [{"parts": [{"text": "hello"}]}]},
    )
    assert answer.headers["content-type"].startswith("application/json")
    *_, last = answer.json()
    assert last["candidates"][0]["finishReason"] == "STOP"
    failed = httpx.post(
        f"{base}/v1beta/models/{MODEL}:streamGenerateContent?key=k",
        json={"contents": [{"parts": [{"text": "hello"}]}]},
        headers={"x-simulate": "error-in-stream"},
    ).json()
    assert failed[-1]["error"]["status"] == "UNAVAILABLE"
    assert (
        httpx.post(
            f"{base}/v1beta/models/{MODEL}:streamGenerateContent?key=k", json={"contents": []}
        ).json()[0]["error"]["code"]
        == 400
    )


def test_function_calls_run_in_parallel_and_in_a_loop(client: genai.Client) -> None:
    contents: list[types.Content] = [types.Content(role="user", parts=[types.Part(text="Go.")])]
    asked = config(f"tools=read_file+write_file,args={told({'path': 'a'})},steps=2", tools=TOOLS)
    for _ in range(2):
        response = client.models.generate_content(model=MODEL, contents=contents, config=asked)
        calls = response.function_calls or []
        assert [(call.name, call.args) for call in calls] == [
            ("read_file", {"path": "a"}),
            ("write_file", {"file_path": "README.md"}),
        ]
        signed = [
            part.thought_signature is not None for part in parts_of(response) if part.function_call
        ]
        assert signed == [True, False]
        contents.append(types.Content(role="model", parts=parts_of(response)))
        contents.append(
            types.Content(
                role="user",
                parts=[
                    types.Part.from_function_response(
                        name=call.name or "", response={"output": "x"}
                    )
                    for call in calls
                ],
            )
        )
    response = client.models.generate_content(model=MODEL, contents=contents, config=asked)
    assert response.function_calls is None
    assert response.text


def test_function_calls_are_streamed_whole(client: genai.Client) -> None:
    chunks = client.models.generate_content_stream(
        model=MODEL, contents="Go.", config=config("tools=read_file+write_file", tools=TOOLS)
    )
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [call.name for call in calls] == ["read_file", "write_file"]
    assert len({call.id for call in calls}) == 2


class Title(pydantic.BaseModel):
    title: str


def test_a_schema_for_the_answer_is_followed(client: genai.Client) -> None:
    own = client.models.generate_content(
        model=MODEL,
        contents="Name it.",
        config=config(response_mime_type="application/json", response_schema=Title),
    )
    assert own.parsed == Title(title="example")
    json_schema = client.models.generate_content(
        model=MODEL,
        contents="Name it.",
        config=config(
            response_mime_type="application/json",
            response_json_schema=Title.model_json_schema(),
        ),
    )
    assert json.loads(json_schema.text or "") == {"title": "example"}


def test_thoughts_are_counted_apart_and_shown_when_asked_for(client: genai.Client) -> None:
    def ask(**thinking: object) -> types.GenerateContentResponse:
        return client.models.generate_content(
            model=OLD, contents="Look.", config=config(thinking_config=thinking)
        )

    hidden, shown, off = ask(), ask(include_thoughts=True), ask(thinking_budget=0)
    assert [part.thought for part in parts_of(hidden)] == [None]
    assert [part.thought for part in parts_of(shown)] == [True, None]
    assert usage_of(hidden).thoughts_token_count == usage_of(shown).thoughts_token_count
    assert usage_of(off).thoughts_token_count is None
    assert parts_of(off)[0].thought_signature is None


def signed_history(client: genai.Client, *, by: str) -> list[types.Content]:
    response = client.models.generate_content(
        model=by, contents="Go.", config=config("tool=read_file", tools=TOOLS)
    )
    return [
        types.Content(role="user", parts=[types.Part(text="Go.")]),
        types.Content(role="model", parts=parts_of(response)),
        types.Content(
            role="user",
            parts=[types.Part.from_function_response(name="read_file", response={"output": "x"})],
        ),
    ]


def test_a_call_without_its_signature_is_refused_since_gemini_3(client: genai.Client) -> None:
    history = signed_history(client, by=MODEL)
    for part in history[1].parts or []:
        part.thought_signature = None
    with pytest.raises(errors.ClientError, match="position 2") as caught:
        client.models.generate_content(model=MODEL, contents=history, config=config(tools=TOOLS))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert "missing a thought_signature" in (caught.value.message or "")
    client.models.generate_content(model=OLD, contents=history, config=config(tools=TOOLS))
    past = [*history, types.Content(role="user", parts=[types.Part(text="And now?")])]
    client.models.generate_content(model=MODEL, contents=past, config=config(tools=TOOLS))


@pytest.mark.parametrize("by", ["gemini-3.6-flash", OLD])
def test_a_signature_of_another_model_is_refused(client: genai.Client, by: str) -> None:
    history = signed_history(client, by=by)
    with pytest.raises(errors.ClientError, match="Corrupted thought signature"):
        client.models.generate_content(model=MODEL, contents=history, config=config(tools=TOOLS))


def test_the_documented_stand_in_for_a_signature_is_taken(client: genai.Client) -> None:
    history = signed_history(client, by=MODEL)
    for part in history[1].parts or []:
        part.thought_signature = part.thought_signature and b"skip_thought_signature_validator"
    client.models.generate_content(model=MODEL, contents=history, config=config(tools=TOOLS))


@pytest.mark.parametrize(
    ("mode", "names", "called"),
    [
        ("ANY", ["write_file"], ["write_file"]),
        ("NONE", None, []),
        ("AUTO", None, ["read_file"]),
        ("VALIDATED", ["read_file"], ["read_file"]),
    ],
)
def test_the_calling_mode_is_obeyed(
    client: genai.Client, mode: str, names: list[str] | None, called: list[str]
) -> None:
    calling = {"mode": mode, "allowed_function_names": names}
    response = client.models.generate_content(
        model=MODEL,
        contents="Go.",
        config=config(tools=TOOLS, tool_config={"function_calling_config": calling}),
    )
    assert [call.name for call in response.function_calls or []] == called


def test_refusals_and_blocked_prompts(client: genai.Client) -> None:
    for stream in (False, True):
        for directive, reason in (("refusal", "SAFETY"), ("tokens=200", "MAX_TOKENS")):
            asked = config(
                directive, max_output_tokens=20, thinking_config={"thinking_level": "LOW"}
            )
            if stream:
                *_, response = client.models.generate_content_stream(
                    model=MODEL, contents="Hm.", config=asked
                )
            else:
                response = client.models.generate_content(model=MODEL, contents="Hm.", config=asked)
            assert response.candidates
            assert response.candidates[0].finish_reason == reason
    blocked = client.models.generate_content(model=MODEL, contents="Hm.", config=config("blocked"))
    assert blocked.candidates is None
    assert blocked.prompt_feedback is not None
    assert blocked.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


def test_a_repeated_prefix_is_read_from_the_cache(client: genai.Client) -> None:
    asked = config(system_instruction=LONG)
    first = client.models.generate_content(model=MODEL, contents="one", config=asked)
    second = client.models.generate_content(model=MODEL, contents="two", config=asked)
    assert usage_of(first).cached_content_token_count is None
    read = usage_of(second).cached_content_token_count or 0
    assert 2_048 <= read < (usage_of(second).prompt_token_count or 0)


def test_counted_tokens_are_the_billed_ones(client: genai.Client) -> None:
    counted = client.models.count_tokens(model=MODEL, contents="hello")
    response = client.models.generate_content(model=MODEL, contents="hello")
    assert counted.total_tokens == usage_of(response).prompt_token_count


def test_a_whole_request_can_be_counted(base: str) -> None:
    asked = {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "systemInstruction": {"parts": [{"text": LONG}]},
    }
    url = f"{base}/v1beta/models/{MODEL}"
    headers = {"x-goog-api-key": "k"}
    counted = httpx.post(
        f"{url}:countTokens",
        json={"generateContentRequest": {"model": f"models/{MODEL}", **asked}},
        headers=headers,
    ).json()
    billed = httpx.post(f"{url}:generateContent", json=asked, headers=headers).json()
    assert counted["totalTokens"] == billed["usageMetadata"]["promptTokenCount"] > 2_000


def test_an_image_has_a_price(client: genai.Client) -> None:
    image = types.Part.from_bytes(data=b"A" * 100, mime_type="image/png")
    usage = usage_of(client.models.generate_content(model=MODEL, contents=image))
    assert 1_600 < (usage.prompt_token_count or 0) < 1_700


def test_the_sdk_recognises_the_errors(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(
            model=MODEL, contents="x", config=config("status=429,retry-after=7")
        )
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    details = caught.value.details["error"]["details"]
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"} in details
    with pytest.raises(errors.ServerError) as server:
        client.models.generate_content(model=MODEL, contents="x", config=config("status=503"))
    assert server.value.status == "UNAVAILABLE"
    with pytest.raises(errors.ServerError):
        list(
            client.models.generate_content_stream(
                model=MODEL, contents="x", config=config("error-in-stream")
            )
        )


def test_a_client_that_hangs_up_is_counted(base: str) -> None:
    options = types.HttpOptions(
        base_url=base, headers={"x-simulate": "stall=60"}, timeout=PATIENCE_MILLISECONDS
    )
    with (
        genai.Client(api_key="k", http_options=options) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        list(client.models.generate_content_stream(model=MODEL, contents="hello"))
    seen = log_at_rest(base)
    assert (seen["aborted"], seen["in_flight"]) == (1, 0)


def test_models_are_listed(client: genai.Client) -> None:
    listed = {model.name: model.input_token_limit for model in client.models.list()}
    assert listed[f"models/{MODEL}"] == 1_048_576
    assert not any("gpt" in (name or "") for name in listed)


def test_the_path_names_model_and_stream_in_the_log(base: str) -> None:
    httpx.post(
        f"{base}/v1beta/models/{MODEL}:streamGenerateContent?alt=sse&key=hush",
        json={"contents": [{"parts": [{"text": "hello"}]}]},
    )
    answer = httpx.get(f"{base}/simulate/log")
    (entry,) = answer.json()["entries"]
    assert (entry["model"], entry["stream"], entry["status"]) == (MODEL, True, 200)
    assert "hush" not in answer.text


def test_a_gemini_model_answers_on_chat_too(base: str) -> None:
    with openai.OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0) as client:
        completion = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hello"}]
        )
    assert completion.choices[0].message.content
