import asyncio
import os
import signal
from pathlib import Path

import nats
import redis.asyncio as redis
from nats.errors import Error as NatsError
from redis.exceptions import RedisError

from turnout.engines.free_ports import free_port
from turnout.engines.nats import MAX_PAYLOAD_BYTES, nats_child
from turnout.engines.supervisor import Supervisor, supervising
from turnout.engines.valkey import valkey_child


async def kill_and_wait(supervisor: Supervisor, name: str) -> None:
    """Kill a child and wait until the supervisor has put another in its place."""
    pid = supervisor.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while supervisor.restarts(name) == 0 or supervisor.pid(name) is None:
            await asyncio.sleep(0.01)


def test_an_acknowledged_message_survives_a_kill_of_nats(tmp_path: Path) -> None:
    port = free_port()

    async def scenario() -> bytes:
        child = nats_child(data_dir=tmp_path, port=port)
        async with supervising([child], data_dir=tmp_path) as supervisor:
            client = await nats.connect(f"nats://127.0.0.1:{port}", reconnect_time_wait=0.05)
            try:
                stream = client.jetstream()
                await stream.add_stream(name="FACTS", subjects=["facts.>"])
                await stream.publish("facts.one", b"kept")
                await kill_and_wait(supervisor, "nats")
                async with asyncio.timeout(10):
                    while True:
                        try:
                            return (await stream.get_msg("FACTS", seq=1)).data or b""
                        except NatsError:
                            await asyncio.sleep(0.05)
            finally:
                await client.close()

    assert asyncio.run(scenario()) == b"kept"


def test_a_key_survives_a_stop_and_a_kill_of_valkey(tmp_path: Path) -> None:
    port = free_port()

    async def scenario() -> list[tuple[object, bool]]:
        seen: list[tuple[object, bool]] = []
        async with redis.Redis(host="127.0.0.1", port=port) as client:
            async with supervising([valkey_child(data_dir=tmp_path, port=port)], data_dir=tmp_path):
                await client.set("turnout:a", b"kept", ex=1000)
            async with supervising(
                [valkey_child(data_dir=tmp_path, port=port)], data_dir=tmp_path
            ) as supervisor:
                seen.append((await client.get("turnout:a"), await client.ttl("turnout:a") > 0))
                await client.set("turnout:b", b"kept", ex=1000)
                await kill_and_wait(supervisor, "valkey")
                async with asyncio.timeout(10):
                    while len(seen) < 2:
                        try:
                            kept = await client.get("turnout:b")
                            seen.append((kept, await client.ttl("turnout:b") > 0))
                        except RedisError:
                            await asyncio.sleep(0.05)
        return seen

    assert asyncio.run(scenario()) == [(b"kept", True), (b"kept", True)]


def test_engines_listen_on_loopback_only(nats_url: str, redis_url: str) -> None:
    ports = {int(url.rsplit(":", 1)[1].partition("/")[0]) for url in (nats_url, redis_url)}
    listening = set[tuple[str, int]]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            address, state = row.split()[1], row.split()[3]
            host, _, port = address.partition(":")
            if state == "0A" and int(port, 16) in ports:
                listening.add((host, int(port, 16)))
    assert listening == {("0100007F", port) for port in ports}


def test_memory_and_payload_are_bounded(nats_url: str, redis_url: str) -> None:
    async def scenario() -> tuple[int, object, object]:
        client = await nats.connect(nats_url)
        try:
            largest = client.max_payload
        finally:
            await client.close()
        async with redis.from_url(redis_url) as store:
            limits = await store.config_get("maxmemory*")
        return largest, limits["maxmemory"], limits["maxmemory-policy"]

    assert asyncio.run(scenario()) == (MAX_PAYLOAD_BYTES, str(128 * 1024 * 1024), "volatile-lru")
