"""The Responses API over real WebSockets, on a real server: the ingress behind is on fakes."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import pytest
from openai.types.responses import ResponsesServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.dialects.events import events_of
from tests.fakes import Step
from tests.ingress.edge import LIMITS, OPEN_DOOR, WAIT_SECONDS, Edge, edge, head
from tests.ingress.test_control import ADMIN, CLOSED, TEAM
from turnout.dialects.conversation import Text, ToolCall
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.stream import Answer
from turnout.dialects.usage import Usage
from turnout.engines.handover import NOBODY
from turnout.errors import RateLimited, UpstreamFailed
from turnout.http_bounds import HttpBounds
from turnout.http_server import serve_http
from turnout.ingress.app import Edge as Application
from turnout.ingress.callers import Door
from turnout.ingress.proxy import Limits
from turnout.ingress.socket_connection import MAX_LANES
from turnout.ports import Chunk, Head

pytestmark = pytest.mark.anyio

USER: Final = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}
OUTPUT: Final = {"type": "function_call_output", "call_id": "c", "output": "done"}


def stream_of(answer: Answer, *, response_id: str = "resp_1") -> list[bytes]:
    encoder = OPENAI_RESPONSES.stream_encoder(
        response_id=response_id,
        model="gpt-5.5",
        created_at=1,
        input_estimate=1,
        include_usage=True,
    )
    return [piece for event in events_of(answer) if (piece := encoder.encode(event))]


CALLED: Final = stream_of(
    Answer("r", "m", (ToolCall("c", "t", "{}"),), Usage(fresh_input=5, output=2), stop="tool_use")
)
SAID: Final = stream_of(Answer("r", "m", (Text("well"),), Usage(fresh_input=9), stop="end"))


@contextmanager
def closed_with(code: int, word: str = "") -> Iterator[None]:
    """The server closes the connection in this block, and says why."""
    with pytest.raises(ConnectionClosed) as closed:
        yield
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert word in closed.value.rcvd.reason


@dataclass(slots=True)
class Served:
    on: Edge
    port: int
    stop: asyncio.Event
    serving: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/responses"


BOUNDS = HttpBounds(
    head_bytes=65536, head_seconds=10.0, write_seconds=5.0, keep_alive_seconds=75, connections=64
)


@asynccontextmanager
async def served(
    *, door: Door = OPEN_DOOR, limits: Limits = LIMITS, bounds: HttpBounds = BOUNDS
) -> AsyncGenerator[Served]:
    on = edge(door=door, limits=limits)
    app = on.app
    assert isinstance(app, Application)
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        async with asyncio.timeout(4 * WAIT_SECONDS), asyncio.TaskGroup() as group:
            serving = group.create_task(
                serve_http(
                    app,
                    listener.dup(),
                    stop,
                    handover=NOBODY,
                    drain_seconds=WAIT_SECONDS,
                    replaced_seconds=WAIT_SECONDS,
                    bounds=bounds,
                    leave_sockets=app.leave_sockets,
                    max_message_bytes=LIMITS.max_body_bytes,
                )
            )
            yield Served(on, port, stop, serving)
            stop.set()


@asynccontextmanager
async def opened(
    url: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[ClientConnection]:
    async with connect(url, additional_headers=headers, proxy=None) as connection:
        yield connection


def create(**fields: object) -> str:
    return json.dumps({"type": "response.create", "model": "gpt-5.5", "input": [USER], **fields})


async def until_end(connection: ClientConnection) -> list[dict[str, object]]:
    """Events up to the one that ends an answer."""
    events: list[dict[str, object]] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            events.append(json.loads(await connection.recv()))
            if events[-1]["type"] in {"response.completed", "response.failed", "error"}:
                return events


async def test_a_frame_is_answered_with_the_events_of_a_stream() -> None:
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create())
        events = await until_end(connection)
        types = [event["type"] for event in events]
        assert types[:2] == ["response.created", "response.in_progress"]
        assert types[-1] == "response.completed"
        (asked,) = at.on.dispatcher.asked
        assert (asked.dialect, asked.path) == ("openai_responses", "/v1/responses")
        assert asked.features.stream
        assert json.loads(asked.body) == {"model": "gpt-5.5", "input": [USER], "stream": True}


async def test_a_silent_connection_is_no_head_that_is_late() -> None:
    async with served(bounds=replace(BOUNDS, head_seconds=0.1)) as at, opened(at.url) as connection:
        silent = asyncio.ensure_future(connection.recv())
        assert not (await asyncio.wait({silent}, timeout=0.4))[0]
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create())
        assert json.loads(await silent)["type"] == "response.created"


async def test_frames_are_compressed_for_clients_that_offer_it() -> None:
    """As Codex does with every upgrade."""
    async with served() as at, opened(at.url) as connection:
        assert [one.name for one in connection.protocol.extensions] == ["permessage-deflate"]
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create())
        assert (await until_end(connection))[-1]["type"] == "response.completed"


async def test_a_chained_frame_is_the_whole_thread_to_all_behind() -> None:
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, CALLED))
        await connection.send(create())
        end = (await until_end(connection))[-1]
        response = end["response"]
        assert isinstance(response, dict)
        assert response["previous_response_id"] is None
        await connection.send(create(previous_response_id=response["id"], input=[OUTPUT]))
        events = await until_end(connection)
        told = [one for event in events if isinstance(one := event.get("response"), dict)]
        assert [one["previous_response_id"] for one in told] == [response["id"]] * 3
        first, second = at.on.dispatcher.asked
        items = json.loads(second.body)["input"]
        assert [item["type"] for item in items] == [
            "message",
            "function_call",
            "function_call_output",
        ]
        assert second.prefix.digests[0] == first.prefix.digests[0]


async def test_a_warm_up_asks_nobody_and_can_be_continued() -> None:
    async with served() as at, opened(at.url) as connection:
        await connection.send(create(generate=False, temperature=0.5))
        events = await until_end(connection)
        response = events[-1]["response"]
        assert isinstance(response, dict)
        assert response["output"] == []
        assert response["temperature"] == 0.5
        assert at.on.dispatcher.asked == []
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create(previous_response_id=response["id"], input=[]))
        await until_end(connection)
        assert json.loads(at.on.dispatcher.asked[0].body)["input"] == [USER]


async def test_what_cannot_be_continued_is_said_so_that_clients_send_all_again() -> None:
    async with served() as at, opened(at.url) as connection:
        await connection.send(create(previous_response_id="resp_of_another"))
        (event,) = await until_end(connection)
        assert event["status"] == 400
        error = event["error"]
        assert isinstance(error, dict)
        assert error["code"] == "previous_response_not_found"
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create())
        assert (await until_end(connection))[-1]["type"] == "response.completed"


def header(value: str, name: str = "x-codex-turn-metadata") -> str:
    return create(client_metadata={name: value})


@pytest.mark.parametrize(
    "frame",
    [
        *("{", '{"type":"session.update"}', create(input=7)),
        *(header("a\r\nauthorization: x"), header("\0"), header("a", name="x-codex-a b")),
        header("a", name="x-codex-\r\nb"),
    ],
)
async def test_bad_frames_are_answered_and_the_connection_lives(frame: str) -> None:
    async with served() as at, opened(at.url) as connection:
        await connection.send(frame)
        (event,) = await until_end(connection)
        assert event["status"] == 400
        assert (at.on.facts.completed.outcome, at.on.facts.completed.status) == ("rejected", 400)
        assert not at.on.dispatcher.asked
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create())
        assert (await until_end(connection))[-1]["type"] == "response.completed"


async def test_an_error_answer_is_one_frame_with_status_and_retry_after() -> None:
    async with served() as at, opened(at.url) as connection:
        answer = OPENAI_RESPONSES.encode_error(
            RateLimited("slow down", retry_after_seconds=3), request_id="r"
        )
        refused = Head(answer.status, answer.headers, "", "", "", 1)
        at.on.dispatcher.script = (refused, Chunk(answer.body))
        await connection.send(create())
        (event,) = await until_end(connection)
        assert event["status"] == 429
        headers = event["headers"]
        assert isinstance(headers, dict)
        assert headers["retry-after"] == "3"


BROKEN: Final = OPENAI_RESPONSES.encode_stream_error(UpstreamFailed("the upstream broke off"))
FAULT: Final = BROKEN[: BROKEN.index(b"\n\n") + 2]
"""Of the two events that end a broken stream the first, `error`; some providers send no other."""


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ((Chunk(BROKEN),), "response.failed"),
        ((Chunk(FAULT), Chunk(BROKEN[len(FAULT) :])), "response.failed"),
        ((UpstreamFailed("the upstream broke off"),), "response.failed"),
        ((Chunk(FAULT),), "error"),
        ((Chunk(FAULT), Chunk(SAID[-1])), "response.completed"),
        ((Chunk(SAID[-1] + b"data: [DONE]\n\n"), Chunk(BROKEN)), "response.completed"),
    ],
)
async def test_an_answer_has_one_end_and_the_next_one_its_own(
    end: tuple[Step, ...], kind: str
) -> None:
    """Who stops at the first is not told the second as the end of what is asked next."""
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, SAID[:-1]), *end)
        await connection.send(create(stream_id="one"))
        events = await until_end(connection)
        assert (events[-1]["type"], events[-1]["stream_id"]) == (kind, "one")
        assert (events[-1].get("status") == 502) is (kind == "error")
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create(stream_id="one"))
        events = await until_end(connection)
        assert events[0]["type"] == "response.created"
        assert events[-1]["type"] == "response.completed"


async def test_codex_says_in_frames_what_it_says_in_headers_over_http() -> None:
    turn = json.dumps({"session_id": "s1", "thread_id": "t1", "thread_source": "subagent"})
    async with served() as at, opened(at.url, {"x-codex-turn-metadata": "{}"}) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        tool = {"type": "function", "name": "t", "parameters": {"type": "object"}}
        told = create(client_metadata={"x-codex-turn-metadata": turn}, tools=[tool])
        await connection.send(told)
        await until_end(connection)
        identity = at.on.dispatcher.asked[0].identity
        assert (identity.harness, identity.session, identity.thread) == ("codex", "s1", "t1")
        assert identity.is_subagent
        sent = dict(at.on.dispatcher.asked[0].headers)
        assert not [name for name in sent if name.startswith("sec-websocket")]


async def test_lanes_are_answered_side_by_side_and_each_in_its_order() -> None:
    go_on = asyncio.Event()
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), go_on, *map(Chunk, SAID))
        await connection.send(create(stream_id="slow"))
        await asyncio.wait_for(at.on.dispatcher.reached.wait(), WAIT_SECONDS)
        await connection.send(create(stream_id="slow", instructions="second"))
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create(stream_id="fast"))
        quick = await until_end(connection)
        assert {event["stream_id"] for event in quick} == {"fast"}
        for event in quick:
            TypeAdapter(ResponsesServerEvent).validate_python(event)
        await connection.send(create())
        assert not [event for event in await until_end(connection) if "stream_id" in event]
        go_on.set()
        for _ in range(2):
            slow = await until_end(connection)
            assert {event["stream_id"] for event in slow} == {"slow"}
            assert slow[-1]["type"] == "response.completed"
        bodies = [json.loads(asked.body) for asked in at.on.dispatcher.asked]
        assert [body.get("instructions") for body in bodies] == [None, None, None, "second"]
        assert not any("stream_id" in body for body in bodies)


async def test_a_lane_forks_from_what_another_said_last() -> None:
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, CALLED))
        await connection.send(create(stream_id="main"))
        response = (await until_end(connection))[-1]["response"]
        assert isinstance(response, dict)
        well = Answer("r", "m", (Text("well"),), Usage(fresh_input=9), stop="end")
        for lane in ("fork", "main"):
            at.on.dispatcher.script = (
                head(),
                *map(Chunk, stream_of(well, response_id=f"resp_of_{lane}")),
            )
            chained = create(stream_id=lane, previous_response_id=response["id"], input=[OUTPUT])
            await connection.send(chained)
            assert (await until_end(connection))[-1]["stream_id"] == lane
        _, fork, main = (json.loads(asked.body)["input"] for asked in at.on.dispatcher.asked)
        assert fork == main
        assert [item["type"] for item in fork] == [
            "message",
            "function_call",
            "function_call_output",
        ]


async def test_what_is_told_can_be_continued_at_once() -> None:
    """In another lane, while what comes behind the answer's last event is still waited for."""
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), *map(Chunk, SAID), asyncio.Event())
        await connection.send(create(stream_id="main"))
        response = (await until_end(connection))[-1]["response"]
        assert isinstance(response, dict)
        at.on.dispatcher.script = (head(), *map(Chunk, SAID))
        await connection.send(create(stream_id="fork", previous_response_id=response["id"]))
        assert (await until_end(connection))[-1]["type"] == "response.completed"


