"""Channels and servers with the options that every service needs.

gRPC's defaults are wrong for us in these places: messages are cut at 4 MiB on the receiving side,
balancing is `pick_first`, a channel resolves names again only when a connection closes, and a call
that meets a server on its way out fails. So the limit is set on both sides, balancing is
`round_robin`, servers close connections after `MAX_CONNECTION_AGE_SECONDS`, which is how clients
find new replicas, and calls are sent again as `_SERVICE_CONFIG` says. gRPC sends a call again only
until the answer's first headers, which is why a dispatcher sends those before it asks a provider.
"""

import json
from collections.abc import Sequence

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from turnout.errors import Unavailable
from turnout.rpc.address import Tls

MAX_MESSAGE_BYTES = 40 * 1024 * 1024
"""The largest body (32 MB) with its decision and headers, and room for base64 growth of neither."""

MAX_CONNECTION_AGE_SECONDS = 300
"""New replicas take part within five minutes; streams under way are given the grace below."""

MAX_CONNECTION_GRACE_SECONDS = 3600
"""Longer than the longest stream that we let finish."""

_NOT_ANSWERED = ("UNAVAILABLE", "CANCELLED")
"""What a call ends with when its server is gone, and when it reaches one that is closing. A server of
ours that means `Unavailable` itself says that it is not to be asked again (`rpc/errors.py`); a caller
that cancels its own call is not served again either."""


def _retries(
    service: str, *methods: str, attempts: int, first: str, longest: str
) -> dict[str, object]:
    return {
        "name": [{"service": f"turnout.rpc.v1.{service}", "method": name} for name in methods],
        "retryPolicy": {
            "maxAttempts": attempts,
            "initialBackoff": first,
            "maxBackoff": longest,
            "backoffMultiplier": 2,
            "retryableStatusCodes": list(_NOT_ANSWERED),
        },
    }


_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            # Another replica answers, well inside the 50 ms of a decision. Deciding again leaves the
            # same event id, noting is applied once per request, and a lease is granted and settled once per read.
            _retries("Scorer", "Route", attempts=3, first="0.002s", longest="0.01s"),
            _retries(
                "SessionCacheTracker",
                *("Look", "Note", "Lease", "Settle"),
                attempts=3,
                first="0.002s",
                longest="0.01s",
            ),
            # Nothing can be answered without one, so a call waits for a dispatcher that is started
            # again, as long as the caller does (`begin_seconds`). Five is gRPC's own limit.
            {
                **_retries(
                    "UpstreamDispatcher", "Dispatch", attempts=5, first="0.02s", longest="0.5s"
                ),
                "waitForReady": True,
            },
        ],
    }
)

_COMMON: Sequence[tuple[str, int | str]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


def open_channel(address: str, *, tls: Tls | None) -> aio.Channel:
    """A balanced channel to `host:port`, `dns:///name:port` or a list, `ipv4:host:port,host:port`."""
    is_list = address.startswith(("ipv4:", "ipv6:"))
    options: Sequence[tuple[str, int | str]] = (
        *_COMMON,
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Two channels of one process to one address must not share a dead connection.
        ("grpc.use_local_subchannel_pool", 1),
        # What is not kept cannot be sent again; the default of 256 kB is below a usual body.
        ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
        # The name in certificates is that of one server, not of the list.
        *([("grpc.default_authority", address[5:].partition(",")[0])] if is_list else []),
    )
    target = address if is_list or "://" in address else f"dns:///{address}"
    if tls is None:
        return aio.insecure_channel(target, options=options)
    return aio.secure_channel(
        target,
        grpc.ssl_channel_credentials(
            root_certificates=tls.authority_file.read_bytes(),
            private_key=tls.key_file.read_bytes(),
            certificate_chain=tls.certificate_file.read_bytes(),
        ),
        options=options,
    )


def server_options(*, beside_another: bool = False) -> Sequence[tuple[str, int | str]]:
    """`beside_another`: a predecessor may still listen on the port, or a parent hold it for us."""
    return (
        *_COMMON,
        ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_SECONDS * 1000),
        ("grpc.max_connection_age_grace_ms", MAX_CONNECTION_GRACE_SECONDS * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.so_reuseport", int(beside_another)),
    )


async def serving_status(channel: aio.Channel, *, deadline_seconds: float) -> str:
    """The word ok, or why the server at the other end cannot be called now."""
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(), timeout=deadline_seconds)
    except aio.AioRpcError as failure:
        if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return "does not answer in time"
        return f"cannot be reached ({failure.code().name.lower()})"
    return "ok" if answer.status == health_pb2.HealthCheckResponse.SERVING else "is stopping"


class RpcServer:
    """One gRPC server with health and reflection.

    Health is served under "" and under each service's full name, and turns to NOT_SERVING as the
    first step of a stop, so that balancers look elsewhere while streams finish.

    Attributes:
        is_serving: the same for a probe that speaks HTTP.

    """

    def __init__(
        self,
        *,
        service_names: Sequence[str],
        interceptors: Sequence[aio.ServerInterceptor] = (),
        beside_another: bool = False,
    ) -> None:
        self.is_serving = False
        self._names = service_names
        self._health = health.aio.HealthServicer()
        self.server = aio.server(
            options=server_options(beside_another=beside_another), interceptors=interceptors
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.server)
        reflection.enable_server_reflection(
            (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME), self.server
        )

    async def start(self, *, host: str, port: int, tls: Tls | None) -> int:
        """Bind and serve; the port that was bound. Raises `Unavailable` when it is taken."""
        address = f"{host}:{port}"
        try:
            if tls is None:
                bound = self.server.add_insecure_port(address)
            else:
                credentials = grpc.ssl_server_credentials(
                    [(tls.key_file.read_bytes(), tls.certificate_file.read_bytes())],
                    root_certificates=tls.authority_file.read_bytes(),
                    require_client_auth=True,
                )
                bound = self.server.add_secure_port(address, credentials)
        except RuntimeError as reason:
            raise Unavailable(
                f"Cannot listen on {address}: the port is taken or may not be used."
            ) from reason
        await self.server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self.is_serving = True
        return bound

    async def stop(self, *, grace_seconds: float) -> None:
        """Say that we are leaving, take no new calls, let those under way finish. May be called again
        with a shorter grace.
        """
        self.is_serving = False
        await self._health.enter_graceful_shutdown()
        await self.server.stop(grace_seconds)
