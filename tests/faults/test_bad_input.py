"""Bad input against the running product: the right status, an error in the client's dialect that says
what is wrong and what would be right, a fact with the kind of error, and nothing left open.
"""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import pytest

from tests.faults.clients import PATHS, Wire, data_of, error_of
from tests.faults.open_files import Opened, opened_by
from tests.faults.product import Product, Rows
from turnout.engines.free_ports import free_ports

pytestmark = pytest.mark.anyio

MAX_BODY_BYTES: Final = 8_000_000
"""Room for a prompt that is too long for every model: 1.5 million words."""

WORKERS: Final = 8

BOTH: Final[tuple[Wire, ...]] = ("anthropic_messages", "openai_chat")

ROUTER_KEY: Final = "tk_a-router-key-of-this-test"

BODY: Final[dict[str, object]] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 20,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}


def body(**changes: object) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad request and what must come of it.

    Attributes:
        says: pieces of the message: what was wrong, what would be right.
        statuses: by dialect where they differ.
    """

    name: str
    status: int
    kind: str
    says: Sequence[str]
    data: bytes = field(default=body(), repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    more_path: str = ""
    statuses: dict[Wire, int] = field(default_factory=dict)


def message_of(wire: Wire, data: bytes) -> str:
    return error_of(wire, data).message


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    request_id: str
    retry_after: str


async def send(product: Product, wire: Wire, bad: Bad) -> Answer:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as client,
        client.post(
            product.url + PATHS[wire] + bad.more_path,
            data=io.BytesIO(bad.data),
            headers={"content-type": "application/json", **bad.headers},
        ) as answer,
    ):
        return Answer(
            status=answer.status,
            body=await answer.read(),
            request_id=answer.headers.get("turnout-request-id", ""),
            retry_after=answer.headers.get("retry-after", ""),
        )


async def leaves_fact(
    product: Product, wire: Wire, answer: Answer, *, kind: str, outcome: Sequence[str]
) -> None:
    def is_there(rows: Rows) -> bool:
        return len(rows) == 1

    rows = await product.until_rows(
        "SELECT dialect, status, error, outcome FROM requests"
        f" WHERE request_id = '{answer.request_id}'",
        is_there,
    )
    dialect, status, error, ended = rows[0]
    assert (dialect, status, error) == (wire, answer.status, kind)
    assert ended in outcome


@pytest.fixture(scope="module")
async def server(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    made = Product(tmp_path_factory.mktemp("server"))
    made.settings["TURNOUT_INGRESS__MAX_BODY_BYTES"] = str(MAX_BODY_BYTES)
    try:
        await made.start()
        yield made
    finally:
        await made.kill()


REFUSED: Final = (
    Bad("malformed", 400, "invalid_request", ["the body"], data=b'{"model": "claude'),
    Bad("empty", 400, "invalid_request", ["the body"], data=b""),
    Bad("no-object", 400, "invalid_request", ["expected object", "array"], data=b"[]"),
    Bad("not-utf-8", 400, "invalid_request", ["UTF-8"], data=body().replace(b"sky", b"\xff\xfe")),
    Bad(
        "model-no-text",
        400,
        "invalid_request",
        ["model", "expected str", "int"],
        data=body(model=7),
    ),
    Bad(
        "messages-no-list",
        400,
        "invalid_request",
        ["messages", "expected array", "str"],
        data=body(messages="hi"),
    ),
    Bad(
        "messages-empty",
        400,
        "invalid_request",
        ["messages", "at least one"],
        data=body(messages=[]),
    ),
    Bad(
        "max-tokens-no-number",
        400,
        "invalid_request",
        ["max_tokens", "expected int"],
        data=body(max_tokens="many"),
    ),
    Bad(
        "unknown-model",
        404,
        "unknown_model",
        ["gtp-5.5", "gpt-5.5"],
        data=body(model="gtp-5.5"),
    ),
    Bad(
        "long-model-name",
        400,
        "invalid_request",
        ["model", "at most 512 bytes", "200000"],
        data=body(model="x" * 200_000),
    ),
    Bad("unknown-path", 404, "unknown_path", ["/batches", "/v1/messages"], more_path="/batches"),
    Bad(
        "body-too-large",
        413,
        "request_too_large",
        [str(MAX_BODY_BYTES), "TURNOUT_INGRESS__MAX_BODY_BYTES"],
        data=b" " * (MAX_BODY_BYTES + 1),
    ),
    Bad(
        "context-too-long",
        400,
        "context_too_long",
        ["prompt is too long", "maximum"],
        data=body(messages=[{"role": "user", "content": "word " * 1_500_000}]),
    ),
    Bad(
        "foreign-host",
        403,
        "not_allowed",
        ["evil.example", "TURNOUT_INGRESS__ALLOWED_HOSTS"],
        headers={"host": "evil.example"},
    ),
    Bad(
        "foreign-origin",
        403,
        "not_allowed",
        ["https://evil.example", "TURNOUT_INGRESS__ALLOWED_ORIGINS"],
        headers={"origin": "https://evil.example"},
    ),
)


@pytest.mark.parametrize("wire", BOTH)
@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
async def test_a_bad_request_is_refused(server: Product, wire: Wire, bad: Bad) -> None:
    answer = await send(server, wire, bad)
    assert answer.status == bad.status, answer.body[:300]
    message = message_of(wire, answer.body)
    for piece in bad.says:
        assert piece in message


async def test_every_refusal_leaves_its_fact(server: Product) -> None:
    """Asked together, because rows come to be seen about once a second."""
    told = [(wire, bad, await send(server, wire, bad)) for wire in BOTH for bad in REFUSED]
    for wire, bad, answer in told:
        await leaves_fact(server, wire, answer, kind=bad.kind, outcome=("rejected",))


def scripted(directives: str, *, stream: bool) -> Bad:
    """A good request whose provider misbehaves."""
    return Bad("", 0, "", [], data=body(stream=stream), headers={"x-simulate": directives})


FAILING: Final = (
    Bad("garbage", 502, "upstream_failed", ["text/html"]),
    Bad("half", 502, "upstream_failed", []),
    Bad("cut=after-start", 502, "upstream_failed", ["broke off"]),
    Bad("status=500", 502, "upstream_failed", []),
    Bad("status=429,retry-after=7", 429, "rate_limited", ["rate limit"]),
    Bad("status=529", 529, "overloaded", ["Overloaded"], statuses={"openai_chat": 503}),
    Bad("status=400", 400, "invalid_request", ["Invalid request"]),
)


@pytest.mark.parametrize("wire", BOTH)
@pytest.mark.parametrize("bad", FAILING, ids=lambda bad: bad.name)
async def test_a_provider_that_fails_before_its_answer(
    server: Product, wire: Wire, bad: Bad
) -> None:
    answer = await send(server, wire, scripted(bad.name, stream=False))
    assert answer.status == bad.statuses.get(wire, bad.status), answer.body[:300]
    message = message_of(wire, answer.body)
    for piece in bad.says:
        assert piece in message
    if bad.kind in ("rate_limited", "overloaded"):
        assert 0 < int(answer.retry_after) <= 60


async def test_every_failure_of_a_provider_leaves_its_fact(server: Product) -> None:
    told = [
        (wire, bad, await send(server, wire, scripted(bad.name, stream=False)))
        for wire in BOTH
        for bad in FAILING
    ]
    for wire, bad, answer in told:
        outcome = "rejected" if bad.status == 400 else "failed"
        await leaves_fact(server, wire, answer, kind=bad.kind, outcome=(outcome,))


@pytest.mark.parametrize("wire", BOTH)
@pytest.mark.parametrize(
    ("directives", "kind"),
    [
        ("half", "upstream_failed"),
        ("cut=before-end", "upstream_failed"),
        ("error-in-stream", "overloaded"),
    ],
)
async def test_a_stream_that_stops_half_way(
    server: Product, wire: Wire, directives: str, kind: str
) -> None:
    """It has begun, so it ends with an error event of the client's dialect and not as if whole."""
    answer = await send(server, wire, scripted(f"{directives},gap=0.02", stream=True))
    assert answer.status == 200
    events = data_of(answer.body)
    assert message_of(wire, events[-1])
    assert b"[DONE]" not in events
    assert b"message_stop" not in answer.body
    await leaves_fact(server, wire, answer, kind=kind, outcome=("failed",))


