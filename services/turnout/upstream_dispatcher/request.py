"""Building one upstream call from the client's request and a destination.

Rules: within a dialect the body is the client's bytes with named span edits, the very same object
when there is nothing to edit; between dialects, and for what an imitation cannot take, it is
translated. Headers go by a list of what may go, so that a secret in a header we do not know stays
here; cookies, hop-by-hop and router headers are never on it. What names a client's account goes only
with the client's own credential.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from turnout.capabilities import Dialect
from turnout.catalog.token_families import Family, family_of
from turnout.dialects.answer_reasoning import SEALED_DIALECTS
from turnout.dialects.cache_lifetime import with_breakpoint, with_lifetime
from turnout.dialects.call_reasoning import with_stand_ins
from turnout.dialects.conversation import Provenance
from turnout.dialects.dialect import WireDialect
from turnout.dialects.endpoints import (
    BASE_PATH,
    BINDING_BETA,
    OWN_HEADERS,
    endpoint,
    gemini_call,
    gemini_path,
    gemini_query,
)
from turnout.dialects.fit import Fitted, fit
from turnout.dialects.fit.schemas import marks
from turnout.dialects.passthrough import SetModel, SetStreamIncludeUsage, splice
from turnout.dialects.reshape import reshaped, switched
from turnout.policy.provenance import shown_to, unreadable
from turnout.policy.steps import is_token_count
from turnout.ports import DispatchRequest
from turnout.quirks import DIALECT_QUIRKS
from turnout.upstream_dispatcher.affinity import ADDED, cache_headers, with_cache_key
from turnout.upstream_dispatcher.transport import Outgoing
from turnout.upstream_dispatcher.upstreams import Destination

PROTOCOL_HEADERS = frozenset({"accept", "anthropic-version", "idempotency-key", "user-agent"})
"""What any server of the dialect understands."""

OWN_WORDS = frozenset(
    {
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "openai-beta",
        "originator",
        "session-id",
        "thread-id",
        "x-app",
        "x-client-request-id",
        "x-goog-api-client",
    }
)
OWN_PREFIXES = ("x-stainless-", "x-claude-", "x-codex-", "x-openai-")
"""Clients' own words about themselves, for the vendor of their dialect or the model they named."""

ACCOUNT_HEADERS = frozenset({"chatgpt-account-id", "openai-organization", "openai-project"})

SIMULATION_HEADER = "x-simulate"
"""Scripts the simulated provider's next answer; real providers never see it."""

LIFETIME_SECONDS = {"5m": 300, "1h": 3_600}
"""As the catalog says which a provider offers."""

DEFERRAL_MARKS = (b'"tool_reference"', b'"defer_loading"')
"""In a body of Claude Code's that offers tools by name only."""

TOOL_CHANGE_MARKS = (b'"tool_addition"', b'"tool_removal"')
"""In one that changes in its system messages what is offered."""

OWN_FORM_MARK = re.compile(
    rb'"type"\s*:\s*"(?:document|search_result|server_tool_use|mcp_tool_use|\w+_tool_result)"'
)
"""In one that shows sources, or what Anthropic's tools did, in forms that imitations are not known to
read."""

TEXT_FILE = re.compile(rb'"file_data"\s*:\s*"data:(?:text/|application/json)')
"""A file that is text to every model, in a form that servers without documents do not know."""

CUSTOM_MARK = b'"custom"'
"""In a body of OpenAI's that has tools which take plain text."""

SYSTEM_MARKS = (b'"system"', b'"developer"')
"""Of system messages in one of OpenAI's; opencode sends two in front."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upstream call, and what reading its answer depends on.

    Attributes:
        is_native: the target speaks the client's dialect; the answer is relayed as it comes.
        fitted: the decoded request as the target takes it, where it had to be translated.
        hides_usage: the client did not ask for the usage chunk that we asked for.
        names_model: the name to write into an answer that is relayed, where the client's is another
            than the provider's; "" where it is not.
        seals_as: who makes the reasoning of an answer that passes for the dialect's own vendor's; None
            where that vendor answers, or in another dialect.
        changes: what was changed for the target, as words of a small set.

    """

    outgoing: Outgoing
    is_native: bool
    fitted: Fitted | None
    hides_usage: bool
    changes: tuple[str, ...] = ()
    names_model: str = ""
    seals_as: Provenance | None = None


def is_count(request: DispatchRequest) -> bool:
    return is_token_count(request.path)


def counted_family(request: DispatchRequest) -> Family:
    """Whose tokens a count is of: the model's that was asked for, by whose window the client
    measures; the one's decided on where the client left it to us.
    """
    asked = family_of(request.decision.requested_model)
    return family_of(request.decision.model) if asked == "unknown" else asked


