"""The process that owns the embedded ClickHouse: `python -m turnout.engines.clickhouse`.

Rules: SIGTERM lets running queries finish for a while, kills the rest, closes the tables and ends with
0; being killed at any moment costs no acknowledged insert.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from turnout.engines.clickhouse.engine import Engine, open_engine
from turnout.engines.clickhouse.front import Front
from turnout.engines.clickhouse.library import EngineError
from turnout.engines.clickhouse.outcome import QueryFailed
from turnout.engines.clickhouse.process import DRAIN_SECONDS, TOKEN_VARIABLE

# An idle connection of a pool is kept somewhat longer than clients keep theirs.
KEEPALIVE_SECONDS = 90.0
# After a large query the process shrinks within this time; a purge takes a few milliseconds.
TIDY_SECONDS = 15.0
# For the last answers to go out once their queries have ended or been killed.
CLEANUP_SECONDS = 1.0

_log = logging.getLogger("turnout.engines.clickhouse")


def main() -> int:
    parser = argparse.ArgumentParser(prog="turnout.engines.clickhouse")
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    path: Path = arguments.path
    # Taken out of the environment, so that no child and no query can see it there.
    token = os.environ.pop(TOKEN_VARIABLE, "")
    if not token:
        print(f"{TOKEN_VARIABLE} is not set", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        engine = open_engine(path.resolve())
    except EngineError as error:
        reason = str(error).partition("\n")[0]
        print(f"cannot open the data in {path}: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        asyncio.run(_serve(engine, token=token, host=arguments.host, port=arguments.port))
    finally:
        engine.close()
    return 0


async def _serve(engine: Engine, *, token: str, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    front = Front(engine, token=token)
    runner = web.AppRunner(
        front.application(),
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        keepalive_timeout=KEEPALIVE_SECONDS,
        shutdown_timeout=CLEANUP_SECONDS,
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
        _log.info("serving version=%s address=%s:%s", engine.version, host, port)
        await _wait_tidily(stop, engine)
        await site.stop()
        await front.drain(seconds=DRAIN_SECONDS)
    finally:
        await runner.cleanup()
        await asyncio.to_thread(front.close)


async def _wait_tidily(stop: asyncio.Event, engine: Engine) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIDY_SECONDS):
                await stop.wait()
                return
        try:
            await asyncio.to_thread(engine.release_memory)
        except QueryFailed as failure:
            _log.warning("memory not released code=%s", failure.code)


if __name__ == "__main__":
    sys.exit(main())
