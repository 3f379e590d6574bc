"""The proxy endpoints on fakes: errors, facts, disconnects, degraded decisions, headers."""

import asyncio

import pytest
from msgspec.structs import replace

from tests.ingress.edge import (
    BODY,
    CHAT,
    MESSAGES,
    NOW,
    OPUS,
    WAIT_SECONDS,
    Client,
    ask,
    edge,
    error_of,
    failing,
    head,
    with_limits,
)
from turnout import errors
from turnout.errors import InvalidRequest, TurnoutError, Unavailable
from turnout.facts import RequestRouted
from turnout.policy.thread import Maker
from turnout.ports import Chunk, Served

pytestmark = pytest.mark.anyio

CHAT_BODY = b'{"model":"gpt-5.4","stream":true,"messages":[{"role":"user","content":"hi"}]}'
BODIES = {MESSAGES: BODY, CHAT: CHAT_BODY}


async def test_an_answer_is_relayed_as_it_comes() -> None:
    on = edge()
    on.dispatcher.script = (head(), Chunk(b"data: 1\n\n"), Chunk(b"data: 2\n\n"))
    answer = await ask(on)
    assert answer.status == 200
    assert answer.chunks == [b"data: 1\n\n", b"data: 2\n\n", b""]
    assert answer.is_whole
    assert not on.facts.all, "the dispatcher tells of it"


async def test_the_dispatcher_gets_the_very_bytes() -> None:
    on = edge()
    await ask(on)
    (request,) = on.dispatcher.asked
    assert request.body == BODY
    assert (request.path, request.dialect) == (MESSAGES, "anthropic_messages")
    assert request.received_at == NOW
    assert request.route_seconds >= 0


async def test_a_body_in_parts_is_one_body() -> None:
    on, client = edge(), Client()
    for at in range(0, len(BODY), 7):
        client.send_part(BODY[at : at + 7], more=True)
    client.send_part(b"", more=False)
    assert (await client.ask(on)).status == 200
    assert on.dispatcher.asked[0].body == BODY


async def test_what_the_router_did_is_in_headers() -> None:
    on = edge()
    answer = await ask(on)
    told = answer.headers
    assert told["turnout-model"] == "claude-opus-5-5"
    assert told["turnout-provider"] == "anthropic"
    assert told["turnout-decision"] == "stay"
    assert told["turnout-reason"] == "warm_incumbent"
    assert told["turnout-mode"] == "full"
    assert told["turnout-attempts"] == "1"
    assert told["turnout-simulated"] == "true"
    assert told["turnout-request-id"] == on.dispatcher.asked[0].request_id
    assert "turnout-degraded" not in told
    assert "turnout-proposal" not in told


async def test_a_proposal_is_told_where_it_is_not_what_serves() -> None:
    on = edge()
    on.scorer.proposal = "anthropic/claude-haiku-5-5@env"
    assert (await ask(on)).headers["turnout-proposal"] == "anthropic/claude-haiku-5-5@env"


async def test_only_what_the_simulation_answers_is_called_simulated() -> None:
    on = edge()
    on.dispatcher.script = (head(target="anthropic/claude-opus-5-5@client"), Chunk(b""))
    assert "turnout-simulated" not in (await ask(on)).headers


async def test_a_model_name_cannot_become_a_header() -> None:
    on = edge()
    hostile = "gpt-9\r\nset-cookie: a=b\n日本"
    on.dispatcher.script = (replace(head(), model=hostile), Chunk(b""))
    raw = dict((await ask(on)).raw_headers)
    assert raw[b"turnout-model"] == b"gpt-9??set-cookie: a=b???"


async def test_what_is_for_us_alone_is_not_forwarded() -> None:
    on = edge()
    await ask(
        on,
        headers=[
            ("authorization", "Bearer dummy"),
            ("cookie", "a=b"),
            ("x-turnout-key-hint", "x"),
            ("x-turnout-team", "core"),
            ("connection", "keep-alive"),
            ("anthropic-beta", "one"),
            ("anthropic-beta", "two"),
            ("x-claude-code-session-id", "s"),
        ],
        query="beta=true&key=dummy",
    )
    (request,) = on.dispatcher.asked
    sent = dict(request.headers)
    assert sent == {
        "content-type": "application/json",
        "anthropic-beta": "one, two",
        "x-claude-code-session-id": "s",
    }
    assert request.query == "beta=true"
    assert request.tags.team == "core"


