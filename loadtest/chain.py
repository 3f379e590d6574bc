"""The baseline of split mode: the same hops as five services make, with nothing done at any of them.

An edge of FastAPI asks a second process over gRPC (Route), which asks a third (Look); then the edge
sends the body to a fourth over gRPC (Dispatch), which forwards it with httpx over aiohttp, streams the
answer back and tells the third afterwards (Note). Bodies are bytes all the way, questions and answers
are as large as turnout's are. What split mode costs more than this is the price of what the services
do, their facts and engines included.
Run: python -m loadtest.chain --port 9003 --upstream http://127.0.0.1:9001; ports 9004 to 9006 are
taken as well.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias, get_args

import grpc
import httpx
import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from grpc import aio
from httpx_aiohttp import AiohttpTransport

from loadtest.relay import MAX_CONNECTIONS, OWN_HEADERS, SECONDS
from turnout.rpc.channel import open_channel, server_options

Role: TypeAlias = Literal["edge", "look", "route", "dispatch"]

QUESTION = bytes(1_000)
"""A Look, a Note and a Route of a small request, as encoded by turnout, to a few hundred bytes."""

ANSWER = bytes(3_000)
"""A decision with its inputs and nine candidates."""

STATE = bytes(300)

SERVICE = "loadtest.Chain"

_Ask: TypeAlias = Callable[[bytes, "aio.ServicerContext[bytes, bytes]"], Awaitable[bytes]]


class Forward(msgspec.Struct):
    """What the edge sends to the process that dispatches."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Begun(msgspec.Struct):
    """How an answer begins; its bytes follow."""

    status: int
    headers: dict[str, str]


_FORWARD = msgspec.msgpack.Decoder(Forward)
_BEGUN = msgspec.msgpack.Decoder(Begun)


async def _look(_: bytes, context: "aio.ServicerContext[bytes, bytes]") -> bytes:
    del context
    return STATE


def _route(look: aio.Channel) -> _Ask:
    ask: aio.UnaryUnaryMultiCallable[bytes, bytes] = look.unary_unary(f"/{SERVICE}/Ask")

    async def route(_: bytes, context: "aio.ServicerContext[bytes, bytes]") -> bytes:
        del context
        # The processes start side by side; one that is not there yet is waited for.
        await ask(QUESTION, timeout=SECONDS, wait_for_ready=True)
        return ANSWER

    return route


def _client(upstream: str) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
    )
    return httpx.AsyncClient(
        base_url=upstream,
        transport=AiohttpTransport(limits=limits),
        timeout=SECONDS,
        trust_env=False,
    )


async def _serve(role: Role, *, port: int, upstream: str) -> None:
    """One of the processes behind the edge, until the edge is gone."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    server = aio.server(options=server_options())
    async with (
        open_channel(f"127.0.0.1:{port + _offset('look')}", tls=None) as look,
        _client(upstream) as client,
    ):
        tell: aio.UnaryUnaryMultiCallable[bytes, bytes] = look.unary_unary(f"/{SERVICE}/Ask")
        telling: set[asyncio.Task[None]] = set()

        async def note() -> None:
            await tell(QUESTION, timeout=SECONDS)

        async def dispatch(
            message: bytes, context: "aio.ServicerContext[bytes, bytes]"
        ) -> AsyncIterator[bytes]:
            del context
            told = _FORWARD.decode(message)
            async with client.stream(
                "POST", told.path, content=told.body, headers=told.headers
            ) as answer:
                headers = {
                    name: value for name, value in answer.headers.items() if name not in OWN_HEADERS
                }
                yield msgspec.msgpack.encode(Begun(answer.status_code, headers))
                async for chunk in answer.aiter_raw():
                    yield chunk
            # Nobody waits for it, in turnout neither.
            task = asyncio.create_task(note())
            telling.add(task)
            task.add_done_callback(telling.discard)

        ask = _route(look) if role == "route" else _look
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    SERVICE,
                    {
                        "Ask": grpc.unary_unary_rpc_method_handler(ask),
                        "Forward": grpc.unary_stream_rpc_method_handler(dispatch),
                    },
                ),
            )
        )
        server.add_insecure_port(f"127.0.0.1:{port + _offset(role)}")
        await server.start()
        await stop.wait()
        await server.stop(1.0)
        await asyncio.gather(*telling, return_exceptions=True)


def _offset(role: Role) -> int:
    return get_args(Role).index(role)


def build(port: int) -> FastAPI:
    """The edge."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with (
            open_channel(f"127.0.0.1:{port + _offset('route')}", tls=None) as route,
            open_channel(f"127.0.0.1:{port + _offset('dispatch')}", tls=None) as dispatch,
        ):
            app.state.ask = route.unary_unary(f"/{SERVICE}/Ask")
            app.state.forward = dispatch.unary_stream(f"/{SERVICE}/Forward")
            app.state.ask_dispatch = dispatch.unary_unary(f"/{SERVICE}/Ask")
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready() -> Response:
        for ask in (app.state.ask, app.state.ask_dispatch):
            await ask(QUESTION, timeout=SECONDS, wait_for_ready=True)
        return Response()

    @app.post("/{path:path}")
    async def forward(path: str, request: Request) -> Response:
        body = await request.body()
        await app.state.ask(QUESTION, timeout=SECONDS)
        headers = [
            (name, value) for name, value in request.headers.items() if name not in OWN_HEADERS
        ]
        call = app.state.forward(
            msgspec.msgpack.encode(Forward(f"/{path}", headers, body)), timeout=SECONDS
        )
        chunks = aiter(call)
        begun = _BEGUN.decode(await anext(chunks))
        if begun.headers.get("content-type", "").startswith("text/event-stream"):
            return StreamingResponse(chunks, status_code=begun.status, headers=begun.headers)
        whole = b"".join([chunk async for chunk in chunks])
        return Response(whole, status_code=begun.status, headers=begun.headers)

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--role", choices=get_args(Role), default="edge")
    told = parser.parse_args()
    port: int = told.port
    upstream: str = told.upstream
    role: Role = told.role
    if role != "edge":
        uvloop.run(_serve(role, port=port, upstream=upstream))
        return
    for behind in get_args(Role)[1:]:
        argv = ("--port", str(port), "--upstream", upstream, "--role", behind)
        # Their standard input ends with this process, however it ends.
        subprocess.Popen((sys.executable, "-m", "loadtest.chain", *argv), stdin=subprocess.PIPE)
    uvicorn.run(
        build(port),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
