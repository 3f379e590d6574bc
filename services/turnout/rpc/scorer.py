"""The scorer's port over gRPC: both sides."""

from collections.abc import Awaitable

from grpc import aio
from typing_extensions import override

from turnout.errors import TurnoutError
from turnout.ports import RouteAnswer, RouteRequest, Scorer
from turnout.protos import from_pb, to_pb
from turnout.rpc.errors import abort_with, error_from
from turnout.rpc.trace_context import trace_metadata
from turnout.rpc.v1 import scorer_pb2, scorer_pb2_grpc

SERVICE_NAME = "turnout.rpc.v1.Scorer"


class RemoteScorer:
    """Asks a scorer over gRPC."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = scorer_pb2_grpc.ScorerStub(channel)

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        message = to_pb(request, scorer_pb2.RouteRequest)
        try:
            answer = await self._stub.Route(
                message, timeout=deadline_seconds, metadata=trace_metadata()
            )
        except aio.AioRpcError as failure:
            raise error_from(failure, service="scorer") from None
        return from_pb(RouteAnswer, answer)


class ScorerServer(scorer_pb2_grpc.ScorerServicer):
    """Serves a scorer that lives in this process."""

    def __init__(self, scorer: Scorer, *, deadline_seconds: float) -> None:
        self._scorer = scorer
        self._deadline_seconds = deadline_seconds

    @override
    async def Route(
        self,
        request: scorer_pb2.RouteRequest,
        context: aio.ServicerContext[scorer_pb2.RouteRequest, Awaitable[scorer_pb2.RouteResponse]],
    ) -> scorer_pb2.RouteResponse:
        try:
            answer = await self._scorer.route(
                from_pb(RouteRequest, request),
                deadline_seconds=remaining_seconds(
                    context.time_remaining(), at_most=self._deadline_seconds
                ),
            )
        except TurnoutError as error:
            await abort_with(context, error)
            raise
        return to_pb(answer, scorer_pb2.RouteResponse)

    def add_to(self, server: aio.Server) -> None:
        scorer_pb2_grpc.add_ScorerServicer_to_server(self, server)


def remaining_seconds(remaining: float | None, *, at_most: float) -> float:
    """What is left of the caller's deadline, never more than the server's own."""
    return at_most if remaining is None else min(remaining, at_most)
