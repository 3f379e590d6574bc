"""Building one upstream call from the client's request and a destination.

Rules: within a dialect the body is the client's bytes with named span edits, the very same object
when there is nothing to edit; between dialects it is translated. Headers go by a list of what may
go, so that a secret in a header we do not know stays here; cookies, hop-by-hop and router headers
are never on it. What names a client's account goes only with the client's own credential.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import WireDialect
from turnout.dialects.endpoints import BASE_PATH, OWN_HEADERS, endpoint
from turnout.dialects.passthrough import (
    DropField,
    Edit,
    SetModel,
    SetStreamIncludeUsage,
    splice,
)
from turnout.errors import Unsupported
from turnout.policy.provenance import shown_to, unreadable
from turnout.policy.steps import is_token_count
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.transport import Outgoing
from turnout.upstream_dispatcher.upstreams import Destination

FORWARDED_HEADERS = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "idempotency-key",
        "openai-beta",
        "originator",
        "session-id",
        "thread-id",
        "user-agent",
        "x-app",
        "x-client-request-id",
    }
)
FORWARDED_PREFIXES = ("x-stainless-", "x-claude-", "x-codex-", "x-openai-")
"""Clients' own words about themselves, for the provider they meant."""

ACCOUNT_HEADERS = frozenset({"chatgpt-account-id", "openai-organization", "openai-project"})

SIMULATION_HEADER = "x-simulate"
"""Scripts the simulated provider's next answer; real providers never see it."""

THINKING_FIELDS: Mapping[Dialect, tuple[str, ...]] = MappingProxyType(
    {"anthropic_messages": ("thinking",), "openai_chat": ("reasoning_effort",)}
)
"""Refused with a 400 by models that cannot think."""

WITHOUT_STREAM_OPTIONS = frozenset({"mistral_ai"})
"""Providers that report usage unasked and refuse the field that asks for it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upstream call, and what reading its answer depends on.

    Attributes:
        is_native: the target speaks the client's dialect; the answer is relayed as it comes.
        conversation: the decoded request, where it had to be translated.
        hides_usage: the client did not ask for the usage chunk that we asked for.

    """

    outgoing: Outgoing
    is_native: bool
    conversation: Conversation | None
    hides_usage: bool


def is_count(request: DispatchRequest) -> bool:
    return is_token_count(request.path)


def prepare(
    request: DispatchRequest,
    to: Destination,
    *,
    dialects: Mapping[Dialect, WireDialect],
) -> Prepared:
    """Raises `Unsupported` or another `InvalidRequest` when the target cannot be asked this."""
    if to.dialect == request.dialect:
        return _native(request, to, dialects[request.dialect])
    if to.dialect not in dialects:
        raise Unsupported(f"{to.target} speaks {to.dialect}, which cannot be spoken yet.")
    conversation = shown_to(
        to.target, dialects[request.dialect].decode_request(request.body, path=request.path)
    )
    body = dialects[to.dialect].encode_request(
        conversation, model=to.upstream_name, has=to.capabilities
    )
    headers = (
        ("content-type", "application/json"),
        ("accept", "text/event-stream" if request.features.stream else "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", "turnout"),
        *OWN_HEADERS.get(to.dialect, ()),
        *(header for header in request.headers if _is_script(header[0], to)),
        *to.auth,
    )
    called = endpoint(to.dialect, model=to.upstream_name, stream=request.features.stream)
    outgoing = Outgoing(to.base_url + called, headers, body)
    return Prepared(outgoing, is_native=False, conversation=conversation, hides_usage=False)


def with_traceparent(prepared: Prepared, traceparent: str) -> Prepared:
    """The same call with its trace context told, for upstreams of whoever runs this process."""
    outgoing = prepared.outgoing
    headers = (*outgoing.headers, ("traceparent", traceparent))
    return replace(prepared, outgoing=replace(outgoing, headers=headers))


def _native(request: DispatchRequest, to: Destination, dialect: WireDialect) -> Prepared:
    body = request.body
    others = unreadable(
        request.makers, reader=to.target, message_count=request.features.message_count
    )
    if request.features.has_foreign_thinking or others:
        # From when the thread was served elsewhere; it draws a 400 here.
        body = dialect.without_foreign_reasoning(body, others=others)
    edits = _edits(request, to)
    if edits:
        body = splice(body, edits)
    hides_usage = False
    if (
        request.dialect == "openai_chat"
        and request.features.stream
        and to.provider not in WITHOUT_STREAM_OPTIONS
        and not request.features.asks_usage
    ):
        asked = splice(body, (SetStreamIncludeUsage(),))
        hides_usage = asked is not body
        body = asked
    url = to.base_url + request.path.removeprefix(BASE_PATH[to.dialect])
    if request.query:
        url = f"{url}?{request.query}"
    outgoing = Outgoing(url, _native_headers(request, to), body)
    return Prepared(outgoing, is_native=True, conversation=None, hides_usage=hides_usage)


def _edits(request: DispatchRequest, to: Destination) -> Sequence[Edit]:
    written = request.features.requested_model
    if written in to.names:
        return ()
    edits: list[Edit] = [SetModel(to.upstream_name)]
    # Only on a switch: a client that asks a model for what it cannot do is told so by the provider,
    # and negotiates by that answer.
    switched = request.decision.requested_model != to.model_id
    if switched and not to.capabilities.thinking:
        edits.extend(DropField(name) for name in THINKING_FIELDS.get(to.dialect, ()))
    return edits


def _native_headers(request: DispatchRequest, to: Destination) -> tuple[tuple[str, str], ...]:
    own = to.credential == "client"
    headers = [("content-type", "application/json"), ("accept-encoding", "identity")]
    has_agent = False
    for name, value in request.headers:
        if (
            name in FORWARDED_HEADERS
            or name.startswith(FORWARDED_PREFIXES)
            or (own and name in ACCOUNT_HEADERS)
            or _is_script(name, to)
        ):
            headers.append((name, value))
            has_agent = has_agent or name == "user-agent"
    if not has_agent:
        headers.append(("user-agent", "turnout"))
    headers.extend(
        header
        for header in OWN_HEADERS.get(to.dialect, ())
        if all(name != header[0] for name, _ in request.headers)
    )
    headers.extend(to.auth)
    return tuple(headers)


def _is_script(name: str, to: Destination) -> bool:
    return name == SIMULATION_HEADER and to.credential == "simulated"


PASSED_ANSWER_HEADERS = frozenset(
    {
        "content-type",
        "openai-processing-ms",
        "request-id",
        "x-codex-turn-state",
        "x-request-id",
        "x-should-retry",
    }
)
PASSED_ANSWER_PREFIX = "anthropic-"
KEPT_BACK_PREFIX = "anthropic-ratelimit-"
"""The limits of an account that the client may not be using at all."""


def passed_headers(items: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What of an answer's headers goes to the client. `openai-model` makes Codex warn that the
    model was rerouted, cookies are the provider's with us, and Retry-After is said by our own
    error answers. OpenAI finds the machine that holds a turn's cache by `x-codex-turn-state`, which
    Codex sends back with every request of the turn.
    """
    return tuple(
        (name, value)
        for name, value in items
        if name in PASSED_ANSWER_HEADERS
        or (name.startswith(PASSED_ANSWER_PREFIX) and not name.startswith(KEPT_BACK_PREFIX))
    )
