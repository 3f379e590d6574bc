"""The baseline: a plain relay of FastAPI and httpx over aiohttp, as such relays are written.

It forwards bytes and looks at nothing: one shared client, streams as they come, one uvicorn worker
on uvloop and httptools. What a gateway costs more than this is the price of what it does.
Run: python -m loadtest.relay --port 9002 --upstream http://127.0.0.1:9001.
"""

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from httpx_aiohttp import AiohttpTransport
from starlette.background import BackgroundTask

SECONDS = 60.0

MAX_CONNECTIONS = 1000
"""More than the load opens, so that nothing waits for a connection."""

OWN_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding"})
"""Set by each side for itself."""


def build(upstream: str) -> FastAPI:
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
    )
    client = httpx.AsyncClient(
        base_url=upstream,
        transport=AiohttpTransport(limits=limits),
        timeout=SECONDS,
        trust_env=False,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/{path:path}")
    async def forward(path: str, request: Request) -> Response:
        sent = client.build_request(
            "POST",
            httpx.URL(path=f"/{path}", query=request.scope["query_string"] or None),
            content=await request.body(),
            headers=[
                (name, value) for name, value in request.headers.items() if name not in OWN_HEADERS
            ],
        )
        answer = await client.send(sent, stream=True)
        headers = {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return StreamingResponse(
                answer.aiter_raw(),
                status_code=answer.status_code,
                headers=headers,
                background=BackgroundTask(answer.aclose),
            )
        return Response(await answer.aread(), status_code=answer.status_code, headers=headers)

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    told = parser.parse_args()
    uvicorn.run(
        build(told.upstream),
        host="127.0.0.1",
        port=told.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