@pytest.mark.parametrize("wire", BOTH)
async def test_a_stream_that_is_cut_while_it_begins(server: Product, wire: Wire) -> None:
    """Before its first content an answer can still be an error with a status."""
    answer = await send(server, wire, scripted("cut=after-start", stream=True))
    assert answer.status == 502
    assert "broke off" in message_of(wire, answer.body)
    await leaves_fact(server, wire, answer, kind="upstream_failed", outcome=("failed",))


async def test_keys(product: Product) -> None:
    digest = hashlib.sha256(ROUTER_KEY.encode()).hexdigest()
    product.settings["TURNOUT_INGRESS__KEYS"] = json.dumps([{"name": "test", "sha256": digest}])
    await product.start()
    refused: list[tuple[Wire, Answer]] = []
    for wire in BOTH:
        missing = await send(product, wire, Bad("", 401, "", []))
        assert missing.status == 401
        assert "router key" in message_of(wire, missing.body)
        refused.append((wire, missing))
        for header in ({"x-api-key": "tk_wrong"}, {"authorization": "Bearer tk_wrong"}):
            wrong = await send(product, wire, Bad("", 401, "", [], headers=header))
            assert wrong.status == 401
            assert "turnout keys new" in message_of(wire, wrong.body)
            assert b"tk_wrong" not in wrong.body
            refused.append((wire, wrong))
        right = await send(product, wire, Bad("", 200, "", [], headers={"x-api-key": ROUTER_KEY}))
        assert right.status == 200
    for wire, answer in refused:
        await leaves_fact(product, wire, answer, kind="not_authenticated", outcome=("rejected",))


