"""Ports that are held: nobody else gets them, those they are for do."""

import socket
from pathlib import Path

import pytest

from turnout.engines.failure import EngineFailed
from turnout.engines.free_ports import free_ports
from turnout.holding import holding
from turnout.http_server import listen
from turnout.ingress_section import Ingress
from turnout.keys import new_key
from turnout.parts import catalog_of
from turnout.processes import plan
from turnout.router_key import RouterKey
from turnout.rpc.channel import RpcServer
from turnout.settings import BadSetting, Dispatcher, Scorer, Settings, Tracker

pytestmark = pytest.mark.anyio


def settings(*, replicas: int = 3) -> Settings:
    scorer, tracker, dispatcher = free_ports(3)
    return Settings(
        ingress=Ingress(port=0),
        scorer=Scorer(port=scorer, replicas=replicas, metrics_port=9000),
        session_cache_tracker=Tracker(port=tracker),
        upstream_dispatcher=Dispatcher(port=dispatcher),
    )


async def test_every_replica_has_a_port_of_its_own() -> None:
    told = settings()
    async with holding(told) as held:
        assert len(set(held.ports["scorer"])) == 3
        assert held.ports["scorer"][0] == told.scorer.port
        assert held.ports["session-cache-tracker"] == (told.session_cache_tracker.port,)


async def test_a_server_and_its_successor_listen_on_a_held_port() -> None:
    async with holding(settings()) as held:
        port = held.ports["scorer"][0]
        servers = [RpcServer(service_names=(), beside_another=True) for _ in range(2)]
        for server in servers:
            assert await server.start(host="127.0.0.1", port=port, tls=None) == port
        for server in servers:
            await server.stop(grace_seconds=0)


async def test_a_held_port_is_nobody_elses() -> None:
    async with holding(settings()) as held:
        with (
            socket.socket() as stranger,
            pytest.raises(OSError, match="in use"),
        ):
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", held.ports["scorer"][1]))


async def test_two_of_them_do_not_share_a_port() -> None:
    told = settings(replicas=1)
    async with holding(told):
        with pytest.raises(EngineFailed) as failure:
            async with holding(told):
                raise AssertionError
    assert failure.value.message == (
        f"session-cache-tracker cannot start: 127.0.0.1:{told.session_cache_tracker.port} is taken"
        " by another program or service; stop that one or set TURNOUT_SESSION_CACHE_TRACKER__PORT"
    )


def test_an_ingress_that_cannot_listen_says_which_variable_is_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSetting, match="set TURNOUT_INGRESS__PORT to a free port"):
            listen(Settings(ingress=Ingress(port=port)))
    # TEST-NET-1 of RFC 5737: no machine's own.
    key = RouterKey.model_validate_json(new_key("test", tenant="default", tags={}).entry)
    elsewhere = Ingress(host="192.0.2.1", port=0, keys=(key,))
    with pytest.raises(BadSetting, match="set TURNOUT_INGRESS__HOST to an address of this machine"):
        listen(Settings(ingress=elsewhere))


async def test_clients_are_told_every_scorer(tmp_path: Path) -> None:
    told = settings().model_copy(update={"data_dir": tmp_path})
    async with holding(told) as held:
        children = {one.name: one for one in plan(told, catalog_of(told), held=held).children}
        ports = held.ports["scorer"]
    listed = ",".join(f"127.0.0.1:{port}" for port in ports)
    assert children["ingress"].env["TURNOUT_SCORER__ADDRESS"] == f"ipv4:{listed}"
    names = ("scorer", "scorer-2", "scorer-3")
    for number, (name, port) in enumerate(zip(names, ports, strict=True)):
        assert children[name].env["TURNOUT_SCORER__PORT"] == str(port)
        assert children[name].env["TURNOUT_SCORER__METRICS_PORT"] == str(9000 + number)
    assert set(names) <= set(children["ingress"].after)