def prepare(
    request: DispatchRequest,
    to: Destination,
    *,
    dialects: Mapping[Dialect, WireDialect],
) -> Prepared:
    """Raises `Unsupported` or another `InvalidRequest` when the target cannot be asked this."""
    if to.dialect == request.dialect and not _needs_fitting(request, to):
        return _native(request, to, dialects[request.dialect])
    own = dialects[request.dialect]
    body = _readable(request, to, own) if to.dialect == request.dialect else request.body
    conversation = shown_to(to.target, own.decode_request(body, path=request.path))
    fitted = fit(
        conversation,
        to=to.dialect,
        quirks=to.quirks,
        has=to.capabilities,
        is_original=to.is_original,
    )
    encoded = dialects[to.dialect].encode_request(
        fitted.conversation, model=to.upstream_name, has=to.capabilities
    )
    thinks = to.capabilities.thinking and fitted.conversation.thinking.effort != "none"
    body, dropped = reshaped(encoded, to.quirks, dialect=to.dialect, thinks=thinks)
    if thinks:
        body = with_stand_ins(body, to.quirks, dialect=to.dialect)
    body = _with_lifetime(body, request, to)
    kept = with_cache_key(body, to.quirks, request.identity)
    headers = (
        ("content-type", "application/json"),
        ("accept", "text/event-stream" if request.features.stream else "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", "turnout"),
        *OWN_HEADERS.get(to.dialect, ()),
        *((BINDING_BETA,) if fitted.conversation.thinking.drops_unbound else ()),
        *(header for header in request.headers if _is_script(header[0], to)),
        *cache_headers(to.quirks, request.identity),
        *to.auth,
    )
    called = endpoint(to.dialect, model=to.upstream_name, stream=request.features.stream)
    outgoing = Outgoing(to.base_url + called, headers, kept)
    added = () if kept is body else (ADDED,)
    changes = tuple(dict.fromkeys((*fitted.changes, *dropped, *added)))
    return Prepared(
        outgoing,
        is_native=False,
        fitted=fitted,
        hides_usage=False,
        changes=changes,
        seals_as=_imitator(request, to),
    )


def _needs_fitting(request: DispatchRequest, to: Destination) -> bool:
    """Whether the body holds what an imitation of its dialect cannot take and no span edit can put
    otherwise.
    """
    quirks, body = to.quirks, request.body
    if is_count(request):
        return False
    if (
        request.features.needs.structured_output
        and "json_schema" not in (quirks.schema_kinds or ())
        and is_switch(request, to)
    ):
        # A form that is cut out is a form that is not kept: it is said in words, or another target
        # is asked.
        return True
    if request.dialect == "anthropic_messages":
        knows_none = quirks.deferred_tools is False
        if not to.is_original and OWN_FORM_MARK.search(body):
            return True
        knows_no_change = quirks.system_anywhere is False and is_switch(request, to)
        return (knows_none and any(mark in body for mark in DEFERRAL_MARKS)) or (
            (knows_none or knows_no_change) and any(mark in body for mark in TOOL_CHANGE_MARKS)
        )
    if (
        quirks.custom_tools is False
        and DIALECT_QUIRKS[to.dialect].custom_tools
        and CUSTOM_MARK in body
        and (not to.is_original or is_switch(request, to))
    ):
        return True
    if not is_switch(request, to):
        return False
    if not to.capabilities.documents and TEXT_FILE.search(body):
        return True
    has_more = quirks.one_system_message and sum(map(body.count, SYSTEM_MARKS)) > 1
    return bool(has_more) or _has_schemas_of_others(body, to)


def _has_schemas_of_others(body: bytes, to: Destination) -> bool:
    """Whether tools may have schemas that the dialect's own vendor takes and this endpoint does not."""
    departs = to.quirks.tool_schema
    if departs is None or departs == DIALECT_QUIRKS[to.dialect].tool_schema:
        return False
    return any(mark.encode() in body for mark in marks(departs))


def is_switch(request: DispatchRequest, to: Destination) -> bool:
    """Whether another model is to answer than the client asked for."""
    return request.decision.requested_model != to.model_id


def with_traceparent(prepared: Prepared, traceparent: str) -> Prepared:
    """The same call with its trace context told, for upstreams of whoever runs this process."""
    outgoing = prepared.outgoing
    headers = (*outgoing.headers, ("traceparent", traceparent))
    return replace(prepared, outgoing=replace(outgoing, headers=headers))