async def test_a_provider_that_is_down(product: Product) -> None:
    """Nobody listens at the providers' addresses: one clear error, and the client is told when to
    come back.
    """
    (closed,) = free_ports(1)
    product.settings |= {
        "TURNOUT_PROVIDERS__OPENAI__BASE_URL": f"http://127.0.0.1:{closed}",
        "TURNOUT_PROVIDERS__ANTHROPIC__BASE_URL": f"http://127.0.0.1:{closed}",
        "OPENAI_API_KEY": "sk-of-this-test-alone",
        "ANTHROPIC_API_KEY": "sk-ant-of-this-test-alone",
    }
    await product.start()
    failed: list[tuple[Wire, Answer]] = []
    for wire in BOTH:
        for model in ("claude-haiku-5-5", "gpt-5.4-mini"):
            for stream in (False, True):
                bad = Bad("", 502, "", [], data=body(model=model, stream=stream))
                answer = await send(product, wire, bad)
                assert answer.status == 502, answer.body[:300]
                message = message_of(wire, answer.body)
                assert "cannot be reached" in message
                assert "of-this-test-alone" not in answer.body.decode()
                failed.append((wire, answer))
    for wire, answer in failed:
        await leaves_fact(product, wire, answer, kind="upstream_failed", outcome=("failed",))


async def leave_early(product: Product, wire: Wire) -> None:
    """Ask for a stream and close the connection after its first bytes."""
    async with aiohttp.ClientSession() as client:
        answer = await client.post(
            product.url + PATHS[wire],
            data=body(stream=True, max_tokens=2_000),
            headers={"content-type": "application/json", "x-simulate": "tokens=2000,gap=0.05"},
        )
        await answer.content.readany()
        answer.close()


async def misbehave(product: Product, count: int) -> None:
    """Bad requests of every kind, `WORKERS` at a time; too long ones are left out, they take seconds."""
    quick = [bad for bad in REFUSED if len(bad.data) < 100_000]
    scripts = [
        scripted(f"{directives},gap=0", stream=stream)
        for directives in ("garbage", "half", "cut=after-content", "error-in-stream", "status=500")
        for stream in (False, True)
    ]
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            wire = BOTH[number % 2]
            if number % 10 == 9:
                await leave_early(product, wire)
            else:
                await send(product, wire, (quick + scripts)[number // 2 % len(quick + scripts)])

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(worker())


async def test_nothing_is_left_open(server: Product) -> None:
    await misbehave(server, 60)
    before = await settled(server)
    await misbehave(server, 200)
    after = await settled(server)
    assert (after.sockets, after.others) == (before.sockets, before.others)
    assert after.pooled <= WORKERS


async def settled(product: Product) -> Opened:
    """What is open once every answer is over and nothing is being closed any more."""
    async with aiohttp.ClientSession() as client, asyncio.timeout(30):
        while True:
            async with client.get(f"{product.simulator_url}/simulate/log") as answer:
                log: dict[str, object] = await answer.json()
            if log["in_flight"] == 0:
                break
            await asyncio.sleep(0.05)
    last = opened_by(product.pid, provider_port=product.port("simulator"))
    same = 0
    async with asyncio.timeout(30):
        while same < 20:
            await asyncio.sleep(0.05)
            found = opened_by(product.pid, provider_port=product.port("simulator"))
            same = same + 1 if found == last else 0
            last = found
    return last