async def test_an_error_says_its_lane() -> None:
    async with served() as at, opened(at.url) as connection:
        for frame in (create(input=7), create(previous_response_id="resp_of_another")):
            await connection.send(json.dumps(json.loads(frame) | {"stream_id": "b"}))
            (event,) = await until_end(connection)
            assert (event["status"], event["stream_id"]) == (400, "b")
        assert not at.on.dispatcher.asked


async def test_lanes_are_bounded_and_one_too_many_is_told() -> None:
    async with served() as at, opened(at.url) as connection:
        go_on = asyncio.Event()
        at.on.dispatcher.script = (head(), go_on, *map(Chunk, SAID))
        for number in range(MAX_LANES + 1):
            await connection.send(create(stream_id=f"lane-{number}"))
        (refused,) = await until_end(connection)
        assert (refused["status"], refused["stream_id"]) == (503, f"lane-{MAX_LANES}")
        go_on.set()
        for _ in range(MAX_LANES):
            assert (await until_end(connection))[-1]["type"] == "response.completed"


async def test_what_comes_while_an_answer_is_given_is_answered_at_once() -> None:
    """Input to steer by goes back, what nobody knows is refused; the answer goes on."""
    go_on = asyncio.Event()
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), go_on, *map(Chunk, SAID))
        await connection.send(create())
        await asyncio.wait_for(at.on.dispatcher.reached.wait(), WAIT_SECONDS)
        steer = {"type": "response.steer", "previous_response_id": "resp_1", "input": "stop"}
        for frame in ({"type": "response.processed"}, steer, {"type": "response.cancel"}):
            await connection.send(json.dumps(frame))
        told = [json.loads(await connection.recv()) for _ in range(2)]
        assert told[0]["type"] == "response.steer.failed"
        assert told[0]["steer"]["input"] == "stop"
        assert (told[1]["type"], told[1]["status"]) == ("error", 400)
        assert "close the connection" in told[1]["error"]["message"]
        go_on.set()
        assert (await until_end(connection))[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (replace(LIMITS, sockets=1), "TURNOUT_INGRESS__MAX_SOCKETS"),
        (replace(LIMITS, sockets_per_key=1), "TURNOUT_INGRESS__MAX_SOCKETS_PER_KEY"),
    ],
)
async def test_one_connection_too_many_is_sent_to_http(limits: Limits, setting: str) -> None:
    async with served(limits=limits) as at:
        async with opened(at.url):
            with pytest.raises(InvalidStatus) as refused:
                await connect(at.url, proxy=None)
            answer = refused.value.response
            assert answer.status_code == 426
            assert answer.headers["upgrade"] == "HTTP/1.1"
            assert f"({setting})" in json.loads(answer.body)["error"]["message"]
            fact = at.on.facts.completed
            assert (fact.outcome, fact.status, fact.error) == ("failed", 426, "unavailable")
        async with opened(at.url) as again:
            at.on.dispatcher.script = (head(), *map(Chunk, SAID))
            await again.send(create())
            assert (await until_end(again))[-1]["type"] == "response.completed"


