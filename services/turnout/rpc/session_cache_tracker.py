"""The session-cache tracker's port over gRPC: both sides."""

from collections.abc import Awaitable

from grpc import aio
from typing_extensions import override

from turnout.errors import TurnoutError
from turnout.policy.thread import ThreadState
from turnout.ports import (
    LeaseAnswer,
    LeaseRequest,
    LookRequest,
    Note,
    SessionCacheTracker,
    Settlement,
)
from turnout.protos import from_pb, to_pb
from turnout.rpc.errors import abort_with, error_from
from turnout.rpc.scorer import remaining_seconds
from turnout.rpc.trace_context import trace_metadata
from turnout.rpc.v1 import routing_pb2
from turnout.rpc.v1 import session_cache_tracker_pb2 as messages
from turnout.rpc.v1 import session_cache_tracker_pb2_grpc as stubs

SERVICE_NAME = "turnout.rpc.v1.SessionCacheTracker"


class RemoteSessionCacheTracker:
    """Asks a tracker over gRPC."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = stubs.SessionCacheTrackerStub(channel)

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        message = to_pb(request, messages.LookRequest)
        try:
            answer = await self._stub.Look(
                message, timeout=deadline_seconds, metadata=trace_metadata()
            )
        except aio.AioRpcError as failure:
            raise error_from(failure, service="session-cache-tracker") from None
        return from_pb(ThreadState, answer.state)

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        message = to_pb(note, messages.NoteRequest)
        try:
            await self._stub.Note(message, timeout=deadline_seconds, metadata=trace_metadata())
        except aio.AioRpcError as failure:
            raise error_from(failure, service="session-cache-tracker") from None

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        message = to_pb(request, messages.LeaseRequest)
        try:
            answer = await self._stub.Lease(
                message, timeout=deadline_seconds, metadata=trace_metadata()
            )
        except aio.AioRpcError as failure:
            raise error_from(failure, service="session-cache-tracker") from None
        return from_pb(LeaseAnswer, answer)

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        message = to_pb(settlement, messages.SettleRequest)
        try:
            await self._stub.Settle(message, timeout=deadline_seconds, metadata=trace_metadata())
        except aio.AioRpcError as failure:
            raise error_from(failure, service="session-cache-tracker") from None


class SessionCacheTrackerServer(stubs.SessionCacheTrackerServicer):
    """Serves a tracker that lives in this process."""

    def __init__(self, tracker: SessionCacheTracker, *, deadline_seconds: float) -> None:
        self._tracker = tracker
        self._deadline_seconds = deadline_seconds

    @override
    async def Look(
        self,
        request: messages.LookRequest,
        context: aio.ServicerContext[messages.LookRequest, Awaitable[messages.LookResponse]],
    ) -> messages.LookResponse:
        try:
            state = await self._tracker.look(
                from_pb(LookRequest, request),
                deadline_seconds=remaining_seconds(
                    context.time_remaining(), at_most=self._deadline_seconds
                ),
            )
        except TurnoutError as error:
            await abort_with(context, error)
            raise
        return messages.LookResponse(state=to_pb(state, routing_pb2.ThreadState))

    @override
    async def Note(
        self,
        request: messages.NoteRequest,
        context: aio.ServicerContext[messages.NoteRequest, Awaitable[messages.NoteResponse]],
    ) -> messages.NoteResponse:
        try:
            await self._tracker.note(
                from_pb(Note, request),
                deadline_seconds=remaining_seconds(
                    context.time_remaining(), at_most=self._deadline_seconds
                ),
            )
        except TurnoutError as error:
            await abort_with(context, error)
            raise
        return messages.NoteResponse()

    @override
    async def Lease(
        self,
        request: messages.LeaseRequest,
        context: aio.ServicerContext[messages.LeaseRequest, Awaitable[messages.LeaseResponse]],
    ) -> messages.LeaseResponse:
        try:
            answer = await self._tracker.lease(
                from_pb(LeaseRequest, request),
                deadline_seconds=remaining_seconds(
                    context.time_remaining(), at_most=self._deadline_seconds
                ),
            )
        except TurnoutError as error:
            await abort_with(context, error)
            raise
        return to_pb(answer, messages.LeaseResponse)

    @override
    async def Settle(
        self,
        request: messages.SettleRequest,
        context: aio.ServicerContext[messages.SettleRequest, Awaitable[messages.SettleResponse]],
    ) -> messages.SettleResponse:
        try:
            await self._tracker.settle(
                from_pb(Settlement, request),
                deadline_seconds=remaining_seconds(
                    context.time_remaining(), at_most=self._deadline_seconds
                ),
            )
        except TurnoutError as error:
            await abort_with(context, error)
            raise
        return messages.SettleResponse()

    def add_to(self, server: aio.Server) -> None:
        stubs.add_SessionCacheTrackerServicer_to_server(self, server)
