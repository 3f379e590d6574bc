"""Tenants go one mode back on the outcomes of their arms, once, and on new evidence only."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.bus import samples
from tests.bus.servers import NatsServer
from tests.telemetry.telling import tell
from turnout.bus.connection import Bus, open_bus
from turnout.bus.control import ControlStore
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact, ModeChanged, OutcomeReported
from turnout.policy.request import Arm, Mode
from turnout.protos import from_pb
from turnout.telemetry.guardrail import Guardrail, GuardrailSettings
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.service import Telemetry, TelemetrySettings
from turnout.telemetry.warehouse import Warehouse, open_warehouse

pytestmark = pytest.mark.anyio

SESSIONS = 40
"""In each arm; what all of one and none of the other succeed in shows with thirty."""


def sessions(
    arm: Arm,
    score: float,
    *,
    at: float,
    mode: Mode = "full",
    tenant: str = "acme",
    name: str = "",
) -> list[Fact]:
    """Sessions of one request each, with the score that all of them got."""
    found: list[Fact] = []
    for number in range(SESSIONS):
        session = f"{name}{arm}-{number}"
        request = samples.completed(f"{tenant}-{session}")
        found += [
            replace(
                request,
                identity=replace(request.identity, tenant=tenant, session=session, arm=arm),
                mode=mode,
                received_at=at,
                occurred_at=at + 1,
            ),
            outcome(session, tenant=tenant, kind="score", score=score, occurred_at=at + 2),
        ]
    return found


def outcome(session: str, **told: object) -> OutcomeReported:
    plain = replace(
        samples.outcome(),
        request_id="",
        branch="",
        repository="",
        tests_passed=None,
        tests_failed=None,
    )
    named = replace(plain, session=session, **told)
    return replace(named, event_id=f"{named.tenant}-{session}-{named.kind}-{named.occurred_at}")


def both(
    treatment: float,
    control: float,
    *,
    at: float,
    mode: Mode = "full",
    name: str = "",
    tenant: str = "acme",
) -> list[Fact]:
    return [
        *sessions("treatment", treatment, at=at, mode=mode, name=name, tenant=tenant),
        *sessions("control", control, at=at, mode=mode, name=name, tenant=tenant),
    ]


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncGenerator[Bus]:
    await server.start()
    async with open_bus(server.url, name="test") as bus:
        yield bus


def guardrail(bus: Bus, registry: CollectorRegistry, *, margin: float = 0.05) -> Guardrail:
    return Guardrail(GuardrailSettings(margin=margin), bus=bus, metrics=TelemetryMetrics(registry))


async def mode_of(bus: Bus, tenant: str = "acme") -> str | None:
    return await ControlStore(bus).get(f"mode.{tenant}", deadline_seconds=5)


async def told(bus: Bus) -> list[ModeChanged]:
    """The changes on the bus, in their order."""
    jetstream = await bus.jetstream()
    subscription = await jetstream.subscribe("turnout.mode.changed", stream="TURNOUT_FACTS")
    found: list[ModeChanged] = []
    for _ in range((await jetstream.stream_info("TURNOUT_FACTS")).state.messages):
        batch = facts_pb2.FactBatch.FromString((await subscription.next_msg(timeout=5)).data)
        found += [
            from_pb(ModeChanged, facts_pb2.ModeChanged.FromString(one)) for one in batch.facts
        ]
    return found


async def test_a_tenant_goes_one_mode_back_once_and_on_new_evidence_again(
    warehouse: Warehouse, nats_server: NatsServer
) -> None:
    async with connected(nats_server) as bus:
        store = ControlStore(bus)
        await store.put("mode.acme", "full", deadline_seconds=5)
        await tell(warehouse, both(0.0, 1.0, at=time.time()))
        registry = CollectorRegistry()
        guard, other = guardrail(bus, registry), guardrail(bus, CollectorRegistry())
        await asyncio.gather(guard.look(warehouse), other.look(warehouse))
        await guard.look(warehouse)
        assert await mode_of(bus) == "subagents"
        (change,) = await told(bus)
        assert (change.tenant, change.from_mode, change.to_mode) == ("acme", "full", "subagents")
        assert (change.source, change.changed_by) == ("guardrail", "")
        assert (change.margin, change.confidence, change.difference) == (0.05, 0.95, -1.0)
        assert (change.treatment_sessions, change.control_sessions) == (SESSIONS, SESSIONS)
        assert change.low is not None
        assert change.high is not None
        assert change.low == -1.0 < change.high < -0.05

        # A person sets it forward again: what made it drop counts no more.
        await store.put("mode.acme", "full", deadline_seconds=5)
        await guard.look(warehouse)
        assert await mode_of(bus) == "full"


async def test_two_looks_at_once_drop_once(warehouse: Warehouse, nats_server: NatsServer) -> None:
    async with connected(nats_server) as bus:
        await tell(warehouse, both(0.0, 1.0, at=time.time()))
        registries = [CollectorRegistry() for _ in range(4)]
        async with open_warehouse(warehouse.settings) as second:
            await asyncio.gather(
                *(
                    guardrail(bus, registry).look(one)
                    for registry, one in zip(registries, (warehouse, second) * 2, strict=True)
                )
            )
        drops = [
            registry.get_sample_value("turnout_guardrail_drops_total", {"mode": "subagents"})
            for registry in registries
        ]
        assert sum(drop or 0 for drop in drops) == 1
        assert await mode_of(bus) == "subagents"


async def test_nothing_changes_otherwise(warehouse: Warehouse, nats_server: NatsServer) -> None:
    now = time.time()
    async with connected(nats_server) as bus:
        held: dict[str, list[Fact]] = {
            "same": both(0.7, 0.7, at=now, tenant="same"),
            "better": both(1.0, 0.0, at=now, tenant="better"),
            "alone": sessions("treatment", 0.0, at=now, tenant="alone"),
            "observing": both(0.0, 1.0, at=now, mode="observe", tenant="observing"),
            "long-ago": both(0.0, 1.0, at=now - 2 * 86_400, tenant="long-ago"),
        }
        for facts in held.values():
            await tell(warehouse, facts)
        # No control key can be named so: it is none of ours.
        await tell(warehouse, both(0.0, 1.0, at=now, tenant="a.b"))
        await guardrail(bus, CollectorRegistry(), margin=0.0).look(warehouse)
        assert {tenant: await mode_of(bus, tenant) for tenant in held} == dict.fromkeys(held)

        await tell(warehouse, both(0.0, 1.0, at=now, tenant="worse"))
        await guardrail(bus, CollectorRegistry(), margin=0.9).look(warehouse)
        assert await mode_of(bus, "worse") is None


async def test_sessions_of_before_or_of_two_modes_are_no_evidence(
    warehouse: Warehouse, nats_server: NatsServer
) -> None:
    async with connected(nats_server) as bus:
        await ControlStore(bus).put("mode.acme", "full", deadline_seconds=5)
        now = time.time()
        mixed = both(0.0, 1.0, at=now, mode="full", name="mixed-")
        again = [
            replace(fact, mode="cache", event_id=f"{fact.event_id}-again")
            for fact in mixed
            if not isinstance(fact, OutcomeReported)
        ]
        await tell(warehouse, [*both(0.0, 1.0, at=now - 60, name="before-"), *mixed, *again])
        await guardrail(bus, CollectorRegistry()).look(warehouse)
        assert await mode_of(bus) == "full"


async def test_a_key_takes_nobody_forward(warehouse: Warehouse, nats_server: NatsServer) -> None:
    """Some callers of a tenant without a key are in observe; the key would hold for them too."""
    async with connected(nats_server) as bus:
        now = time.time()
        paying = sessions("treatment", 1.0, at=now, mode="observe", name="paying-")
        await tell(warehouse, [*both(0.0, 1.0, at=now), *paying])
        await guardrail(bus, CollectorRegistry()).look(warehouse)
        assert await mode_of(bus) == "observe"


async def test_telemetry_looks_by_itself_and_records_the_change(
    warehouse: Warehouse, nats_server: NatsServer
) -> None:
    await nats_server.start()
    await tell(warehouse, both(0.0, 1.0, at=time.time(), mode="cache"))
    settings = TelemetrySettings(
        nats_url=nats_server.url,
        warehouse=warehouse.settings,
        guardrail=GuardrailSettings(interval_seconds=0.2),
    )
    rows: list[tuple[object, ...]] = []
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(Telemetry(settings, TelemetryMetrics(CollectorRegistry())).run(stop))
        while not rows:
            await asyncio.sleep(0.05)
            rows = await warehouse.rows(
                "SELECT tenant, from_mode, to_mode, source, difference, control_sessions"
                " FROM mode_changes"
            )
        stop.set()
    assert rows == [("acme", "cache", "observe", "guardrail", -1.0, SESSIONS)]


async def test_a_margin_of_one_looks_at_nothing(nats_server: NatsServer) -> None:
    async with open_bus(nats_server.url, name="test") as bus:
        settings = TelemetrySettings().warehouse
        await guardrail(bus, CollectorRegistry(), margin=1.0).run(settings, asyncio.Event())


COMES_TO: dict[str, tuple[float | None, list[dict[str, object]]]] = {
    "reverted": (0.0, [{"kind": "merge"}, {"kind": "revert"}]),
    "merged after all": (1.0, [{"kind": "merge"}, {"kind": "abandoned"}]),
    "what survived": (
        0.6,
        [
            {"kind": "merge"},
            {"kind": "survival", "lines_kept": 9, "lines_written": 10, "after_seconds": 1.0},
            {"kind": "survival", "lines_kept": 6, "lines_written": 10, "after_seconds": 9.0},
        ],
    ),
    "abandoned": (0.0, [{"kind": "abandoned"}, {"kind": "score", "score": 1.0}]),
    "what people kept": (
        0.75,
        [
            {"kind": "human_edits", "lines_kept": 3, "lines_changed": 1},
            {"kind": "tests", "tests_passed": 5, "tests_failed": 0},
        ],
    ),
    "the latest tests": (
        1.0,
        [
            {"kind": "tests", "tests_passed": 0, "tests_failed": 5},
            {"kind": "tests", "tests_passed": 5, "tests_failed": 0},
            {"kind": "score", "score": 0.1},
        ],
    ),
    "one test fails": (0.0, [{"kind": "tests", "tests_failed": 1, "tests_passed": 99}]),
    "the latest score": (
        0.4,
        [{"kind": "score", "score": 0.2}, {"kind": "score", "score": 0.4}],
    ),
    "nothing known": (None, [{"kind": "interrupt"}, {"kind": "label", "label": "ok"}]),
}


async def test_what_came_of_a_session_is_one_number(warehouse: Warehouse) -> None:
    facts = [
        outcome(session, occurred_at=samples.NOON + place, **told)
        for session, (_, outcomes) in COMES_TO.items()
        for place, told in enumerate(outcomes)
    ]
    await tell(warehouse, facts)
    rows = await warehouse.rows(
        "SELECT session, success FROM session_success WHERE tenant = 'acme'"
    )
    expected = {name: success for name, (success, _) in COMES_TO.items() if success is not None}
    assert {str(session): success for session, success in rows} == expected