async def test_one_key_leaves_room_for_another() -> None:
    limits = replace(LIMITS, sockets_per_key=1)
    async with served(door=CLOSED, limits=limits) as at:
        team = {"x-turnout-key": TEAM}
        async with opened(at.url, team), opened(at.url, {"x-turnout-key": ADMIN}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(at.url, additional_headers=team, proxy=None)
            assert refused.value.response.status_code == 426


async def test_a_client_that_leaves_aborts_the_answer() -> None:
    async with served() as at:
        at.on.dispatcher.script = (head(), Chunk(SAID[0]), asyncio.Event())
        async with opened(at.url) as connection:
            await connection.send(create())
            await asyncio.wait_for(at.on.dispatcher.reached.wait(), WAIT_SECONDS)
        await asyncio.wait_for(at.on.dispatcher.closed.wait(), WAIT_SECONDS)
        assert not at.on.dispatcher.finished


async def test_frames_that_come_meanwhile_wait_and_a_flood_is_cut_off() -> None:
    go_on = asyncio.Event()
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), go_on, *map(Chunk, SAID))
        await connection.send(create())
        await connection.send(create())
        await asyncio.wait_for(at.on.dispatcher.reached.wait(), WAIT_SECONDS)
        go_on.set()
        await until_end(connection)
        await until_end(connection)
        assert len(at.on.dispatcher.asked) == 2
        at.on.dispatcher.script = (head(), asyncio.Event())
        with closed_with(1008, "behind an answer"):
            for _ in range(20):
                await connection.send(create())
            await until_end(connection)


