"""Every error over every pair: before the answer has begun, and in its middle."""

import json
from dataclasses import replace

import pytest

from tests.matrix.answer_rows import says
from tests.matrix.answer_streams import events_of, named, unnamed
from tests.matrix.declared import ALL, IDS, PAIRS, SHORT, Feature, Json, Pair
from tests.matrix.driving import AGENT, PROVIDERS, as_asked, asked, target_of
from tests.matrix.failures import FAILURES
from tests.matrix.rig import EVENTS, JSON, STREAMED, Reply, Rig
from turnout.capabilities import Dialect
from turnout.ports import Credential

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
@pytest.mark.parametrize("feature", FAILURES, ids=[feature.name for feature in FAILURES])
async def test_cell(feature: Feature, pair: Pair, stream: bool, there: Rig) -> None:
    client, upstream = pair
    model = AGENT[upstream]
    wire = feature.sides[upstream].wire
    assert wire is not None
    body = json.dumps(wire["body"]).encode()
    told = Reply(body, wire["status"], (JSON, *wire["headers"].items()))
    request = asked(client, {}, target_of(upstream, model), stream=stream, served=model)
    answer = await there.ask(request, upstream, told)
    got: Json = {
        "status": answer.head.status,
        "headers": dict(answer.head.headers),
        "body": json.loads(answer.body),
    }
    reads = feature.sides[client].reads
    assert reads is not None
    assert reads(got) == feature.expected(client)


@pytest.mark.parametrize("client", ALL, ids=SHORT.get)
async def test_a_clients_own_key_is_refused_in_its_providers_words(
    client: Dialect, there: Rig
) -> None:
    """A key that came with the request goes to its own provider, whose 401 is the client's to see."""
    (feature,) = [one for one in FAILURES if one.name == "our_key_refused"]
    wire = feature.sides[client].wire
    assert wire is not None
    body = json.dumps(wire["body"]).encode()
    provider = PROVIDERS[client]
    own = f"{provider}/{AGENT[client]}@client"
    request = replace(
        asked(client, {}, own, served=AGENT[client]),
        credentials=(Credential(provider, "authorization", "Bearer of-the-client"),),
    )
    answer = await there.ask(request, client, Reply(body, 401))
    assert (answer.head.status, answer.body) == (401, body)
    assert there.upstream.seen[-1].headers["authorization"] == "Bearer of-the-client"


def broken_off(upstream: Dialect) -> bytes:
    """A stream that says something and then that it has failed, as each provider does."""
    whole = STREAMED[upstream](
        says("Well begun is half done, said one who had not begun.")[upstream]
    )
    events = whole.split(b"\n\n")
    begun = b"\n\n".join(events[:5]) + b"\n\n"
    match upstream:
        case "anthropic_messages":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            return begun + named({"type": "error", "error": error})
        case "openai_chat":
            inner = {"message": "Failed.", "type": "server_error", "param": None, "code": None}
            return begun + unnamed({"error": inner})
        case "openai_responses":
            failed: Json = {"id": "resp_up", "object": "response", "status": "failed"}
            failed["error"] = {"code": "server_error", "message": "Failed."}
            return begun + named(
                {"type": "response.failed", "sequence_number": 9, "response": failed}
            )
        case "gemini_generate":
            return begun + unnamed(
                {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
            )


def is_failure(client: Dialect, event: Json) -> bool:
    match client:
        case "anthropic_messages":
            return bool(event["type"] == "error" and event["error"]["message"])
        case "openai_responses":
            return bool(event["type"] == "response.failed" and event["response"]["error"]["code"])
        case "openai_chat":
            return bool("error" in event and event["error"]["message"])
        case "gemini_generate":
            return event.keys() == {"error"} and bool(event["error"]["status"])


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
async def test_broken(pair: Pair, there: Rig) -> None:
    """The stream ends in the client's own error event and nothing behind it."""
    client, upstream = pair
    model = AGENT[upstream]
    request = asked(client, {}, target_of(upstream, model), stream=True, served=model)
    told = Reply(broken_off(upstream), headers=(EVENTS,))
    answer = await there.ask(request, upstream, told)
    if client == upstream:
        assert answer.body == as_asked(told.body)
    events = list(events_of(answer.body))
    assert answer.head.status == 200
    assert is_failure(client, events[-1])
    assert not any(is_failure(client, event) for event in events[:-1])
    assert b"Well" in answer.body
    assert b"[DONE]" not in answer.body


def test_every_dialect_is_here() -> None:
    assert {client for client, _ in PAIRS} == set(ALL)