STATUS: dict[type[TurnoutError], tuple[int, int]] = {
    errors.InvalidRequest: (400, 400),
    errors.ContextTooLong: (400, 400),
    errors.RequestTooLarge: (413, 413),
    errors.UnknownModel: (404, 404),
    errors.UnknownPath: (404, 404),
    errors.WrongMethod: (405, 405),
    errors.Unsupported: (400, 400),
    errors.NotAuthenticated: (401, 401),
    errors.NotAllowed: (403, 403),
    errors.UpstreamFailed: (502, 502),
    errors.RateLimited: (429, 429),
    errors.Overloaded: (529, 503),
    errors.UpstreamTimeout: (504, 504),
    errors.Unavailable: (503, 503),
    errors.Internal: (500, 500),
}


def test_every_kind_of_error_is_here() -> None:
    assert set(STATUS) == set(errors.BY_KIND.values())


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("kind", STATUS)
async def test_an_error_before_the_answer_has_its_status_in_both_dialects(
    kind: type[TurnoutError], path: str
) -> None:
    on = edge()
    on.dispatcher.script = (kind("what was wrong"),)
    answer = await ask(on, path, body=BODIES[path])
    status = STATUS[kind][path == CHAT]
    assert answer.status == status
    assert answer.is_whole
    assert "what was wrong" in error_of(answer)[1]
    assert (answer.json.get("type") == "error") == (path == MESSAGES)
    assert ("retry-after" in answer.headers) == (status in {429, 503, 529})
    assert answer.headers["turnout-request-id"] == on.dispatcher.asked[0].request_id
    fact = on.facts.completed
    is_ours = kind in {errors.Unavailable, errors.Internal}
    assert fact.outcome == ("failed" if is_ours else "rejected")
    assert (fact.status, fact.error, fact.dialect) == (
        status,
        kind.kind,
        "openai_chat" if path == CHAT else "anthropic_messages",
    )
    assert fact.request_id == answer.headers["turnout-request-id"]


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body"),
        (b"{", "the body"),
        (b'{"model": "claude-opus-5-5", "messages": "hi"}', "messages"),
        (b'{"model": 7, "messages": []}', "model"),
        (b"[]", "object"),
        (
            b'{"model": "claude-opus-5-5", "max_tokens": 9223372036854775808,'
            b' "messages": [{"role": "user", "content": "hi"}]}',
            "max_tokens",
        ),
        (b"\xff\xfe{}", "JSON"),
        (b"[" * 4000, ""),
    ],
)
async def test_a_body_that_is_not_understood(path: str, body: bytes, says: str) -> None:
    on = edge()
    answer = await ask(on, path, body=body)
    assert answer.status == 400
    kind, message = error_of(answer)
    assert kind == "invalid_request_error"
    assert says.lower() in message.lower()
    fact = on.facts.completed
    assert (fact.outcome, fact.error, fact.requested_model) == ("rejected", "invalid_request", "")
    assert not on.dispatcher.asked


async def test_half_a_character_in_a_model_name_is_an_error_answer() -> None:
    on = edge()
    answer = await ask(on, body=BODY.replace(b"claude-opus-5-5", b"gpt-\\ud800"))
    assert answer.status in {400, 404}


async def test_a_foreign_page_is_refused_before_its_body_is_read() -> None:
    on, client = edge(), Client()
    answer = await client.ask(on, headers=[("origin", "https://evil.example")])
    assert answer.status == 403
    assert error_of(answer)[0] == "permission_error"
    assert on.facts.completed.error == "not_allowed"


async def test_a_foreign_host_is_refused() -> None:
    assert (await Client().ask(edge(), headers=[("host", "evil.example")])).status == 403


async def test_an_announced_body_over_the_limit_is_refused_unread() -> None:
    on = edge()
    answer = await Client().ask(on, headers=[("content-length", "4097")])
    assert answer.status == 413
    kind, message = error_of(answer)
    assert kind == "request_too_large"
    assert "4096" in message
    assert on.facts.completed.error == "request_too_large"


@pytest.mark.parametrize("length", [(), (("content-length", "12"),), (("content-length", "-1"),)])
async def test_a_body_that_grows_over_the_limit_is_refused(
    length: tuple[tuple[str, str], ...],
) -> None:
    on, client = edge(), Client()
    for _ in range(5):
        client.send_part(b" " * 1000, more=True)
    assert (await client.ask(on, headers=length)).status == 413


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    on = edge()
    assert (await ask(on, body=BODY.ljust(4096))).status == 200
    assert (await ask(on, body=BODY.ljust(4097))).status == 413


async def test_a_slow_body_is_given_up() -> None:
    on, client = edge(limits=with_limits(body_seconds=0.05)), Client()
    client.send_part(b"{", more=True)
    answer = await client.ask(on)
    assert answer.status == 400
    assert "in time" in error_of(answer)[1]


