"""Interrupts, repeated prompts and abandoned sessions, derived from facts in a real ClickHouse."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.bus import samples
from tests.bus.servers import NatsServer
from tests.telemetry import telling
from turnout.bus.connection import open_bus
from turnout.bus.publisher import MAX_MESSAGE_FACTS
from turnout.bus.subjects import BY_FACT, STREAM
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact, RequestCompleted, RequestRouted
from turnout.policy.request import StepKind
from turnout.protos import to_pb
from turnout.telemetry.batch import BusMessage, blocks_of
from turnout.telemetry.derive import derive, publish_all
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.service import Telemetry, TelemetrySettings
from turnout.telemetry.signals import ABANDONED_SECONDS, LeftStep, signals_of
from turnout.telemetry.warehouse import Warehouse

pytestmark = pytest.mark.anyio

NOON = samples.NOON
HOUR = 3600.0
DONE, TOOL = "end_turn", "tool_use"


def left(**changes: object) -> LeftStep:
    step = LeftStep(
        tenant="acme",
        principal="p",
        session="s",
        repository="acme/api",
        branch="fix",
        request_id="r-1",
        received=NOON,
        ended=NOON + 5,
        step_kind="tool_continuation",
        outcome="cancelled",
        finish_reason="",
        body_bytes=1000,
        next_request_id="r-2",
        next_received=NOON + 20,
        next_step_kind="user_input",
        next_body_bytes=1200,
    )
    return replace(step, **changes)


def kinds(step: LeftStep, *, now: float = NOON + HOUR) -> list[str]:
    return [one.label or one.kind for one in signals_of([step], [], now=now)]


def test_a_new_text_after_an_answer_that_was_given_up_is_an_interrupt() -> None:
    (outcome,) = signals_of([left()], [], now=NOON + HOUR)
    assert (outcome.kind, outcome.session, outcome.request_id) == ("interrupt", "s", "r-1")
    assert (outcome.occurred_at, outcome.after_seconds) == (NOON + 5, 5)


def test_the_same_request_again_is_no_interrupt() -> None:
    assert kinds(left(next_body_bytes=1000)) == []
    assert kinds(left(next_step_kind="tool_continuation")) == []
    assert kinds(left(outcome="answered", finish_reason=DONE)) == []


def test_a_session_is_abandoned_after_a_day_without_a_step_that_was_due() -> None:
    alone = left(next_request_id="", next_received=0.0, next_step_kind="", next_body_bytes=0)
    later = NOON + 5 + ABANDONED_SECONDS
    assert kinds(alone, now=later - 1) == []
    assert kinds(alone, now=later) == ["abandoned"]
    answered = replace(alone, outcome="answered", finish_reason=TOOL)
    assert kinds(answered, now=later) == ["abandoned"]
    assert kinds(replace(answered, finish_reason=DONE), now=later) == []


def test_going_on_after_a_day_takes_the_abandonment_back() -> None:
    alone = left(next_request_id="", next_received=0.0, next_step_kind="", next_body_bytes=0)
    gone = left(next_received=NOON + 2 * ABANDONED_SECONDS, outcome="failed")
    (abandoned,) = signals_of([alone], [], now=NOON + 2 * ABANDONED_SECONDS)
    (resumed,) = signals_of([gone], [], now=NOON + 2 * ABANDONED_SECONDS)
    assert resumed.label == "resumed"
    assert resumed.event_id == abandoned.event_id


# -- from facts --------------------------------------------------------------------------------


def step(
    request_id: str,
    at: float,
    *,
    session: str = "session-1",
    step_kind: StepKind = "tool_continuation",
    finish: str = DONE,
    cancelled: bool = False,
    body_bytes: int = 1000,
) -> RequestCompleted:
    return replace(
        samples.completed(request_id),
        identity=samples.identity(session=session),
        received_at=at,
        occurred_at=at + 5,
        step_kind=step_kind,
        outcome="cancelled" if cancelled else "answered",
        finish_reason="" if cancelled else finish,
        body_bytes=body_bytes,
    )


def typed(request_id: str, at: float, *, digest: str, messages: int) -> RequestRouted:
    fact = samples.routed(request_id)
    features = replace(
        fact.inputs.features, step_kind="user_input", text_digest=digest, message_count=messages
    )
    return replace(fact, occurred_at=at, inputs=replace(fact.inputs, features=features))


async def tell(warehouse: Warehouse, *facts: Fact) -> None:
    messages = [
        BusMessage(
            route.subject,
            sequence,
            NOON,
            facts_pb2.FactBatch(
                facts=[to_pb(fact, route.message).SerializeToString()]
            ).SerializeToString(),
        )
        for sequence, fact in enumerate(facts)
        for route in [BY_FACT[type(fact)]]
    ]
    for block in blocks_of(messages):
        await warehouse.insert(block.table, block.columns, block.types, token=block.token)


async def derive_and_tell(warehouse: Warehouse, *, now: float) -> int:
    """As telemetry does, without a bus between; answers how many outcomes were new."""
    found = await derive(warehouse, now=now)
    if found:
        await telling.tell(warehouse, found, sequence=int(now))
    return len(found)


async def derived(warehouse: Warehouse) -> Sequence[tuple[object, ...]]:
    return await warehouse.rows(
        "SELECT kind, label, session, request_id FROM outcomes WHERE source = 'telemetry'"
        " ORDER BY occurred_at, kind"
    )


async def test_signals_are_derived_once_however_often_they_are_looked_for(
    warehouse: Warehouse,
) -> None:
    await tell(
        warehouse,
        step("r-1", NOON, step_kind="user_input", finish=TOOL),
        step("r-2", NOON + 10, cancelled=True, body_bytes=1100),
        step("r-3", NOON + 60, step_kind="user_input", body_bytes=1300),
        step("r-4", NOON + 100, session="session-2", finish=TOOL),
        step("r-5", NOON + 100, session="session-3", finish=DONE),
        typed("r-1", NOON, digest="a", messages=1),
        typed("r-3", NOON + 60, digest="b", messages=5),
        typed("r-6", NOON + 90, digest="b", messages=7),
        typed("r-7", NOON + 95, digest="b", messages=7),
        typed("r-8", NOON + 99, digest="a", messages=9),
        typed("r-9", NOON + 110, digest="", messages=11),
        typed("r-10", NOON + 120, digest="", messages=13),
    )
    soon, a_day_later = NOON + HOUR, NOON + 25 * HOUR

    assert await derive_and_tell(warehouse, now=soon) == 2
    assert await derived(warehouse) == [
        ("interrupt", "", "session-1", "r-2"),
        ("repeated_prompt", "", "session-1", "r-6"),
    ]
    assert await derive_and_tell(warehouse, now=soon) == 0
    assert await derive_and_tell(warehouse, now=a_day_later) == 1
    assert (await derived(warehouse))[-1] == ("abandoned", "", "session-2", "r-4")
    await tell(warehouse, step("r-11", a_day_later, session="session-2"))
    assert await derive_and_tell(warehouse, now=a_day_later + HOUR) == 1
    assert (await derived(warehouse))[-1] == ("label", "resumed", "session-2", "r-4")
    assert await derive_and_tell(warehouse, now=a_day_later + HOUR) == 0


async def test_scripts_and_side_requests_leave_no_signals(warehouse: Warehouse) -> None:
    plain = step("r-1", NOON, finish=TOOL)
    script = replace(plain, identity=replace(plain.identity, harness="openai_sdk"))
    side = replace(plain, event_id="r-2", request_id="r-2")
    side = replace(side, identity=replace(side.identity, request_class="auxiliary"))
    await tell(warehouse, script, side)
    assert await derive(warehouse, now=NOON + 30 * HOUR) == []


async def test_telemetry_derives_when_it_starts(
    warehouse: Warehouse, nats_server: NatsServer
) -> None:
    await nats_server.start()
    now = time.time()
    await tell(
        warehouse,
        step("r-1", now - 60, cancelled=True),
        step("r-2", now - 30, step_kind="user_input", body_bytes=2000),
    )
    metrics = TelemetryMetrics(CollectorRegistry())
    settings = TelemetrySettings(nats_url=nats_server.url, warehouse=warehouse.settings)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(Telemetry(settings, metrics).run(stop))
        while not await derived(warehouse):
            await asyncio.sleep(0.05)
        stop.set()
    assert await derived(warehouse) == [("interrupt", "", "session-1", "r-1")]


async def test_outcomes_published_again_are_one_message(nats_server: NatsServer) -> None:
    await nats_server.start()
    found = [samples.outcome(f"outcome-{number}") for number in range(MAX_MESSAGE_FACTS + 1)]
    async with open_bus(nats_server.url, name="test") as bus:
        jetstream = await bus.jetstream()
        for _ in range(2):
            await publish_all(jetstream, found)
            assert (await jetstream.stream_info(STREAM)).state.messages == 2


async def test_an_empty_database_has_no_signals(warehouse: Warehouse) -> None:
    assert await derive(warehouse, now=NOON) == []
