"""The stream of facts in the embedded NATS, whose room is bounded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.js import JetStreamContext
from nats.js.errors import ServerError

from turnout.bus.connection import STREAM_MAX_BYTES, ensure_stream, open_bus
from turnout.bus.control import ControlStore
from turnout.bus.subjects import STREAM
from turnout.engines.free_ports import free_port
from turnout.engines.nats import JETSTREAM_FILE_BYTES, nats_child
from turnout.engines.supervisor import supervising

pytestmark = pytest.mark.anyio

AT_ONCE = 8
ROUNDS = 12
"""One may go well by chance."""


@pytest.fixture
async def jetstream(tmp_path: Path) -> AsyncIterator[JetStreamContext]:
    port = free_port()
    child = nats_child(data_dir=tmp_path, port=port)
    async with (
        supervising([child], data_dir=tmp_path),
        open_bus(f"nats://127.0.0.1:{port}", name="test") as bus,
    ):
        # The bucket of control keys takes its part of the room, as in the product.
        await ControlStore(bus).get("mode.test", deadline_seconds=30)
        yield await bus.jetstream()


async def test_many_may_make_the_stream_at_once(jetstream: JetStreamContext) -> None:
    for _ in range(ROUNDS):
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(ensure_stream(jetstream))
        assert (await jetstream.stream_info(STREAM)).config.max_bytes == STREAM_MAX_BYTES
        await jetstream.delete_stream(STREAM)


async def test_a_stream_that_there_is_no_room_for_is_refused(jetstream: JetStreamContext) -> None:
    with pytest.raises(ServerError, match="insufficient storage"):
        await ensure_stream(jetstream, max_bytes=JETSTREAM_FILE_BYTES + 1)