async def test_a_binary_frame_closes_with_the_reason() -> None:
    async with served() as at, opened(at.url) as connection:
        await connection.send(create().encode())
        with closed_with(1003, "text messages"):
            await until_end(connection)
        assert at.on.dispatcher.asked == []


async def test_a_flood_in_front_of_the_head_is_cut_off_with_its_reason() -> None:
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (asyncio.Event(),)
        with closed_with(1008, "behind an answer"):
            for _ in range(20):
                await connection.send(create())
            await until_end(connection)


async def test_what_waits_is_bounded_in_bytes_too() -> None:
    async with served() as at, opened(at.url) as connection:
        at.on.dispatcher.script = (head(), asyncio.Event())
        await connection.send(create())
        with closed_with(1008, "behind an answer"):
            for _ in range(2):
                await connection.send(create(instructions="x" * (LIMITS.max_body_bytes - 500)))
            await until_end(connection)


async def test_a_silent_connection_ends_with_its_time() -> None:
    async with (
        served(limits=replace(LIMITS, socket_seconds=0.05)) as at,
        opened(at.url) as connection,
    ):
        (told,) = await until_end(connection)
        error = told["error"]
        assert isinstance(error, dict)
        assert error["code"] == "websocket_connection_limit_reached"
        with closed_with(1001, "lasted long enough"):
            await connection.recv()


