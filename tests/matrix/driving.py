"""Requests of clients and where they are sent: the product's own functions from bytes to bytes.

Every vendor is reached at one endpoint of the dialect that a cell is about, with the quirks that the
catalog has for it, so everything that is done to a request on its way is done here too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.matrix.declared import Json
from tests.upstream_dispatcher.workbench import CATALOG, NOW
from turnout.capabilities import Dialect
from turnout.dialects.endpoints import BASE_PATH
from turnout.dialects.registry import DIALECTS
from turnout.ingress.chains import Chains
from turnout.ingress.features import features_of, prefix_of
from turnout.policy.decision import Decision
from turnout.policy.request import Identity, Tags
from turnout.policy.thread import Maker
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.request import Prepared, prepare
from turnout.upstream_dispatcher.upstreams import Destination, Upstream, Upstreams, destination

PROVIDERS: Mapping[Dialect, str] = {
    "anthropic_messages": "anthropic",
    "openai_chat": "openai",
    "openai_responses": "openai",
    "gemini_generate": "gcp.gemini",
}

AGENT: Mapping[Dialect, str] = {
    "anthropic_messages": "claude-opus-4-8",
    "openai_chat": "gpt-5.4",
    "openai_responses": "gpt-5.4",
    "gemini_generate": "gemini-3.8-flash",
}
"""Models that agents are run on: they think, and take no sampling parameters where they do. What newer
Claude models do not take either (forced tool choices, no thinking) is held where it is fitted.
"""

TUNED: Mapping[Dialect, str] = {
    "anthropic_messages": "claude-haiku-4-5",
    "openai_chat": "gpt-4.1",
    "openai_responses": "gpt-4.1",
    "gemini_generate": "gemini-2.5-flash",
}
"""Models that take sampling parameters, and thinking budgets where they think."""

ASKED = "turnout/auto"
"""What clients ask for; the answer's model has to be this again."""


def target_of(dialect: Dialect, model: str) -> str:
    return f"{PROVIDERS[dialect]}/{model}@env"


def upstreams(
    spoken: Mapping[str, Dialect], urls: Mapping[Dialect, str] | None = None
) -> Upstreams:
    """Each provider with a key, at one endpoint of the dialect that it is to speak."""
    found: dict[str, Upstream] = {}
    for name, dialect in spoken.items():
        endpoint = CATALOG.providers[name].endpoint(dialect)
        assert endpoint is not None
        if urls is not None:
            endpoint = replace(endpoint, base_url=urls[dialect] + BASE_PATH[dialect])
        found[name] = Upstream(secret="key", endpoints=(endpoint,))
    return Upstreams(found)


def to(upstream: Dialect, model: str, *, client: Dialect) -> Destination:
    return destination(
        target_of(upstream, model),
        client=client,
        catalog=CATALOG,
        upstreams=upstreams({PROVIDERS[upstream]: upstream}),
        credentials=(),
    )


def path_of(client: Dialect, *, stream: bool, model: str = ASKED) -> str:
    match client:
        case "anthropic_messages":
            return "/v1/messages"
        case "openai_chat":
            return "/v1/chat/completions"
        case "openai_responses":
            return "/v1/responses"
        case "gemini_generate":
            method = "streamGenerateContent" if stream else "generateContent"
            return f"/v1beta/models/{model}:{method}"


def base_of(client: Dialect, *, model: str = ASKED) -> Json:
    """The smallest request: one word of the user's."""
    match client:
        case "anthropic_messages":
            turn: Json = {"role": "user", "content": "go"}
            return {"model": model, "max_tokens": 4_000, "messages": [turn]}
        case "openai_chat":
            return {"model": model, "messages": [{"role": "user", "content": "go"}]}
        case "openai_responses":
            said = {"type": "input_text", "text": "go"}
            return {
                "model": model,
                "input": [{"type": "message", "role": "user", "content": [said]}],
            }
        case "gemini_generate":
            return {"contents": [{"role": "user", "parts": [{"text": "go"}]}]}


def asked(
    client: Dialect,
    fields: Json,
    *targets: str,
    stream: bool = False,
    model: str = ASKED,
    served: str = "",
    makers: Sequence[Maker] = (),
    request_id: str = "r1",
) -> DispatchRequest:
    """A request as the ingress hands it on. `served` is the model that the client meant, where the
    name that it wrote is an alias for it.
    """
    body = base_of(client, model=model) | fields
    if stream and client != "gemini_generate":
        body["stream"] = True
    written = json.dumps(body, ensure_ascii=False).encode()
    path = path_of(client, stream=stream, model=model)
    survey = DIALECTS[client].survey_request(written, path=path)
    prefix = prefix_of(survey, Chains())
    features = features_of(survey, prefix, dialect=client, step_kind="user_input")
    decision = Decision(
        action="stay",
        reason="warm_incumbent",
        targets=targets,
        model=served or model,
        provider="",
        requested_model=served or model,
        baseline_model=model,
        proposal=targets[0] if targets else "",
        horizon_steps=1.0,
        propensity=1.0,
        degraded=(),
        artifact_digest="a",
        catalog_digest=CATALOG.digest,
    )
    identity = Identity(
        tenant="t",
        principal="p",
        harness="unknown",
        session="s",
        thread="main",
        thread_key="k",
        is_subagent=False,
        is_explicit=True,
        request_class="main",
    )
    return DispatchRequest(
        request_id=request_id,
        identity=identity,
        tags=Tags(),
        features=features,
        prefix=prefix,
        mode="full",
        decision=decision,
        dialect=client,
        path=path,
        query="alt=sse" if client == "gemini_generate" and stream else "",
        headers=(),
        body=written,
        credentials=(),
        received_at=NOW,
        route_seconds=0.01,
        traceparent="",
        makers=tuple(makers),
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """What an upstream is asked.

    Attributes:
        written: the client's own bytes.
        body: what goes out, read; `raw` as bytes.
    """

    written: bytes
    raw: bytes
    body: Json
    url: str
    headers: Mapping[str, str]


def sent(request: DispatchRequest, upstream: Dialect, model: str) -> Sent:
    """Raises what the product raises when the upstream cannot be asked."""
    there = to(upstream, model, client=request.dialect)
    prepared: Prepared = prepare(request, there, dialects=DIALECTS)
    out = prepared.outgoing
    return Sent(request.body, out.body, json.loads(out.body), out.url, dict(out.headers))


def as_asked(body: bytes) -> bytes:
    """A relayed answer: the provider's bytes but for the name of the model."""
    return re.sub(rb'("model(?:Version)?"\s*:\s*)"[^"]*"', rb'\g<1>"%b"' % ASKED.encode(), body)
