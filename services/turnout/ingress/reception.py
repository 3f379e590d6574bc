"""What control endpoints have in common: who calls, what they may, what they send, and answers in JSON.

A body is read only once the caller is known, and within bounds: FastAPI would do neither.
"""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from turnout.errors import InvalidRequest, NotAllowed
from turnout.ingress.body import read_body
from turnout.ingress.callers import Caller
from turnout.ingress.intake import Arrival, Intake
from turnout.ingress.paths import speaks_at
from turnout.ingress.proxy import Limits
from turnout.ingress.room import Room

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Reception:
    """Receives calls of control endpoints."""

    intake: Intake
    limits: Limits
    room: Room

    def arrive(self, request: Request) -> Arrival:
        return self.intake.arrive(
            path=request.url.path, query=request.url.query, raw_headers=request.headers.raw
        )

    def admit(self, arrival: Arrival) -> Caller:
        dialect = speaks_at(arrival.path, arrival.query, arrival.headers)
        return self.intake.admit(arrival, dialect)

    def admit_to_change(self, arrival: Arrival, what: str) -> Caller:
        caller = self.admit(arrival)
        if not caller.is_admin:
            raise NotAllowed(
                f"This router key may not change {what}; TURNOUT_INGRESS__ADMIN_KEYS names those"
                " that may."
            )
        return caller

    async def body(self, request: Request, *, max_bytes: int) -> bytes:
        place = self.room.enter()
        try:
            return await read_body(
                request.scope,
                request.receive,
                place=place,
                max_bytes=max_bytes,
                seconds=self.limits.body_seconds,
            )
        finally:
            place.leave()


def checked(cls: type[T], told: object, *, place: str = "") -> T:
    """The body as its type. Raises `InvalidRequest` naming the field that is wrong."""
    try:
        if isinstance(told, bytes):
            return cls.model_validate_json(told)
        return cls.model_validate(told)
    except ValidationError as reason:
        first = reason.errors(include_url=False, include_input=False)[0]
        name = place + ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{name.rstrip('.') or 'body'}: {first['msg']}.") from None


def in_json(value: object) -> Response:
    return Response(content=msgspec.json.encode(value), media_type="application/json")


def body_schema(schema: dict[str, object]) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