async def test_a_frame_beyond_the_limit_closes_and_a_thread_beyond_it_is_told() -> None:
    async with served() as at:
        async with opened(at.url) as connection:
            await connection.send(create(input="x" * LIMITS.max_body_bytes))
            with closed_with(1009):
                await until_end(connection)
        async with opened(at.url) as connection:
            half = "x" * (LIMITS.max_body_bytes * 2 // 3)
            await connection.send(create(input=half, generate=False))
            response = (await until_end(connection))[-1]["response"]
            assert isinstance(response, dict)
            await connection.send(create(input=half, previous_response_id=response["id"]))
            (event,) = await until_end(connection)
            assert event["status"] == 413


@pytest.mark.parametrize(
    ("name", "origin", "status"),
    [
        ("127.0.0.1", "https://evil.example", 403),
        ("evil.example", None, 403),
        ("127.0.0.1", None, 401),
    ],
)
async def test_an_upgrade_is_guarded_like_a_request(
    name: str, origin: str | None, status: int
) -> None:
    async with served(door=CLOSED if status == 401 else OPEN_DOOR) as at:
        headers = {} if origin is None else {"origin": origin}
        url = at.url.replace("127.0.0.1", name)
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                url, additional_headers=headers, proxy=None, host="127.0.0.1", port=at.port
            )
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["error"]["message"]
        fact = at.on.facts.completed
        assert (fact.outcome, fact.status) == ("rejected", status)
        assert refused.value.response.headers["turnout-request-id"] == fact.request_id


async def test_a_stopping_ingress_ends_the_answer_and_then_the_connection() -> None:
    go_on = asyncio.Event()
    async with served() as at, opened(at.url) as busy, opened(at.url) as idle:
        at.on.dispatcher.script = (head(), go_on, *map(Chunk, SAID))
        await busy.send(create())
        await asyncio.wait_for(at.on.dispatcher.reached.wait(), WAIT_SECONDS)
        at.stop.set()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(idle.recv(), WAIT_SECONDS)
        go_on.set()
        assert (await until_end(busy))[-1]["type"] == "response.completed"
        with closed_with(1012, "restarted"):
            await asyncio.wait_for(busy.recv(), WAIT_SECONDS)
        await at.serving
