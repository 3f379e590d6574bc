"""The control endpoints: decisions explained, outcomes, models, modes, artifacts, health.

Ordinary FastAPI with OpenAPI. They answer JSON; errors have the shape
`{"error": {"type": kind, "message": text}}`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Protocol, TypeVar

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException

from turnout.bus.control_keys import MODE_KEY, MOST_ARTIFACT_BYTES, ArtifactRole
from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.dialects.endpoints import gemini_call
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest, NotAllowed, RequestTooLarge, TurnoutError
from turnout.facts import ModeChanged
from turnout.ingress.artifacts import Artifacts, too_large
from turnout.ingress.body import read_body
from turnout.ingress.callers import Caller
from turnout.ingress.intake import Arrival, Intake
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
from turnout.ingress.paths import speaks_at
from turnout.ingress.proxy import Limits
from turnout.policy.explain import explain
from turnout.policy.modes import as_mode
from turnout.policy.request import Mode
from turnout.ports import FactSink, Scorer

MOST_OUTCOMES = 1000
"""Outcomes in one call."""

MOST_OUTCOME_BYTES = 4 * 1024 * 1024
"""A thousand outcomes with every field at its longest are smaller."""

MOST_MODE_BYTES = 1024

MOST_PATH_CHARACTERS = 500
"""The longest path of a model's API, with its name."""

EXPLAIN_SECONDS = 2.0
"""A person waits for an explanation, and a cold embedding should be in it."""

TENANT_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
"""What a control key can hold."""

T = TypeVar("T", bound=BaseModel)

STORE_SECONDS = 2.0
"""How long a change of mode may take to be kept."""


class ControlStore(Protocol):
    """Where control state is kept for every replica."""

    async def put(self, key: str, value: str, *, deadline_seconds: float) -> None:
        """Raises `Unavailable` when the bus cannot be reached."""
        ...


class OutcomesAccepted(BaseModel):
    outcome_ids: list[str]


class ModeChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Mode


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
    store: ControlStore
    artifacts: Artifacts
    limits: Limits
    exposition: Callable[[], tuple[bytes, str]]
    parts: Callable[[], Awaitable[dict[str, str]]]


