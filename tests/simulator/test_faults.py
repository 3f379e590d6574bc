"""Scripted faults reach the client as written, and what has been seen is in the log."""

import asyncio
import json
import time

import anthropic
import httpx
import openai
import pytest

from tests.simulator.provider import log_at_rest
from turnout.simulator.process import IDLE_SECONDS
from turnout.upstream_dispatcher.limits import Limits

CHAT: dict[str, object] = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "hello"}]}
MESSAGES: dict[str, object] = {
    "model": "claude-opus-5-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "hello"}],
}
HEADERS = {"x-api-key": "secret", "anthropic-version": "2023-06-01"}
GEMINI = "/v1beta/models/gemini-3.5-flash"
PATHS: dict[str, dict[str, object]] = {
    "/v1/messages": MESSAGES,
    "/v1/chat/completions": CHAT,
    "/v1/responses": {"model": "gpt-5.5", "input": "hello"},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
}
DEADLINE_SECONDS = 5.0


def post(
    base: str, path: str, directives: str, *, stream: bool = True, content: bytes | None = None
) -> httpx.Response:
    url, body = called(base, path, stream=stream)
    return httpx.post(
        url,
        content=json.dumps(body).encode() if content is None else content,
        headers=HEADERS | {"x-simulate": directives},
    )


def called(base: str, path: str, *, stream: bool) -> tuple[str, dict[str, object]]:
    """Address and body of a request; Gemini's path says what others say in the body."""
    if path != GEMINI:
        return base + path, PATHS[path] | {"stream": stream}
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"{base}{path}:{method}", PATHS[path]


def script(base: str, **change: object) -> None:
    httpx.post(f"{base}/simulate", json=change).raise_for_status()


@pytest.mark.parametrize("path", PATHS)
def test_a_status_with_retry_after(base: str, path: str) -> None:
    answer = post(base, path, "status=429, retry-after=3")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert "error" in answer.json()


def test_the_sdks_recognise_the_errors(base: str) -> None:
    script(base, next=["status=529", "status=401", "status=429", "status=500"])
    with anthropic.Anthropic(base_url=base, api_key="k", max_retries=0) as claude:
        for kind in (anthropic.OverloadedError, anthropic.AuthenticationError):
            with pytest.raises(kind):
                claude.messages.create(
                    model="claude-opus-5-5",
                    max_tokens=5,
                    messages=[{"role": "user", "content": "x"}],
                )
    with openai.OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0) as gpt:
        for other in (openai.RateLimitError, openai.InternalServerError):
            with pytest.raises(other):
                gpt.chat.completions.create(
                    model="gpt-5.5", messages=[{"role": "user", "content": "x"}]
                )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("where", ["after-start", "after-content", "before-end"])
def test_a_cut_breaks_the_connection(base: str, path: str, where: str) -> None:
    for stream in (True, False):
        with pytest.raises(httpx.RemoteProtocolError):
            post(base, path, f"cut={where}", stream=stream)


@pytest.mark.parametrize(
    ("path", "terminal"),
    [
        ("/v1/messages", "message_stop"),
        ("/v1/chat/completions", "[DONE]"),
        ("/v1/responses", "response.completed"),
        (GEMINI, "finishReason"),
    ],
)
def test_half_an_answer_ends_cleanly_without_its_end(base: str, path: str, terminal: str) -> None:
    assert terminal in post(base, path, "").text
    streamed = post(base, path, "half").text
    assert terminal not in streamed
    assert not streamed.endswith("\n\n")
    with pytest.raises(json.JSONDecodeError):
        post(base, path, "half", stream=False).json()


@pytest.mark.parametrize("path", PATHS)
def test_garbage_is_a_200_of_something_else(base: str, path: str) -> None:
    answer = post(base, path, "garbage")
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/v1/messages", 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"'),
        ("/v1/chat/completions", 'data: {"error":{"message":'),
        ("/v1/responses", 'event: error\ndata: {"type":"error","sequence_number":'),
        (GEMINI, '\n{\n  "error": {\n    "code": 503,'),
    ],
)
def test_an_error_can_come_inside_a_stream(base: str, path: str, event: str) -> None:
    answer = post(base, path, "error-in-stream")
    assert answer.status_code == 200
    assert event in answer.text
    for terminal in ("message_stop", "[DONE]", "response.completed", "finishReason"):
        assert terminal not in answer.text


