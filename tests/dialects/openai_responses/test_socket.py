"""Frames of the WebSocket form as request bodies, and what an answer leaves to be continued."""

import json

import pytest

from turnout.dialects.openai_responses.socket import (
    Chain,
    Create,
    PreviousResponseUnknown,
    chain_behind,
    frame_of_error,
    read_frame,
)
from turnout.errors import InvalidRequest, Unsupported

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "é 1.50"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "t", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "done"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "gAAA",
    "status": "completed",
}


def frame(**fields: object) -> bytes:
    told = {"type": "response.create", "model": "gpt-5.5", "input": [USER], **fields}
    return json.dumps(told).encode()


def read(text: bytes, chain: Chain | None = None) -> Create:
    create = read_frame(text, chain)
    assert create is not None
    return create


def completed(
    kind: str = "response.completed", output: object = (), *, name: str = "resp_1"
) -> bytes:
    return json.dumps({"type": kind, "response": {"id": name, "output": output}}).encode()


def test_a_frame_is_the_body_of_a_request() -> None:
    create = read(frame(store=False, stream=False, background=False, tools=[]))
    assert json.loads(create.body) == {
        "model": "gpt-5.5",
        "input": [USER],
        "store": False,
        "tools": [],
        "stream": True,
    }
    assert create.generates


@pytest.mark.parametrize(("told", "items"), [("hi", ["hi"]), (None, []), ([], [])])
def test_a_string_is_one_message_of_the_user(told: object, items: list[str]) -> None:
    body = json.loads(read(frame(input=told)).body)
    assert [item["content"] for item in body["input"]] == items


def test_a_chained_frame_has_the_whole_thread_in_its_own_characters() -> None:
    first = read(frame())
    chain = chain_behind(first, completed(output=[REASONING, CALL]))
    assert chain is not None
    second = read(frame(previous_response_id="resp_1", input=[OUTPUT]), chain)
    kept = {key: value for key, value in REASONING.items() if key not in {"id", "status"}}
    assert json.loads(second.body)["input"] == [USER, kept, CALL, OUTPUT]
    assert json.dumps(USER).encode() in second.body
    assert b"previous_response_id" not in second.body
    third = chain_behind(second, completed(name="resp_2"))
    assert third is not None
    assert len(third.items) == 4


@pytest.mark.parametrize("chain", [None, Chain("resp_other", ())])
def test_what_is_not_there_cannot_be_continued(chain: Chain | None) -> None:
    with pytest.raises(PreviousResponseUnknown):
        read_frame(frame(previous_response_id="resp_1"), chain)


@pytest.mark.parametrize(
    "event",
    [
        completed("response.failed"),
        b'{"type":"response.output_text.delta","delta":"response.completed"}',
        b'{"type":"error"}',
        b"response.completed",
    ],
)
def test_what_is_no_good_end_leaves_nothing(event: bytes) -> None:
    assert chain_behind(read(frame()), event) is None


def test_an_answer_that_was_cut_can_be_continued() -> None:
    assert chain_behind(read(frame()), completed("response.incomplete")) is not None


def test_a_warm_up_generates_nothing() -> None:
    create = read(frame(generate=False))
    assert not create.generates
    assert b"generate" not in create.body


def test_metadata_of_codex_is_told_as_its_headers() -> None:
    told = {"x-codex-turn-metadata": "{}", "X-OpenAI-Subagent": "collab", "other": "x", "n": 1}
    create = read(frame(client_metadata=told))
    assert create.metadata == {"x-codex-turn-metadata": "{}", "x-openai-subagent": "collab"}
    assert json.loads(create.body)["client_metadata"] == told


def test_codex_saying_that_it_has_read_asks_for_nothing() -> None:
    assert read_frame(b'{"type":"response.processed","response_id":"r"}', None) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[]", InvalidRequest),
        (b"{", InvalidRequest),
        (b'{"type":"response.cancel"}', InvalidRequest),
        (frame(stream_id="lane"), Unsupported),
        (frame(input=7), InvalidRequest),
        (frame(client_metadata=[]), InvalidRequest),
        (frame(generate="no"), InvalidRequest),
    ],
)
def test_what_cannot_be_read_is_named(text: bytes, error: type[InvalidRequest]) -> None:
    with pytest.raises(error):
        read_frame(text, None)


def test_an_error_answer_is_a_frame_with_its_status() -> None:
    body = b'{"error":{"message":"slow down","type":"rate_limit_error","code":null}}'
    headers = [
        ("retry-after", "3"),
        ("content-type", "application/json"),
        ("x-should-retry", "true"),
    ]
    assert json.loads(frame_of_error(429, headers, body)) == {
        "type": "error",
        "status": 429,
        "error": {"message": "slow down", "type": "rate_limit_error", "code": None},
        "headers": {"retry-after": "3", "x-should-retry": "true"},
    }
    assert json.loads(frame_of_error(502, [], b"<html>"))["error"]["message"]
