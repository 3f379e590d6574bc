"""The control endpoints: decisions explained, outcomes, models, artifacts, health; those of tenants are in
`ingress/tenants.py`.

Ordinary FastAPI with OpenAPI. They answer JSON; errors have the shape
`{"error": {"type": kind, "message": text}}`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Protocol

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from turnout.bus.control import SetBy, Stand
from turnout.bus.control_keys import MOST_ARTIFACT_BYTES, ArtifactRole
from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.dialects.endpoints import gemini_call
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest, RequestTooLarge, TurnoutError
from turnout.ingress.artifacts import Artifacts, too_large
from turnout.ingress.intake import Intake
from turnout.ingress.model_lists import (
    Asked,
    Listed,
    asked_by,
    dialect_of,
    encode_error,
    encode_list,
    encode_model,
    listed_for,
)
from turnout.ingress.modes import ModeBoard
from turnout.ingress.outcomes import MOST_AHEAD_SECONDS, Outcome, fact_of, is_possible_time
from turnout.ingress.proxy import Limits
from turnout.ingress.reception import Reception, body_schema, checked, in_json
from turnout.ingress.room import Room
from turnout.policy.explain import explain
from turnout.ports import FactSink, Scorer
from turnout.tenant_settings import TenantSettings

MOST_OUTCOMES = 1000
"""Outcomes in one call."""

MOST_OUTCOME_BYTES = 4 * 1024 * 1024
"""A thousand outcomes with every field at its longest are smaller."""

MOST_PATH_CHARACTERS = 500
"""The longest path of a model's API, with its name."""

EXPLAIN_SECONDS = 2.0
"""A person waits for an explanation, and a cold embedding should be in it."""


class ControlStore(Protocol):
    """Where control state is kept for every replica. Every call raises `Unavailable` without the bus."""

    async def stand(self, key: str, *, deadline_seconds: float) -> Stand: ...

    async def put(
        self, key: str, value: str, *, by: SetBy | None = None, deadline_seconds: float
    ) -> None: ...

    async def put_unchanged(
        self, key: str, value: str, *, by: SetBy, revision: int, deadline_seconds: float
    ) -> bool:
        """Whether `key` still stood at `revision` and was set."""
        ...


class OutcomesAccepted(BaseModel):
    outcome_ids: list[str]


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Control:
    """What the control endpoints work with."""

    intake: Intake
    scorer: Scorer
    facts: FactSink
    catalog: Catalog
    modes: ModeBoard
    settings: TenantSettings
    store: ControlStore
    artifacts: Artifacts
    limits: Limits
    room: Room
    exposition: Callable[[], tuple[bytes, str]]
    parts: Callable[[], Awaitable[dict[str, str]]]