def test_a_refusal_and_an_empty_answer(base: str) -> None:
    refused = post(base, "/v1/messages", "refusal", stream=False).json()
    assert refused["stop_reason"] == "refusal"
    empty = post(base, "/v1/messages", "empty", stream=False).json()
    assert (empty["content"], empty["stop_reason"]) == ([], "end_turn")


def test_a_directive_that_is_none_is_the_clients_error(base: str) -> None:
    answer = post(base, "/v1/messages", "explode")
    assert answer.status_code == 400
    assert "explode" in answer.json()["error"]["message"]


def test_the_queue_scripts_by_model(base: str) -> None:
    script(base, next=[{"model": "gpt-5.5", "simulate": "status=503"}])
    assert post(base, "/v1/messages", "").status_code == 200
    assert post(base, "/v1/chat/completions", "").status_code == 503
    assert post(base, "/v1/chat/completions", "").status_code == 200


def test_the_default_holds_until_it_is_changed(base: str) -> None:
    script(base, default="status=500")
    assert post(base, "/v1/messages", "").status_code == 500
    script(base, default="")
    assert post(base, "/v1/messages", "gap=0").status_code == 200


def test_silence_is_as_long_as_scripted(base: str) -> None:
    for directives in ("ttft=0.2", "stall=0.2", "pause=0.2"):
        began = time.monotonic()
        post(base, "/v1/messages", directives)
        assert time.monotonic() - began >= 0.2


def test_a_stall_begins_after_the_start_and_a_ping(base: str) -> None:
    async def first_bytes() -> str:
        async with httpx.AsyncClient(headers=HEADERS | {"x-simulate": "stall=60"}) as client:
            url = f"{base}/v1/messages"
            async with client.stream("POST", url, json=MESSAGES | {"stream": True}) as answer:
                seen = ""
                async for text in answer.aiter_text():
                    seen += text
                    if "ping" in seen:
                        break
                return seen

    seen = asyncio.run(asyncio.wait_for(first_bytes(), DEADLINE_SECONDS))
    assert "message_start" in seen
    assert "content_block" not in seen


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("directives", ["ttft=60", "stall=60", "pause=60"])
def test_a_client_that_hangs_up_is_counted_at_once(base: str, path: str, directives: str) -> None:
    url, body = called(base, path, stream=True)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            url,
            json=body,
            headers=HEADERS | {"x-simulate": directives},
            timeout=0.2,
        )
    seen = log_at_rest(base)
    assert (seen["requests"], seen["aborted"], seen["in_flight"]) == (1, 1, 0)


def test_the_log_tells_requests_without_their_secrets(base: str) -> None:
    content = json.dumps(MESSAGES).encode()
    post(base, "/v1/messages", "", content=content)
    log_at_rest(base)
    answer = httpx.get(f"{base}/simulate/log")
    (entry,) = answer.json()["entries"]
    assert "secret" not in answer.text
    assert entry["headers"]["x-api-key"] == "redacted"
    assert (entry["method"], entry["path"]) == ("POST", "/v1/messages")
    assert (entry["body_bytes"], entry["body"]) == (len(content), content.decode())
    assert (entry["model"], entry["stream"], entry["status"]) == ("claude-opus-5-5", False, 200)
    assert entry["started_at"] <= entry["first_content_at"] <= entry["ended_at"]
    assert entry["usage"]["fresh"] > 0


def test_paths_that_are_not_served_get_the_providers_404(base: str) -> None:
    for answer in (httpx.get(f"{base}/v2/x"), httpx.post(f"{base}/v1/rerank", json={})):
        assert answer.status_code == 404
        assert "error" in answer.json()
    assert httpx.head(f"{base}/api/hello").status_code == 200


def test_two_requests_at_once_both_write_the_cache(base: str) -> None:
    system = [{"type": "text", "text": "word " * 2_000, "cache_control": {"type": "ephemeral"}}]

    async def both() -> list[int]:
        async with httpx.AsyncClient(headers=HEADERS | {"x-simulate": "ttft=0.3"}) as client:
            calls = [
                client.post(f"{base}/v1/messages", json=MESSAGES | {"system": system})
                for _ in range(2)
            ]
            answers = await asyncio.gather(*calls)
            return [a.json()["usage"]["cache_creation_input_tokens"] for a in answers]

    written = asyncio.run(both())
    assert written[0] == written[1] > 1_024


def test_an_idle_connection_is_closed_by_its_client() -> None:
    """A provider that closes first loses, when its machine is busy, what is being sent just then."""
    assert Limits().idle_connection_seconds < IDLE_SECONDS
