"""From an HTTP request to a question for the scorer: what the proxy and `/v1/route` share."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from turnout.bus.board import Board
from turnout.capabilities import Dialect
from turnout.dialects.dialect import WireDialect
from turnout.dialects.survey import Survey, for_model
from turnout.errors import InvalidRequest
from turnout.fact_texts import LONGEST_MODEL_NAME_BYTES
from turnout.ingress.callers import Caller, Door, account_of
from turnout.ingress.chains import Chains
from turnout.ingress.features import features_of, prefix_of
from turnout.ingress.guard import Guard
from turnout.ingress.known_prompts import KnownPrompts
from turnout.ingress.modes import ModeBoard
from turnout.observe.spans import current_traceparent
from turnout.observe.tracing import IdGenerator, traceparent_of
from turnout.policy.identity import identify, principal_of
from turnout.policy.request import Features, Identity, Mode, Prefix
from turnout.policy.steps import step_kind
from turnout.policy.tenant import TenantRouting
from turnout.ports import RouteRequest

LARGEST_NUMBER = 2**53
"""What every JSON reader takes for the same integer; facts and columns hold 63 bits."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came in, before it is known whether it can be understood.

    Attributes:
        headers: lower-case names; repeated ones are joined by a comma (RFC 9110, 5.3), so that a
            second Host, Origin or key cannot hide behind the first.
        received_at: unix seconds; `started` is the same moment on the monotonic clock.

    """

    request_id: str
    traceparent: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    received_at: float
    started: float


@dataclass(frozen=True, slots=True)
class Question:
    """An understood request: whom it is from, what it is, and how it may be routed."""

    arrival: Arrival
    caller: Caller
    survey: Survey
    identity: Identity
    features: Features
    prefix: Prefix
    mode: Mode

    def for_scorer(self, *, explain_only: bool) -> RouteRequest:
        """Raises `InvalidRequest` for a model's name that no decision could hold."""
        if self.features.requested_model != self.survey.model:
            raise InvalidRequest(
                f"model: a model's name has at most {LONGEST_MODEL_NAME_BYTES} bytes;"
                f" this one has {len(self.survey.model.encode())}"
            )
        return RouteRequest(
            request_id=self.arrival.request_id,
            identity=self.identity,
            tags=self.caller.tags,
            features=self.features,
            prefix=self.prefix,
            mode=self.mode,
            access=self.caller.access,
            text=self.survey.text,
            explain_only=explain_only,
            traceparent=self.arrival.traceparent,
        )


def _untimed(seconds: float) -> None:
    del seconds


@dataclass(frozen=True, slots=True)
class Intake:
    """Admits and reads requests.

    Attributes:
        tenants: how each tenant's requests are routed.
        timed: is told how many seconds reading one took.

    """

    guard: Guard
    door: Door
    modes: ModeBoard
    tenants: Board[TenantRouting]
    ids: IdGenerator
    clock: Callable[[], float]
    prompts: KnownPrompts = field(default_factory=KnownPrompts)
    chains: Chains = field(default_factory=Chains)
    timed: Callable[[float], None] = _untimed

    def arrive(self, *, path: str, query: str, raw_headers: list[tuple[bytes, bytes]]) -> Arrival:
        headers: dict[str, str] = {}
        for raw_name, raw_value in raw_headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        now = self.clock()
        return Arrival(
            request_id=new_request_id(now),
            traceparent=current_traceparent()
            or traceparent_of(headers.get("traceparent", ""), self.ids),
            path=path,
            query=query,
            headers=headers,
            received_at=now,
            started=time.perf_counter(),
        )

    def admit(self, arrival: Arrival, dialect: Dialect) -> Caller:
        """Raises `NotAllowed` and `NotAuthenticated`."""
        headers = arrival.headers
        self.guard.check(host=headers.get("host", ""), origin=headers.get("origin", ""))
        return self.door.admit(headers, arrival.query, dialect)

    def read(
        self, arrival: Arrival, caller: Caller, body: bytes, dialect: WireDialect, *, path: str
    ) -> Question:
        """Raises `InvalidRequest` naming the field that is wrong."""
        begun = time.perf_counter()
        survey = for_model(
            self.prompts.survey(body, dialect=dialect, principal=caller.principal, path=path)
        )
        most = survey.needs.max_output_tokens
        if most is not None and most > LARGEST_NUMBER:
            raise InvalidRequest(f"max_tokens: must be at most {LARGEST_NUMBER}")
        if caller.has_rotating_token:
            account = account_of(arrival.headers, survey.user_field)
            caller = replace(caller, principal=principal_of(account)) if account else caller
        identity = identify(
            arrival.headers,
            survey,
            dialect=dialect.name,
            principal=caller.principal,
            tenant=caller.tenant,
            path=path,
            experiment=self.tenants.of(caller.tenant).experiment,
        )
        prefix = prefix_of(survey, self.chains)
        question = Question(
            arrival=arrival,
            caller=caller,
            survey=survey,
            identity=identity,
            features=features_of(
                survey,
                prefix,
                dialect=dialect.name,
                step_kind=step_kind(arrival.headers, survey, identity, path=path),
            ),
            prefix=prefix,
            mode=self.modes.mode_of(caller.tenant, pays=bool(caller.credentials)),
        )
        self.timed(time.perf_counter() - begun)
        return question


def new_request_id(now: float) -> str:
    """Sorts by time, cannot be guessed."""
    return f"req_{int(now * 1000):011x}{os.urandom(8).hex()}"