class ControlEndpoints:
    """The endpoints, bound to their parts."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> APIRouter:
        routes = APIRouter()
        add = routes.add_api_route
        add(
            "/v1/route",
            self.route,
            methods=["POST"],
            summary="Decide without sending",
            openapi_extra=_body_schema({"type": "object"}),
        )
        add(
            "/v1/outcomes",
            self.outcomes,
            methods=["POST"],
            status_code=202,
            summary="Report what came of the work",
            openapi_extra=_body_schema(
                {"anyOf": [_OUTCOME_SCHEMA, {"type": "array", "items": _OUTCOME_SCHEMA}]}
            ),
        )
        for root in ("/v1", "/v1beta"):
            add(f"{root}/models", self.models, methods=["GET"], summary="Models, as the asker asks")
            add(f"{root}/models/{{model:path}}", self.model, methods=["GET"], summary="One model")
        add("/v1/modes", self.modes, methods=["GET"], summary="The mode of every tenant")
        add(
            "/v1/modes/{tenant}",
            self.change_mode,
            methods=["PUT"],
            summary="Change a mode",
            openapi_extra=_body_schema(ModeChange.model_json_schema()),
        )
        add("/v1/artifacts", self.artifacts, methods=["GET"], summary="The artifacts that decide")
        add(
            "/v1/artifacts/{role}",
            self.change_artifact,
            methods=["PUT"],
            summary="Decide with another artifact, or run one in shadow",
            openapi_extra=_body_schema({"type": "object"}),
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

    def _arrive(self, request: Request) -> Arrival:
        return self._control.intake.arrive(
            path=request.url.path, query=request.url.query, raw_headers=request.headers.raw
        )

    def _admit(self, arrival: Arrival) -> Caller:
        dialect = speaks_at(arrival.path, arrival.query, arrival.headers)
        return self._control.intake.admit(arrival, dialect)

    async def _body(self, request: Request, *, max_bytes: int) -> bytes:
        """Read only once the caller is known, and within bounds: FastAPI would do neither."""
        return await read_body(
            request.scope,
            request.receive,
            max_bytes=max_bytes,
            seconds=self._control.limits.body_seconds,
        )

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
        arrival = self._arrive(request)
        caller = control.intake.admit(arrival, dialect)
        body = await self._body(request, max_bytes=control.limits.max_body_bytes)
        question = control.intake.read(arrival, caller, body, DIALECTS[dialect], path=path)
        answer = await control.scorer.route(
            question.for_scorer(explain_only=True),
            deadline_seconds=max(EXPLAIN_SECONDS, control.limits.route_seconds),
        )
        return _json(
            {
                "request_id": arrival.request_id,
                "explanation": explain(answer.decision, answer.inputs),
                "decision": answer.decision,
                "inputs": answer.inputs,
            }
        )

    async def outcomes(self, request: Request) -> OutcomesAccepted:
        """One outcome or a list of them. Telling the same one twice counts once."""
        caller = self._admit(self._arrive(request))
        now = self._control.intake.clock()
        items = _outcomes_in(await self._body(request, max_bytes=MOST_OUTCOME_BYTES), now=now)
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
        arrival = self._arrive(request)
        asked = asked_by(path=arrival.path, query=arrival.query, headers=arrival.headers)
        try:
            caller = control.intake.admit(arrival, dialect_of(asked.shape))
            today = datetime.fromtimestamp(control.intake.clock(), UTC).date()
            body = encode(asked, listed_for(control.catalog, caller.access), today)
        except TurnoutError as error:
            told = encode_error(asked, error, request_id=arrival.request_id)
            return Response(content=told.body, status_code=told.status, headers=dict(told.headers))
        return Response(content=body, media_type="application/json")

    async def modes(self, request: Request) -> dict[str, str]:
        self._admit(self._arrive(request))
        return dict(self._control.modes.modes())

    async def change_mode(
        self, request: Request, tenant: Annotated[str, Path(pattern=TENANT_PATTERN)]
    ) -> dict[str, str]:
        """Effective here at once and on every replica within a second.

        Without the bus it holds on this replica alone, and the answer is 503 to say so.
        """
        arrival = self._arrive(request)
        caller = self._admit_to_change(arrival, "modes")
        body = await self._body(request, max_bytes=MOST_MODE_BYTES)
        mode = as_mode(_checked(ModeChange, body).mode)
        assert mode is not None
        before = self._control.modes.mode_of(tenant)
        self._control.modes.set_mode(tenant, mode)
        if mode != before:
            self._control.facts.record(
                ModeChanged(
                    event_id=f"{arrival.request_id}:mode",
                    occurred_at=self._control.intake.clock(),
                    tenant=tenant,
                    from_mode=before,
                    to_mode=mode,
                    source="person",
                    changed_by=caller.key_name or "local",
                )
            )
        await self._control.store.put(MODE_KEY + tenant, mode, deadline_seconds=STORE_SECONDS)
        return {tenant: mode}

    def _admit_to_change(self, arrival: Arrival, what: str) -> Caller:
        caller = self._admit(arrival)
        if not caller.is_admin:
            raise NotAllowed(
                f"This router key may not change {what}; TURNOUT_INGRESS__ADMIN_KEYS names those"
                " that may."
            )
        return caller

    async def artifacts(self, request: Request) -> Response:
        """Digest, date of the newest row and source of the active artifact and of the one in shadow."""
        self._admit(self._arrive(request))
        return _json(await self._control.artifacts.states())

    async def change_artifact(self, request: Request, role: ArtifactRole) -> Response:
        """The body is the file that `turnout train` wrote. Scorers take it within a second."""
        self._admit_to_change(self._arrive(request), "artifacts")
        try:
            body = await self._body(request, max_bytes=MOST_ARTIFACT_BYTES)
        except RequestTooLarge:
            raise too_large() from None
        await self._control.artifacts.put(role, body)
        return _json(await self._control.artifacts.states())

    async def drop_artifact(self, request: Request, role: ArtifactRole) -> Response:
        """What is not there is dropped all the same."""
        self._admit_to_change(self._arrive(request), "artifacts")
        await self._control.artifacts.drop(role)
        return _json(await self._control.artifacts.states())

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


def _body_schema(schema: dict[str, object]) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _outcomes_in(body: bytes, *, now: float) -> list[Outcome]:
    try:
        if body.lstrip()[:1] != b"[":
            return [_outcome(msgspec.json.decode(body, type=dict[str, object]), now=now)]
        told = msgspec.json.decode(body, type=list[object])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as reason:
        raise InvalidRequest(f"The body is no outcome and no list of them: {reason}.") from None
    return [_outcome(item, now=now, place=f"{at}.") for at, item in enumerate(told)]


def _outcome(told: object, *, now: float, place: str = "") -> Outcome:
    item = _checked(Outcome, told, place=place)
    if not is_possible_time(item, now=now):
        latest = datetime.fromtimestamp(now + MOST_AHEAD_SECONDS, UTC).isoformat(timespec="seconds")
        raise InvalidRequest(
            f"{place}occurred_at: must be from 1970-01-01T00:00:00Z on and no more than a day ahead:"
            f" not after {latest}."
        )
    return item


def _checked(cls: type[T], told: object, *, place: str = "") -> T:
    """The body as its type. Raises `InvalidRequest` naming the field that is wrong."""
    try:
        if isinstance(told, bytes):
            return cls.model_validate_json(told)
        return cls.model_validate(told)
    except ValidationError as reason:
        first = reason.errors(include_url=False, include_input=False)[0]
        name = place + ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{name.rstrip('.') or 'body'}: {first['msg']}.") from None


def _json(value: object) -> Response:
    return Response(content=msgspec.json.encode(value), media_type="application/json")