class ControlEndpoints:
    """The endpoints, bound to their parts."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._reception = Reception(control.intake, control.limits, control.room)

    def routes(self) -> APIRouter:
        routes = APIRouter()
        add = routes.add_api_route
        add(
            "/v1/route",
            self.route,
            methods=["POST"],
            summary="Decide without sending",
            openapi_extra=body_schema({"type": "object"}),
        )
        add(
            "/v1/outcomes",
            self.outcomes,
            methods=["POST"],
            status_code=202,
            summary="Report what came of the work",
            openapi_extra=body_schema(
                {"anyOf": [_OUTCOME_SCHEMA, {"type": "array", "items": _OUTCOME_SCHEMA}]}
            ),
        )
        for root in ("/v1", "/v1beta"):
            add(f"{root}/models", self.models, methods=["GET"], summary="Models, as the asker asks")
            add(f"{root}/models/{{model:path}}", self.model, methods=["GET"], summary="One model")
        add("/v1/artifacts", self.artifacts, methods=["GET"], summary="The artifacts that decide")
        add(
            "/v1/artifacts/{role}",
            self.change_artifact,
            methods=["PUT"],
            summary="Decide with another artifact, or run one in shadow",
            openapi_extra=body_schema({"type": "object"}),
        )
        add(
            "/v1/artifacts/{role}",
            self.drop_artifact,
            methods=["DELETE"],
            summary="Go back to the artifact of the settings, or end the shadow",
        )
        add("/health", self.health, methods=["GET"], summary="The process is alive")
        add("/ready", self.ready, methods=["GET"], summary="Which parts can serve")
        add("/metrics", self.metrics, methods=["GET"], include_in_schema=False)
        return routes

    async def route(
        self,
        request: Request,
        dialect: Annotated[
            Dialect,
            Query(description="What the body is written in."),
        ] = "anthropic_messages",
        path: Annotated[
            str,
            Query(
                max_length=MOST_PATH_CHARACTERS,
                description="Where it would be sent; Gemini's paths name model and method.",
            ),
        ] = "/v1/route",
    ) -> Response:
        """The decision for a request body, with its whole explanation; nothing is sent."""
        control = self._control
        arrival = self._reception.arrive(request)
        caller = control.intake.admit(arrival, dialect)
        body = await self._reception.body(request, max_bytes=control.limits.max_body_bytes)
        question = control.intake.read(arrival, caller, body, DIALECTS[dialect], path=path)
        answer = await control.scorer.route(
            question.for_scorer(explain_only=True),
            deadline_seconds=max(EXPLAIN_SECONDS, control.limits.route_seconds),
        )
        return in_json(
            {
                "request_id": arrival.request_id,
                "explanation": explain(answer.decision, answer.inputs, catalog=control.catalog),
                "decision": answer.decision,
                "inputs": answer.inputs,
            }
        )

    async def outcomes(self, request: Request) -> OutcomesAccepted:
        """One outcome or a list of them. Telling the same one twice counts once."""
        caller = self._reception.admit(self._reception.arrive(request))
        now = self._control.intake.clock()
        items = _outcomes_in(
            await self._reception.body(request, max_bytes=MOST_OUTCOME_BYTES), now=now
        )
        if len(items) > MOST_OUTCOMES:
            raise InvalidRequest(f"At most {MOST_OUTCOMES} outcomes in one call; split them.")
        facts = [fact_of(item, caller, now=now) for item in items]
        for fact in facts:
            self._control.facts.record(fact)
        return OutcomesAccepted(outcome_ids=[fact.event_id for fact in facts])

    async def models(self, request: Request) -> Response:
        """In the shape of Anthropic, OpenAI, Gemini or Codex, by what the client sends."""
        return self._listed(
            request, lambda asked, listed, today: encode_list(asked, listed, today=today)
        )

    async def model(self, request: Request, model: str) -> Response:
        """One model by any of its names, in the shape of whoever asks."""
        if gemini_call(request.url.path) is not None:
            # A call of a model, which no name of a model ends in.
            raise HTTPException(405, headers={"allow": "POST"})
        catalog = self._control.catalog
        return self._listed(
            request,
            lambda asked, listed, today: encode_model(
                asked, model, listed, catalog=catalog, today=today
            ),
        )

    def _listed(
        self, request: Request, encode: Callable[[Asked, list[Listed], date], bytes]
    ) -> Response:
        control = self._control
        arrival = self._reception.arrive(request)
        asked = asked_by(path=arrival.path, query=arrival.query, headers=arrival.headers)
        try:
            caller = control.intake.admit(arrival, dialect_of(asked.shape))
            today = datetime.fromtimestamp(control.intake.clock(), UTC).date()
            body = encode(asked, listed_for(control.catalog, caller.access), today)
        except TurnoutError as error:
            told = encode_error(asked, error, request_id=arrival.request_id)
            return Response(content=told.body, status_code=told.status, headers=dict(told.headers))
        return Response(content=body, media_type="application/json")

    async def artifacts(self, request: Request) -> Response:
        """Digest, date of the newest row and source of the active artifact and of the one in shadow."""
        self._reception.admit(self._reception.arrive(request))
        return in_json(await self._control.artifacts.states())

    async def change_artifact(self, request: Request, role: ArtifactRole) -> Response:
        """The body is the file that `turnout train` wrote. Scorers take it within a second."""
        self._reception.admit_to_change(self._reception.arrive(request), "artifacts")
        try:
            body = await self._reception.body(request, max_bytes=MOST_ARTIFACT_BYTES)
        except RequestTooLarge:
            raise too_large() from None
        await self._control.artifacts.put(role, body)
        return in_json(await self._control.artifacts.states())

    async def drop_artifact(self, request: Request, role: ArtifactRole) -> Response:
        """What is not there is dropped all the same."""
        self._reception.admit_to_change(self._reception.arrive(request), "artifacts")
        await self._control.artifacts.drop(role)
        return in_json(await self._control.artifacts.states())

    async def health(self) -> dict[str, str]:
        return {"status": "ok"}

    async def ready(self, response: Response) -> Health:
        """503 when requests cannot be served; `degraded` names the parts they are served without."""
        parts = await self._control.parts()
        if parts.get("ingress") != "ok":
            response.status_code = 503
        is_whole = all(state == "ok" for state in parts.values())
        return Health(status="ok" if is_whole else "degraded", parts=parts)

    async def metrics(self) -> Response:
        body, content_type = self._control.exposition()
        return Response(content=body, headers={"content-type": content_type})


_OUTCOME_SCHEMA = Outcome.model_json_schema()


def _outcomes_in(body: bytes, *, now: float) -> list[Outcome]:
    try:
        if body.lstrip()[:1] != b"[":
            return [_outcome(msgspec.json.decode(body, type=dict[str, object]), now=now)]
        told = msgspec.json.decode(body, type=list[object])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as reason:
        raise InvalidRequest(f"The body is no outcome and no list of them: {reason}.") from None
    return [_outcome(item, now=now, place=f"{at}.") for at, item in enumerate(told)]


def _outcome(told: object, *, now: float, place: str = "") -> Outcome:
    item = checked(Outcome, told, place=place)
    if not is_possible_time(item, now=now):
        latest = datetime.fromtimestamp(now + MOST_AHEAD_SECONDS, UTC).isoformat(timespec="seconds")
        raise InvalidRequest(
            f"{place}occurred_at: must be from 1970-01-01T00:00:00Z on and no more than a day ahead:"
            f" not after {latest}."
        )
    return item