def _readable(request: DispatchRequest, to: Destination, dialect: WireDialect) -> bytes:
    """The body without reasoning from when the thread was served elsewhere; it draws a 400 here. What
    was made here is as it was made.
    """
    count = request.features.message_count
    if _is_sealed(to):
        # Its own stands under our seal, whatever record there is of the thread.
        others: Sequence[range] = (range(count),)
    else:
        others = unreadable(request.makers, reader=to.target, message_count=count)
    if request.features.has_foreign_thinking or others:
        return dialect.without_foreign_reasoning(request.body, others=others, reader=to.target)
    return request.body


def _native(request: DispatchRequest, to: Destination, dialect: WireDialect) -> Prepared:
    body = _readable(request, to, dialect)
    changes: tuple[str, ...] = ()
    if request.features.requested_model not in to.names:
        if request.dialect != "gemini_generate":
            body = splice(body, (SetModel(to.upstream_name),))
        # Only on a switch: a client that asks a model for what it cannot do is told so by the
        # provider, and negotiates by that answer.
        if is_switch(request, to):
            body, changes = switched(body, to.quirks, dialect=to.dialect, has=to.capabilities)
            kept = body if is_count(request) else with_cache_key(body, to.quirks, request.identity)
            if kept is not body:
                body, changes = kept, (*changes, ADDED)
    if body is not request.body and to.capabilities.thinking:
        # A client that asks one model alone keeps that model's reasoning itself.
        body = with_stand_ins(body, to.quirks, dialect=to.dialect)
    timed = _with_lifetime(body, request, to)
    if timed is not body:
        what = "breakpoint" if request.features.lacks_breakpoints else "cache_lifetime"
        body, changes = timed, (*changes, f"{what}:{request.decision.write_lifetime}")
    hides_usage = False
    if (
        request.dialect == "openai_chat"
        and request.features.stream
        and not to.quirks.reports_usage_unasked
        and not request.features.asks_usage
    ):
        asked = splice(body, (SetStreamIncludeUsage(),))
        hides_usage = asked is not body
        body = asked
    url = to.base_url + _native_path(request, to)
    query = _native_query(request)
    if query:
        url = f"{url}?{query}"
    outgoing = Outgoing(url, _native_headers(request, to), body)
    written = request.features.requested_model
    return Prepared(
        outgoing,
        is_native=True,
        fitted=None,
        hides_usage=hides_usage,
        changes=changes,
        names_model="" if written in to.names else written,
        seals_as=_imitator(request, to),
    )


def _with_lifetime(body: bytes, request: DispatchRequest, to: Destination) -> bytes:
    """The decision is for its first target; another may not offer what was chosen."""
    chosen = request.decision.write_lifetime
    if to.dialect != "anthropic_messages" or not chosen:
        return body
    if LIFETIME_SECONDS[chosen] not in to.writes_for:
        return body
    if request.features.lacks_breakpoints:
        return with_breakpoint(body, chosen) if to.own_breakpoint else body
    return with_lifetime(body, chosen)


def _imitator(request: DispatchRequest, to: Destination) -> Provenance | None:
    if to.dialect != request.dialect or not _is_sealed(to):
        return None
    return Provenance(to.dialect, to.upstream_name, to.target)


def _is_sealed(to: Destination) -> bool:
    """Whether what it thinks would pass for the vendor's own."""
    return not to.is_original and to.dialect in SEALED_DIALECTS


def _native_path(request: DispatchRequest, to: Destination) -> str:
    """Where the client called, less what the base URL has; Gemini's path names the model."""
    call = gemini_call(request.path) if request.dialect == "gemini_generate" else None
    if call is None:
        return request.path.removeprefix(BASE_PATH[to.dialect])
    name = call.model if call.model in to.names else to.upstream_name
    return gemini_path(name, call.method, version=call.version)


def _native_query(request: DispatchRequest) -> str:
    """As the client wrote it, but that Gemini's names the form of the answer."""
    if request.dialect != "gemini_generate":
        return request.query
    return gemini_query(request.query, stream=request.features.stream)


def _native_headers(request: DispatchRequest, to: Destination) -> tuple[tuple[str, str], ...]:
    own = to.credential == "client"
    is_meant = to.is_original or not is_switch(request, to)
    headers = [("content-type", "application/json"), ("accept-encoding", "identity")]
    has_agent = False
    for name, value in request.headers:
        if (
            name in PROTOCOL_HEADERS
            or (is_meant and (name in OWN_WORDS or name.startswith(OWN_PREFIXES)))
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
    headers.extend(cache_headers(to.quirks, request.identity))
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
