"""A client of Gemini's API that asks for a stream without `alt=sse`."""

import asyncio
import json

import pytest

from tests.ingress.edge import Answer, Client, Edge, ask, edge, head
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.errors import ContextTooLong, Overloaded, UpstreamFailed
from turnout.ports import Chunk, Head

pytestmark = pytest.mark.anyio

PATH = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
BODY = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
ONE, TWO = (b'data: {"candidates":[{"index":%d}]}\r\n\r\n' % number for number in (0, 1))
ELEMENTS = [{"candidates": [{"index": 0}]}, {"candidates": [{"index": 1}]}]


async def stream(on: Edge, query: str = "", path: str = PATH) -> Answer:
    return await ask(on, path, body=BODY, query=query)


@pytest.mark.parametrize(
    "query", ["", "key=k", "alt=json", "%24alt=json%3Benum-encoding%3Dint", "alt="]
)
@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_a_stream_is_an_array(query: str, version: str) -> None:
    on = edge()
    on.dispatcher.script = (head(), Chunk(ONE), Chunk(TWO))
    answer = await stream(on, query, PATH.replace("v1beta", version))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["turnout-model"] == "claude-opus-5-5"
    assert json.loads(answer.body) == ELEMENTS
    assert answer.chunks == [
        b'[{"candidates":[{"index":0}]}',
        b',\r\n{"candidates":[{"index":1}]}',
        b"]",
    ]
    assert on.dispatcher.asked[0].features.stream


@pytest.mark.parametrize("query", ["alt=sse", "key=k&alt=sse", "%24alt=sse"])
async def test_a_stream_of_events_stays_one(query: str) -> None:
    on = edge()
    on.dispatcher.script = (head(), Chunk(ONE), Chunk(TWO))
    answer = await stream(on, query)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.body == ONE + TWO


async def test_an_answer_that_is_no_stream_stays_an_object() -> None:
    on = edge()
    whole = b'{"candidates":[]}'
    on.dispatcher.script = (_json_head(200), Chunk(whole))
    answer = await stream(on, path=PATH.replace("streamGenerate", "generate"))
    assert answer.body == whole


async def test_a_refusal_is_an_array_with_its_length() -> None:
    on = edge()
    on.scorer.failure = ContextTooLong("too long")
    answer = await stream(on)
    assert answer.status == 400
    (told,) = json.loads(answer.body)
    assert told["error"]["code"] == 400
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_providers_refusal_is_an_array_of_what_it_said() -> None:
    on = edge()
    said = b'{\n  "error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}\n}\n'
    on.dispatcher.script = (_json_head(429), Chunk(said))
    answer = await stream(on)
    assert answer.status == 429
    assert json.loads(answer.body) == [json.loads(said)]


async def test_a_stream_that_breaks_off_ends_in_its_error() -> None:
    on = edge()
    on.dispatcher.script = (head(), Chunk(ONE), UpstreamFailed("connection lost"))
    answer = await stream(on)
    first, last = json.loads(answer.body)
    assert first == ELEMENTS[0]
    assert (last["error"]["code"], last["error"]["status"]) == (502, "INTERNAL")


async def test_a_sign_of_life_is_white_space() -> None:
    on = edge()
    alive = Chunk(GEMINI_GENERATE.keep_alive())
    error = Chunk(GEMINI_GENERATE.encode_stream_error(Overloaded("busy")))
    on.dispatcher.script = (head(), alive, Chunk(ONE), alive, error)
    answer = await stream(on)
    assert answer.chunks[0].isspace()
    assert answer.chunks[2].isspace()
    first, last = json.loads(answer.body)
    assert (first, last["error"]["code"]) == (ELEMENTS[0], 503)


async def test_an_element_goes_out_while_the_next_is_waited_for() -> None:
    on, client, more = edge(), Client(), asyncio.Event()
    on.dispatcher.script = (head(), Chunk(ONE), more, Chunk(TWO))
    client.send_part(BODY, more=False)
    asking = asyncio.ensure_future(client.ask(on, PATH))
    await on.dispatcher.reached.wait()
    assert json.loads(client.answer.body + b"]") == ELEMENTS[:1]
    more.set()
    assert json.loads((await asking).body) == ELEMENTS


def _json_head(status: int) -> Head:
    return Head(
        status=status,
        headers=(("content-type", "application/json"),),
        target="",
        model="",
        provider="",
        attempts=1,
    )