async def test_a_compressed_body_is_refused_in_words() -> None:
    answer = await ask(edge(), headers=[("content-encoding", "zstd")])
    assert answer.status == 400
    assert "zstd" in error_of(answer)[1]


async def test_a_client_that_leaves_while_sending_gets_nothing() -> None:
    on, client = edge(), Client()
    client.send_part(b"{", more=True)
    client.leave()
    assert (await client.ask(on)).status == 0
    assert not on.dispatcher.asked


async def test_a_request_is_in_flight_until_it_is_answered_or_given_up() -> None:
    on, client, later = edge(), Client(), asyncio.Event()
    on.dispatcher.script = (head(), later, Chunk(b"data: 1\n\n"))
    client.send_part(BODY, more=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(client.ask(on))
        await on.dispatcher.reached.wait()
        assert on.proxy.in_flight == 1
        later.set()
    assert on.proxy.in_flight == 0
    on.scorer.failure = InvalidRequest("cannot be served")
    await ask(on)
    assert on.proxy.in_flight == 0


async def test_bug_39_a_client_that_leaves_closes_the_dispatchers_answer_at_once() -> None:
    on, client, forever = edge(), Client(), asyncio.Event()
    on.dispatcher.script = (head(), Chunk(b"data: 1\n\n"), forever)
    client.send_part(BODY, more=False)
    asking = asyncio.ensure_future(client.ask(on))
    await asyncio.wait_for(on.dispatcher.reached.wait(), WAIT_SECONDS)
    client.leave()
    began = asyncio.get_running_loop().time()
    await asyncio.wait_for(on.dispatcher.closed.wait(), WAIT_SECONDS)
    assert asyncio.get_running_loop().time() - began < 0.05
    answer = await asking
    assert not answer.is_whole
    assert not on.dispatcher.finished


async def test_bug_39_a_client_that_leaves_before_the_answer_begins() -> None:
    on, client, forever = edge(), Client(), asyncio.Event()
    on.dispatcher.script = (forever,)
    client.send_part(BODY, more=False)
    asking = asyncio.ensure_future(client.ask(on))
    await asyncio.wait_for(on.dispatcher.reached.wait(), WAIT_SECONDS)
    client.leave()
    assert (await asking).status == 0
    assert on.dispatcher.closed.is_set()


async def test_a_stopping_server_closes_the_dispatchers_answer() -> None:
    on, client = edge(), Client()
    on.dispatcher.script = (head(), asyncio.Event())
    client.send_part(BODY, more=False)
    asking = asyncio.ensure_future(client.ask(on))
    await asyncio.wait_for(on.dispatcher.reached.wait(), WAIT_SECONDS)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert on.dispatcher.closed.is_set()


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("failure", [Unavailable("it is down"), ZeroDivisionError("a bug")])
async def test_bug_42_a_failure_after_the_beginning_ends_the_stream_with_an_error(
    path: str, failure: Exception
) -> None:
    on = edge()
    on.dispatcher.script = (head(), Chunk(b"data: 1\n\n"), failure)
    answer = await ask(on, path, body=BODIES[path])
    assert answer.status == 200
    assert answer.is_whole
    last = answer.chunks[-2]
    assert b'"error"' in last
    assert last.startswith(b"event: error\n" if path == MESSAGES else b"data: ")
    assert b"a bug" not in answer.body
    assert on.facts.completed.outcome == "failed"


async def test_a_fault_of_ours_is_an_answer_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    on = edge()
    on.dispatcher.script = (ZeroDivisionError("the secret"),)
    answer = await ask(on)
    assert answer.status == 500
    assert b"the secret" not in answer.body
    assert on.facts.completed.error == "internal"
    assert caplog.records[-1].exc_info


async def test_a_client_that_is_gone_when_the_error_is_sent() -> None:
    on, client = failing(InvalidRequest("wrong")), Client()
    client.leaves_on_send = True
    client.send_part(BODY, more=False)
    await client.ask(on)
    assert on.facts.completed.error == "invalid_request"


@pytest.mark.parametrize(
    "failure", [Unavailable("down"), errors.Internal("broken"), ZeroDivisionError("a bug")]
)
async def test_without_the_scorer_what_was_asked_for_is_served(failure: Exception) -> None:
    on = edge()
    on.scorer.failure = failure
    answer = await ask(on)
    assert answer.status == 200
    assert answer.headers["turnout-degraded"] == "scorer"
    assert answer.headers["turnout-reason"] == "scorer_unavailable"
    (request,) = on.dispatcher.asked
    assert request.decision.targets[0] == OPUS
    assert request.decision.degraded == ("scorer",)
    (routed,) = (fact for fact in on.facts.all if isinstance(fact, RequestRouted))
    assert routed.event_id == f"{request.request_id}:routed"
    assert routed.decision == request.decision
    assert routed.inputs.degraded == ("scorer",)


async def test_without_the_scorer_a_thread_stays_with_its_last_target() -> None:
    on = edge()
    haiku = "anthropic/claude-haiku-5-5@simulated"
    on.dispatcher.script = (head(target=haiku), Chunk(b""))
    await ask(on)
    on.scorer.failure = Unavailable("down")
    await ask(on)
    assert on.dispatcher.asked[1].decision.targets[0] == haiku
    on.modes.set_mode("default", "observe")
    await ask(on)
    assert on.dispatcher.asked[2].decision.targets[0] == OPUS


async def test_without_the_scorer_whose_reasoning_is_whose_is_remembered() -> None:
    on = edge()
    haiku = "anthropic/claude-haiku-5-5@simulated"
    on.dispatcher.script = (head(target=haiku), Chunk(b""))
    await ask(on)
    (made,) = on.dispatcher.asked
    on.scorer.failure = Unavailable("down")
    await ask(on)
    on.scorer.failure = None
    on.scorer.degraded_inputs = ("tracker",)
    await ask(on)
    makers = (Maker(len(made.prefix.digests), haiku),)
    assert [request.makers for request in on.dispatcher.asked] == [(), makers, makers]


async def test_who_answers_after_a_head_without_a_name_is_the_last_target() -> None:
    on = edge()
    haiku = "anthropic/claude-haiku-5-5@simulated"
    served = Served(target=haiku, model="claude-haiku-5-5", provider="anthropic", attempts=2)
    on.dispatcher.script = (head(target=""), Chunk(b": keep-alive"), served, Chunk(b""))
    answer = await ask(on)
    assert b"".join(answer.chunks) == b": keep-alive"
    on.scorer.failure = Unavailable("down")
    await ask(on)
    assert on.dispatcher.asked[1].decision.targets[0] == haiku


async def test_a_target_that_refused_is_no_last_target() -> None:
    on = edge()
    on.dispatcher.script = (head(429, target="anthropic/claude-haiku-5-5@simulated"), Chunk(b""))
    await ask(on)
    on.scorer.failure = Unavailable("down")
    await ask(on)
    assert on.dispatcher.asked[1].decision.targets[0] == OPUS
    assert on.dispatcher.asked[1].makers == ()


async def test_a_refusal_of_the_scorer_is_a_refusal() -> None:
    on = failing(errors.ContextTooLong("prompt is too long: 9 tokens > 8 maximum"))
    answer = await ask(on)
    assert answer.status == 400
    assert "prompt is too long" in error_of(answer)[1]
    assert on.facts.completed.error == "context_too_long"
    assert not on.dispatcher.asked


async def test_the_mode_of_the_moment_is_asked_with() -> None:
    on = edge()
    await ask(on)
    on.modes.set_mode("default", "observe")
    answer = await ask(on)
    assert [asked.mode for asked in on.scorer.asked] == ["full", "observe"]
    assert answer.headers["turnout-mode"] == "observe"


async def test_a_trace_goes_on() -> None:
    on = edge()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await ask(on, headers=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
    assert on.dispatcher.asked[0].traceparent.startswith(f"00-{trace}-")
    assert on.scorer.asked[0].traceparent == on.dispatcher.asked[0].traceparent


CLAUDES_ACCOUNT = BODY.replace(
    b'"stream":true',
    b'"stream":true,"metadata":{"user_id":"{\\"account_uuid\\":\\"u\\",\\"session_id\\":\\"s\\"}"}',
)


@pytest.mark.parametrize(
    ("token", "body", "account"),
    [
        ("sk-ant-oat01-", CLAUDES_ACCOUNT, []),
        ("eyJhbGciOi", BODY, [("chatgpt-account-id", "u"), ("session-id", "s")]),
    ],
    ids=["claude", "chatgpt"],
)
async def test_a_subscriptions_thread_outlives_its_token(
    token: str, body: bytes, account: list[tuple[str, str]]
) -> None:
    on = edge()
    for end in ("a", "b"):
        bearer = ("authorization", f"Bearer {token}{end * 60}")
        assert (await ask(on, body=body, headers=[bearer, *account])).status == 200
    one, two = on.scorer.asked
    assert one.identity.thread_key == two.identity.thread_key
    assert one.identity.principal == two.identity.principal
