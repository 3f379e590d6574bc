"""The control endpoints, the probes, and what is served nowhere."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.artifacts import SHIPPED, damaged, failing, foreign, renamed
from tests.ingress.edge import (
    BODY,
    CHAT,
    ENVIRONMENT,
    NOW,
    Answer,
    Client,
    Edge,
    ask,
    edge,
    error_of,
)
from turnout.bus.control_keys import MOST_ARTIFACT_BYTES
from turnout.capabilities import Dialect
from turnout.errors import ContextTooLong, Unavailable
from turnout.ingress.callers import Door
from turnout.policy.artifact import parse_artifact
from turnout.policy.modes import MODES
from turnout.router_key import RouterKey

pytestmark = pytest.mark.anyio

TEAM, ADMIN = "tk_team", "tk_admin"
CLOSED = Door(
    keys={
        key.sha256: key
        for key in (
            RouterKey(name=name, sha256=hashlib.sha256(value.encode()).hexdigest(), tenant="acme")
            for name, value in (("team", TEAM), ("admin", ADMIN))
        )
    },
    admin_keys=frozenset({"admin"}),
    environment=ENVIRONMENT,
    simulated=False,
)


async def get(on: Edge, path: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
    return await ask(on, path, method=method, body=b"", headers=headers)


# -- /v1/route ---------------------------------------------------------------------------------


async def test_a_decision_is_explained_and_nothing_is_sent() -> None:
    on = edge()
    answer = await ask(on, "/v1/route", headers=[("x-turnout-branch", "main")])
    assert answer.status == 200
    told = answer.json
    assert isinstance(told["explanation"], list)
    decision, inputs = told["decision"], told["inputs"]
    assert isinstance(decision, dict)
    assert isinstance(inputs, dict)
    assert decision["reason"] == "warm_incumbent"
    assert inputs["tags"]["branch"] == "main"
    (asked,) = on.scorer.asked
    assert asked.explain_only
    assert on.scorer.deadlines[0] >= 1, "a person waits"
    assert not on.dispatcher.asked
    assert not on.facts.all


GEMINI = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
QUESTIONS: dict[Dialect, tuple[str, str, bytes]] = {
    "anthropic_messages": (
        "claude-opus-5-5",
        "",
        b'{"model":"claude-opus-5-5","max_tokens":64,"system":"be brief",'
        b'"messages":[{"role":"user","content":"hi"}]}',
    ),
    "openai_chat": (
        "gpt-5.4",
        "",
        b'{"model":"gpt-5.4","messages":[{"role":"developer","content":"be brief"},'
        b'{"role":"user","content":"hi"}]}',
    ),
    "openai_responses": (
        "gpt-5.5",
        "",
        b'{"model":"gpt-5.5","instructions":"be brief","input":[{"type":"message","role":"user",'
        b'"content":[{"type":"input_text","text":"hi"}]}]}',
    ),
    "gemini_generate": (
        "gemini-3.8-flash",
        f"&path={GEMINI}",
        b'{"systemInstruction":{"parts":[{"text":"be brief"}]},'
        b'"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
    ),
}
"""Model, rest of the query and body of a question in each dialect."""


@pytest.mark.parametrize("dialect", QUESTIONS)
async def test_a_body_of_every_dialect_is_explained(dialect: Dialect) -> None:
    on = edge()
    model, rest, body = QUESTIONS[dialect]
    answer = await ask(on, "/v1/route", body=body, query=f"dialect={dialect}{rest}")
    assert answer.status == 200
    (asked,) = on.scorer.asked
    assert (asked.features.dialect, asked.features.requested_model) == (dialect, model)
    assert asked.features.step_kind == "user_input"
    assert (asked.text, asked.features.stream) == ("hi", dialect == "gemini_generate")
    inputs = answer.json["inputs"]
    assert isinstance(inputs, dict)
    assert inputs["features"]["requested_model"] == model


async def test_a_gemini_body_may_name_its_model_instead_of_a_path() -> None:
    on = edge()
    body = b'{"model":"models/gemini-3.8-flash","contents":[{"parts":[{"text":"hi"}]}]}'
    assert (await ask(on, "/v1/route", body=body, query="dialect=gemini_generate")).status == 200
    assert on.scorer.asked[0].features.requested_model == "gemini-3.8-flash"


@pytest.mark.parametrize("dialect", QUESTIONS)
@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model":7}', b"\xff"])
async def test_what_is_no_body_of_a_dialect_is_said_of_every_dialect(
    dialect: Dialect, body: bytes
) -> None:
    on = edge()
    _, rest, _ = QUESTIONS[dialect]
    answer = await ask(on, "/v1/route", body=body, query=f"dialect={dialect}{rest}")
    assert answer.status == 400
    kind, message = error_of(answer)
    assert kind == "invalid_request"
    assert message
    assert not on.scorer.asked


async def test_an_explanation_says_what_is_wrong_with_the_question() -> None:
    on = edge()
    answer = await ask(on, "/v1/route", query="dialect=morse")
    assert answer.status == 400
    assert "dialect" in error_of(answer)[1]
    assert (await ask(on, "/v1/route", body=b"{")).status == 400
    assert (await ask(on, "/v1/route", body=BODY.ljust(5000))).status == 413
    assert (await ask(on, "/v1/route", headers=[("origin", "http://evil.example")])).status == 403


async def test_errors_of_the_scorer_have_their_status() -> None:
    on = edge()
    on.scorer.failure = ContextTooLong("too long")
    assert (await ask(on, "/v1/route")).status == 400
    on.scorer.failure = Unavailable("down")
    answer = await ask(on, "/v1/route")
    assert answer.status == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert error_of(answer) == ("unavailable", "down")


async def test_a_fault_of_ours_is_json_without_its_text() -> None:
    on, client = edge(), Client()
    on.scorer.failure = ZeroDivisionError("the secret")
    client.send_part(BODY, more=False)
    with pytest.raises(ZeroDivisionError):  # raised again, for the server's log
        await client.ask(on, "/v1/route")
    assert client.answer.status == 500
    assert error_of(client.answer)[0] == "internal"
    assert b"the secret" not in client.answer.body


# -- /v1/outcomes ------------------------------------------------------------------------------


async def report(on: Edge, told: object, *headers: tuple[str, str]) -> Answer:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return await ask(on, "/v1/outcomes", body=body, headers=headers)


async def test_an_outcome_becomes_a_fact() -> None:
    on = edge()
    answer = await report(
        on,
        {
            "request_id": "req_1",
            "kind": "tests",
            "tests_passed": 3,
            "tests_failed": 0,
            "source": "ci",
            "occurred_at": "2026-09-01T12:00:00Z",
        },
    )
    assert answer.status == 202
    (fact,) = on.facts.outcomes
    assert answer.json == {"outcome_ids": [fact.event_id]}
    assert (fact.request_id, fact.kind, fact.tests_passed) == ("req_1", "tests", 3)
    assert fact.occurred_at == datetime(2026, 9, 1, 12, tzinfo=UTC).timestamp()
    assert fact.score is None


@pytest.mark.parametrize(
    "told",
    [
        {"session": "s", "kind": "score", "score": 0.5},
        {"branch": "b", "repository": "r", "kind": "label", "label": "good"},
        {"commit": "abc", "kind": "merge"},
        {"commit": "abc", "kind": "revert"},
        {"session": "s", "kind": "human_edits", "lines_kept": 3, "lines_changed": 4},
        {"session": "s", "kind": "abandoned"},
        {"session": "s", "kind": "interrupt"},
        {"session": "s", "kind": "repeated_prompt"},
        {"commit": "abc", "kind": "survival", "lines_kept": 3, "lines_written": 4},
        {"session": "s", "kind": "tests", "tests_failed": 2},
    ],
)
async def test_every_kind_of_outcome(told: dict[str, object]) -> None:
    on = edge()
    assert (await report(on, told)).status == 202
    assert on.facts.outcomes[0].kind == told["kind"]
    assert on.facts.outcomes[0].occurred_at == NOW


async def test_what_git_measures_is_in_the_fact() -> None:
    on = edge()
    measured = {"lines_kept": 3, "lines_written": 4, "after_seconds": 86_400.0}
    await report(on, {"commit": "abc", "kind": "survival", **measured})
    (fact,) = on.facts.outcomes
    assert {name: getattr(fact, name) for name in measured} == measured


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (b"", "outcome"),
        (b"{", "outcome"),
        (b"7", "outcome"),
        (b"[7]", "0"),
        ({}, "kind"),
        ({"kind": "merge"}, "request_id, session, branch"),
        ({"session": "s", "kind": "victory"}, "kind"),
        ({"session": "s", "kind": "score"}, "score"),
        ({"session": "s", "kind": "score", "score": 2}, "score"),
        ({"session": "s", "kind": "label"}, "label"),
        ({"session": "s", "kind": "tests"}, "tests_passed"),
        ({"commit": "abc", "kind": "survival", "lines_kept": 3}, "lines_written"),
        ({"commit": "abc", "kind": "merge", "after_seconds": -1}, "after_seconds"),
        ({"session": "s", "kind": "tests", "tests_passed": -1}, "tests_passed"),
        ({"session": "s", "kind": "tests", "tests_passed": 2**63}, "tests_passed"),
        ({"session": "s", "kind": "merge", "colour": "red"}, "colour"),
        ({"session": "s" * 201, "kind": "merge"}, "session"),
        ({"session": "s", "kind": "merge", "occurred_at": "yesterday"}, "occurred_at"),
        (
            {"branch": "b", "kind": "merge", "occurred_at": "9999-01-01T00:00:00Z"},
            "no more than a day ahead",
        ),
        (
            {"branch": "b", "kind": "merge", "occurred_at": "2300-01-01T00:00:00Z"},
            "no more than a day ahead",
        ),
        (
            {"branch": "b", "kind": "merge", "occurred_at": "2150-01-01T00:00:00Z"},
            "no more than a day ahead",
        ),
        (
            {"branch": "b", "kind": "merge", "occurred_at": NOW + 86_401},
            "not after 2026-09-22T14:13:20+00:00",
        ),
        (
            {"branch": "b", "kind": "merge", "occurred_at": "1969-12-31T23:59:59Z"},
            "from 1970-01-01",
        ),
        (
            {"branch": "b", "kind": "merge", "occurred_at": "1900-01-01T00:00:00Z"},
            "from 1970-01-01",
        ),
        ([{"branch": "b", "kind": "merge", "occurred_at": -1}], "0.occurred_at"),
        (
            {"commit": "abc", "kind": "survival", "lines_kept": 5, "lines_written": 4},
            "lines_kept is at most lines_written",
        ),
        ({"branch": "a\0b", "kind": "merge"}, "NUL"),
        ([{"session": "s", "kind": "merge"}, {"session": "s", "kind": "x"}], "1.kind"),
        ([{"session": "s", "kind": "merge"}] * 1001, "1000"),
    ],
)
async def test_a_wrong_outcome_says_where_and_leaves_nothing(told: object, says: str) -> None:
    on = edge()
    answer = await report(on, told)
    assert answer.status == 400
    kind, message = error_of(answer)
    assert kind == "invalid_request"
    assert says in message
    assert not on.facts.all


@pytest.mark.parametrize("moment", [0, NOW + 86_400])
async def test_the_first_and_last_moment_of_an_outcome(moment: float) -> None:
    on = edge()
    assert (await report(on, {"branch": "b", "kind": "merge", "occurred_at": moment})).status == 202
    assert on.facts.outcomes[0].occurred_at == moment


async def test_the_same_report_is_the_same_fact() -> None:
    on = edge()
    merged = {"branch": "b", "kind": "merge"}
    await report(on, merged)
    await report(on, [merged, merged])
    assert len({fact.event_id for fact in on.facts.outcomes}) == 1
    await report(on, {**merged, "branch": "c"})
    assert len({fact.event_id for fact in on.facts.outcomes}) == 2


async def test_an_id_of_the_reporters_makes_it_one_report_whatever_else_it_says() -> None:
    on = edge()
    await report(on, {"id": "build-7", "branch": "b", "kind": "tests", "tests_passed": 1})
    await report(on, {"id": "build-7", "branch": "b", "kind": "tests", "tests_passed": 2})
    assert len({fact.event_id for fact in on.facts.outcomes}) == 1


async def test_one_tenants_report_is_not_anothers() -> None:
    closed, open_ = edge(door=CLOSED), edge()
    told = {"id": "1", "branch": "b", "kind": "merge"}
    await report(closed, told, ("x-api-key", TEAM))
    await report(open_, told)
    assert closed.facts.outcomes[0].event_id != open_.facts.outcomes[0].event_id
    assert closed.facts.outcomes[0].tenant == "acme"


async def test_a_report_needs_a_key_before_its_body_is_read() -> None:
    on = edge(door=CLOSED)
    answer = await Client().ask(on, "/v1/outcomes")
    assert answer.status == 401
    assert not on.facts.all


async def test_a_report_is_bounded() -> None:
    on = edge()
    answer = await Client().ask(on, "/v1/outcomes", headers=[("content-length", "9000000")])
    assert answer.status == 413


# -- /v1/artifacts -----------------------------------------------------------------------------


async def put_artifact(
    on: Edge, data: bytes, *headers: tuple[str, str], role: str = "active"
) -> Answer:
    return await ask(on, f"/v1/artifacts/{role}", method="PUT", body=data, headers=headers)


NEXT = renamed("2030-01-01")
IN_BUCKET = {"source": "bus", "digest": parse_artifact(NEXT).digest, "created": "2030-01-01"}
OWN = {"source": "shipped", "digest": SHIPPED.digest, "created": SHIPPED.content.created}


async def test_artifacts_are_put_told_and_dropped() -> None:
    on = edge()
    assert (await get(on, "/v1/artifacts")).json == {"active": OWN, "shadow": None}
    answer = await put_artifact(on, NEXT, role="shadow")
    assert (answer.status, answer.json) == (200, {"active": OWN, "shadow": IN_BUCKET})
    assert on.store.values == {"artifact.shadow": NEXT.decode()}
    await put_artifact(on, NEXT)
    assert (await get(on, "/v1/artifacts")).json == {"active": IN_BUCKET, "shadow": IN_BUCKET}
    answer = await get(on, "/v1/artifacts/active", method="DELETE")
    assert (answer.status, answer.json) == (200, {"active": OWN, "shadow": IN_BUCKET})
    assert (await get(on, "/v1/artifacts/active", method="DELETE")).status == 200


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"{}", 400, "digest"),
        (b"\xff", 400, "artifact"),
        (damaged(), 400, "not what its digest says"),
        (foreign(), 400, "embedder another"),
        (failing(), 400, "fails in a decision (ValueError)"),
        (NEXT + b" " * MOST_ARTIFACT_BYTES, 413, f"{MOST_ARTIFACT_BYTES} bytes"),
    ],
)
async def test_what_no_scorer_would_take_is_refused(data: bytes, status: int, says: str) -> None:
    on = edge()
    answer = await put_artifact(on, data)
    assert answer.status == status
    assert says in error_of(answer)[1]
    assert not on.store.values


async def test_what_is_in_the_bucket_all_the_same_is_told_as_refused() -> None:
    on = edge()
    on.store.set("artifact.active", foreign().decode())
    active = (await get(on, "/v1/artifacts")).json["active"]
    assert isinstance(active, dict)
    assert active["source"] == "bus"
    assert "embedder another" in active["refused"]


async def test_an_artifact_has_one_of_two_roles() -> None:
    answer = await put_artifact(edge(), NEXT, role="third")
    assert answer.status == 400
    assert "shadow" in error_of(answer)[1]


async def test_without_the_bus_artifacts_are_not_to_be_had() -> None:
    on = edge()
    on.store.is_down = True
    assert (await put_artifact(on, NEXT)).status == 503
    assert (await get(on, "/v1/artifacts")).status == 503
    assert (await get(on, "/v1/artifacts/active", method="DELETE")).status == 503


@pytest.mark.parametrize(
    ("headers", "may_read", "may_change"),
    [
        ([], 401, 401),
        ([("x-turnout-key", "tk_wrong")], 401, 401),
        ([("x-turnout-key", TEAM)], 200, 403),
        ([("x-turnout-key", ADMIN)], 200, 200),
    ],
)
async def test_where_keys_exist_artifacts_need_one_that_may(
    headers: Sequence[tuple[str, str]], may_read: int, may_change: int
) -> None:
    on = edge(door=CLOSED)
    assert (await get(on, "/v1/artifacts", *headers)).status == may_read
    assert (await put_artifact(on, NEXT, *headers)).status == may_change
    assert bool(on.store.values) == (may_change == 200)
    dropped = await get(on, "/v1/artifacts/active", *headers, method="DELETE")
    assert dropped.status == may_change
    assert not on.store.values


# -- health, metrics, documentation ------------------------------------------------------------


async def test_health_and_readiness() -> None:
    on = edge()
    assert (await get(on, "/health")).json == {"status": "ok"}
    assert (await get(on, "/ready")).json["status"] == "ok"
    on.parts["bus"] = "not connected; facts are spooled"
    answer = await get(on, "/ready")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    on.parts["ingress"] = "stopping"
    assert (await get(on, "/ready")).status == 503


async def test_metrics_are_text() -> None:
    answer = await get(edge(), "/metrics")
    assert answer.body.startswith(b"turnout_requests_total")
    assert answer.headers["content-type"] == "text/plain"


async def test_control_endpoints_are_in_the_openapi_document() -> None:
    paths = (await get(edge(), "/openapi.json")).json["paths"]
    assert isinstance(paths, dict)
    assert set(paths) == {
        "/v1/route",
        "/v1/outcomes",
        "/v1/models",
        "/v1/models/{model}",
        "/v1beta/models",
        "/v1beta/models/{model}",
        "/v1/modes",
        "/v1/modes/{tenant}",
        "/v1/artifacts",
        "/v1/artifacts/{role}",
        "/v1/settings",
        "/v1/settings/{tenant}/{name}",
        "/health",
        "/ready",
    }
    body = paths["/v1/outcomes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "score" in body["anyOf"][0]["properties"]
    mode = paths["/v1/modes/{tenant}"]["put"]["requestBody"]["content"]["application/json"]
    assert mode["schema"]["properties"]["mode"]["enum"] == list(MODES)


# -- probes, unknown paths and methods ---------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("path", ["/", "/api/hello"])
async def test_probes_of_agents(path: str, method: str) -> None:
    answer = await get(edge(), path, method=method)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "is_anthropic"), [((), False), ((("anthropic-version", "2023-06-01"),), True)]
)
async def test_an_unknown_path_is_told_in_the_askers_dialect_and_leaves_a_fact(
    headers: tuple[tuple[str, str], ...], is_anthropic: bool
) -> None:
    on = edge()
    answer = await ask(on, "/v2/messages", headers=headers)
    assert answer.status == 404
    assert (answer.json.get("type") == "error") == is_anthropic
    assert "/v1/messages" in error_of(answer)[1]
    fact = on.facts.completed
    assert (fact.error, fact.status, fact.outcome) == ("unknown_path", 404, "rejected")
    assert fact.request_id == answer.headers["turnout-request-id"]


async def test_looking_around_leaves_no_fact() -> None:
    on = edge()
    assert (await get(on, "/favicon.ico")).status == 404
    assert not on.facts.all


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/v1/messages", "GET", "POST"),
        ("/v1/chat/completions", "DELETE", "POST"),
        ("/v1/models", "POST", "GET"),
        ("/v1/modes/default", "POST", "PUT"),
    ],
)
async def test_an_unknown_method_says_which_is_right(path: str, method: str, allowed: str) -> None:
    answer = await get(edge(), path, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert f"use {allowed}" in error_of(answer)[1]
    assert (answer.json.get("type") == "error") == path.startswith("/v1/messages")


async def test_a_key_is_asked_for_in_the_dialect_of_the_path() -> None:
    on = edge(door=CLOSED)
    assert error_of(await ask(on))[0] == "authentication_error"
    answer = await ask(on, CHAT)
    assert answer.status == 401
    assert answer.headers["x-should-retry"] == "false"
