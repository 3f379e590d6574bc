"""Frames of the WebSocket form as request bodies, and what an answer leaves to be continued."""

import json

import pytest
from openai.types.responses import ResponsesServerEvent, ResponseSteerFailedEvent
from pydantic import TypeAdapter

from turnout.dialects.openai_responses.socket import (
    MAX_LANE_CHARACTERS,
    Asked,
    Chain,
    Create,
    PreviousResponseUnknown,
    chain_behind,
    frame_of_error,
    in_lane,
    naming_previous,
    read_envelope,
    read_frame,
    steering_refused,
)
from turnout.errors import InvalidRequest

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
    return read_frame(text, {} if chain is None else {chain.response_id: chain})


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
        read(frame(previous_response_id="resp_1"), chain)


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
    asked = read_envelope(b'{"type":"response.processed","response_id":"r"}')
    assert asked == Asked("", is_create=False, is_steering=False)


def test_a_lane_is_named_by_the_frame_and_by_every_event_of_its_answer() -> None:
    asked = read_envelope(frame(stream_id="main"))
    assert asked == Asked("main", is_create=True, is_steering=False)
    assert b"stream_id" not in read(frame(stream_id="main")).body
    for event in (b'{"type":"error"}', b' {"type":"error"}\n', b"{}", b"{ }"):
        assert json.loads(in_lane(event, 'a"b')) == json.loads(event) | {"stream_id": 'a"b'}
        assert in_lane(event, "") is event


def test_what_another_lane_said_last_can_be_forked() -> None:
    first = chain_behind(read(frame(stream_id="main")), completed(output=[CALL]))
    assert first is not None
    chains = {"resp_0": Chain("resp_0", ()), "resp_1": first}
    forked = read_frame(frame(stream_id="b", previous_response_id="resp_1", input=[OUTPUT]), chains)
    assert json.loads(forked.body)["input"] == [USER, CALL, OUTPUT]


def test_input_that_would_steer_goes_back_as_it_came() -> None:
    told = {"type": "response.steer", "previous_response_id": "resp_1", "input": [USER]}
    text = json.dumps(told).encode()
    assert read_envelope(text) == Asked("", is_create=False, is_steering=True)
    refused = json.loads(steering_refused(text))
    event = TypeAdapter(ResponsesServerEvent).validate_python(refused)
    assert isinstance(event, ResponseSteerFailedEvent)
    assert event.error.code == "steering_not_supported"
    assert refused["steer"] == {"previous_response_id": "resp_1", "input": [USER]}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[]", InvalidRequest),
        (b"{", InvalidRequest),
        (b'{"type":"response.cancel"}', InvalidRequest),
        (frame(stream_id=7), InvalidRequest),
        (frame(stream_id="x" * (MAX_LANE_CHARACTERS + 1)), InvalidRequest),
        (frame(input=7), InvalidRequest),
        (frame(client_metadata=[]), InvalidRequest),
        (frame(generate="no"), InvalidRequest),
    ],
)
def test_what_cannot_be_read_is_named(text: bytes, error: type[InvalidRequest]) -> None:
    with pytest.raises(error):
        read_envelope(text)
        read(text)


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


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"response.output_text.delta","delta":"\\"previous_response_id\\":null"}',
        b'{"type":"x","item":{"previous_response_id":null}}',
        b'{"type":"x","response":{"tools":[{"previous_response_id":null}]}}',
        b'{"type":"x","response":["previous_response_id"]}',
        b'no "previous_response_id"',
    ],
)
def test_only_a_response_names_what_it_continues(event: bytes) -> None:
    assert naming_previous(event, "resp_0") == event


def test_a_response_that_continues_one_keeps_its_characters() -> None:
    event = b'{"type":"x","response":{"previous_response_id":null, "tools":[ {"a":1.50} ]},"n":2}'
    named = naming_previous(event, "resp_0")
    assert (
        named
        == b'{"type":"x","response":{"previous_response_id":"resp_0","tools":[ {"a":1.50} ]},"n":2}'
    )
    assert naming_previous(event, "") == event
