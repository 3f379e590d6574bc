"""Prompts that are kept cached while their threads pause, at a simulated provider whose clock is the test's."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import msgspec
import pytest
import uvicorn
from msgspec import structs

from tests.fakes import KeptFacts
from tests.session_cache_tracker.notes import HITS, note, prompt, written
from tests.upstream_dispatcher.workbench import (
    CATALOG,
    NOW,
    QUICK,
    Bench,
    KeptNotes,
    answer_of,
    request,
)
from turnout.bus.control_keys import MODE_KEY, SETTINGS_KEY
from turnout.dialects.registry import DIALECTS
from turnout.dialects.usage import Usage
from turnout.errors import Unavailable
from turnout.facts import KeepWarmReadEnded
from turnout.policy.decision import KeepWarm
from turnout.policy.request import RequestClass
from turnout.policy.thread import ThreadState
from turnout.ports import (
    Credential,
    DispatchRequest,
    LeaseAnswer,
    LeaseRequest,
    LookRequest,
    Note,
    Settlement,
)
from turnout.session_cache_tracker.memory import MemoryThreadStore
from turnout.session_cache_tracker.service import LocalSessionCacheTracker
from turnout.simulator.app import SimulatedProvider
from turnout.simulator.directives import parse_directives
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.answer import NOTHING_SEEN
from turnout.upstream_dispatcher.held import held_for
from turnout.upstream_dispatcher.keep_warm import Keeper
from turnout.upstream_dispatcher.request import prepare
from turnout.upstream_dispatcher.service import LocalUpstreamDispatcher
from turnout.upstream_dispatcher.standings import Standings
from turnout.upstream_dispatcher.transport import HttpTransport
from turnout.upstream_dispatcher.upstreams import Destinations, Upstream, Upstreams

pytestmark = pytest.mark.anyio

MODEL = "claude-opus-5-5"
TARGET = f"anthropic/{MODEL}@env"
PERIOD_SECONDS = 270.0
SECRET = "sk-ant-api03-" + "s" * 40
PLAN = KeepWarm("5m", chances_ended=(0.5, 0.5), chances_going_on=(), budget_usd=1.0)
LONG = "word " * 4_000


def body(*words: str, **fields: object) -> bytes:
    """A streamed request whose last message is a breakpoint."""
    texts: list[dict[str, object]] = [{"type": "text", "text": text} for text in (LONG, *words)]
    texts[-1]["cache_control"] = {"type": "ephemeral"}
    messages = [
        {"role": "assistant" if place % 2 else "user", "content": [text]}
        for place, text in enumerate(texts)
    ]
    return json.dumps(
        {"model": MODEL, "max_tokens": 9_000, "stream": True, "messages": messages, **fields}
    ).encode()


@dataclass(slots=True)
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Tracker:
    """A real one whose notes can be waited for."""

    inner: LocalSessionCacheTracker
    notes: list[Note] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    leases: list[LeaseRequest] = field(default_factory=list)
    is_down: bool = False

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        return await self.inner.look(request, deadline_seconds=deadline_seconds)

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        await self.inner.note(note, deadline_seconds=deadline_seconds)
        self.notes.append(note)
        self.told.set()

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        self.leases.append(request)
        if self.is_down:
            raise Unavailable("the tracker is away")
        return await self.inner.lease(request, deadline_seconds=deadline_seconds)

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        await self.inner.settle(settlement, deadline_seconds=deadline_seconds)

    async def heard(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.notes) < count:
                self.told.clear()
                await self.told.wait()


class Seen(msgspec.Struct):
    """What the simulated provider says of itself."""

    entries: list[dict[str, object]]


@dataclass(slots=True)
class Stage:
    """A dispatcher with its tracker, in front of a simulated provider."""

    dispatcher: LocalUpstreamDispatcher
    facts: KeptFacts
    tracker: Tracker
    clock: Clock
    url: str

    async def ask(self, asked: DispatchRequest) -> Usage:
        """The usage that the provider told."""
        known = len(self.tracker.notes)
        await answer_of(Bench(self.dispatcher, self.facts, KeptNotes()), asked)
        await self.tracker.heard(known + 1)
        usage = self.facts.attempts[-1].usage
        assert usage is not None
        return usage

    async def pause(self, seconds: float = PERIOD_SECONDS) -> list[KeepWarmReadEnded]:
        """All reads so far."""
        self.clock.now += seconds
        await self.dispatcher.keeper.read_due()
        return self.reads

    @property
    def reads(self) -> list[KeepWarmReadEnded]:
        return [fact for fact in self.facts.all if isinstance(fact, KeepWarmReadEnded)]

    async def seen(self) -> Sequence[Mapping[str, object]]:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.url}/simulate/log")
        return msgspec.json.decode(answer.content, type=Seen).entries

    async def next_read(self, directives: str) -> None:
        script = {"next": [{"simulate": directives, "holds": '"max_tokens": 0'}]}
        async with httpx.AsyncClient() as client:
            (await client.post(f"{self.url}/simulate", json=script)).raise_for_status()


@asynccontextmanager
async def simulated(clock: Clock) -> AsyncGenerator[str]:
    app = SimulatedProvider(
        CATALOG, default=parse_directives("gap=0,ttft=0,tokens=3"), keep_bodies=True, now=clock
    )
    config = uvicorn.Config(
        app, loop="none", http="httptools", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def stage() -> AsyncGenerator[Stage]:
    clock, facts = Clock(), KeptFacts()
    tracker = Tracker(LocalSessionCacheTracker(MemoryThreadStore(), facts, lambda: HITS))
    anthropic = CATALOG.providers["anthropic"]
    async with simulated(clock) as url:
        upstream = Upstream(
            secret=SECRET,
            endpoints=tuple(replace(one, base_url=url) for one in anthropic.endpoints),
        )
        async with LocalUpstreamDispatcher(
            catalog=CATALOG,
            upstreams=Upstreams({"anthropic": upstream}),
            dialects=DIALECTS,
            tracker=tracker,
            facts=facts,
            clock=clock,
            limits=QUICK,
        ) as dispatcher:
            yield Stage(dispatcher, facts, tracker, clock, url)


@pytest.fixture
async def on() -> AsyncGenerator[Stage]:
    async with stage() as found:
        yield found


def asking(
    sent: bytes | None = None,
    *,
    plan: KeepWarm | None = PLAN,
    target: str = TARGET,
    request_id: str = "r1",
    request_class: RequestClass = "main",
    headers: Sequence[tuple[str, str]] = (),
    credentials: Sequence[Credential] = (),
) -> DispatchRequest:
    sent = body() if sent is None else sent
    asked = request(
        target,
        dialect="anthropic_messages",
        model=MODEL,
        body=sent,
        headers=[("anthropic-version", "2023-06-01"), *headers],
        credentials=credentials,
    )
    return replace(
        asked,
        request_id=request_id,
        identity=structs.replace(asked.identity, request_class=request_class),
        decision=structs.replace(asked.decision, keep_warm=plan),
        prefix=prompt("hello"),
    )


async def test_a_prompt_is_read_before_it_expires_and_found_by_the_next_request(on: Stage) -> None:
    wrote = await on.ask(asking())
    assert wrote.cache_write_5m > 1_024
    (read,) = await on.pause()
    assert read.is_hit
    assert (read.outcome, read.status, read.number) == ("answered", 200, 1)
    assert read.usage == Usage(cache_read=wrote.cache_write_5m, fresh_input=wrote.fresh_input)
    prices = CATALOG.models[MODEL].prices
    assert prices.cache_read is not None
    assert prices.fresh_input is not None
    assert read.cost_usd == pytest.approx(
        (wrote.cache_write_5m * prices.cache_read + wrote.fresh_input * prices.fresh_input) / 1e6
    )
    assert (read.event_id, read.request_id) == ("r1:kept:1", "r1")
    assert (read.target, read.prefix_tokens) == (TARGET, wrote.cache_write_5m)

    on.clock.now += 200.0
    found = await on.ask(asking(body("fine", "more"), request_id="r2"))
    assert found.cache_read == wrote.cache_write_5m


async def test_without_the_read_it_is_written_again(on: Stage) -> None:
    wrote = await on.ask(asking(plan=None))
    assert not await on.pause()
    on.clock.now += 200.0
    again = await on.ask(asking(body("fine", "more"), plan=None, request_id="r2"))
    assert again.cache_read == 0
    assert again.cache_write_5m > wrote.cache_write_5m


async def test_as_many_reads_follow_as_pay(on: Stage) -> None:
    await on.ask(asking())
    for reads in (1, 2, 2):
        assert len(await on.pause()) == reads
    assert [read.number for read in on.reads] == [1, 2]
    assert not len(on.dispatcher.keeper)
    assert on.dispatcher.keeper.held_bytes == 0


async def test_nothing_is_read_before_it_is_due(on: Stage) -> None:
    await on.ask(asking())
    assert not await on.pause(PERIOD_SECONDS - 1.0)
    assert len(await on.pause(1.0)) == 1


async def test_a_read_that_comes_too_late_is_not_sent(on: Stage) -> None:
    await on.ask(asking())
    assert not await on.pause(301.0)
    assert not on.tracker.leases


async def test_an_answer_that_calls_tools_is_kept_by_its_own_chances(on: Stage) -> None:
    tools = [{"name": "Bash", "input_schema": {"type": "object", "properties": {}}}]
    called = body(tools=tools)
    calls = ("x-simulate", "tool=Bash")
    assert (await on.ask(asking(called, headers=[calls]))).output
    assert on.facts.attempts[-1].finish_reason == "tool_use"
    assert not len(on.dispatcher.keeper)
    going_on = structs.replace(PLAN, chances_going_on=(0.5,))
    await on.ask(asking(called, headers=[calls], plan=going_on, request_id="r2"))
    assert len(on.dispatcher.keeper) == 1


async def test_the_read_is_the_request_but_for_what_it_asks_for(on: Stage) -> None:
    own = [("idempotency-key", "i"), ("accept", "text/event-stream"), ("anthropic-beta", "b")]
    await on.ask(asking(headers=own))
    await on.pause()
    first, read = await on.seen()
    asked = json.loads(str(first["body"]))
    del asked["stream"]
    assert json.loads(str(read["body"])) == asked | {"max_tokens": 0}
    headers = read["headers"]
    assert isinstance(headers, dict)
    assert headers["anthropic-beta"] == "b"
    assert headers["accept"] == "application/json"
    assert "idempotency-key" not in headers


async def test_the_tracker_learns_that_the_prompt_lives_on(on: Stage) -> None:
    await on.ask(asking())
    await on.pause()
    await on.tracker.heard(2)
    look = LookRequest("k", (), prompt("hello"), now=on.clock.now + 299.0)
    state = await on.tracker.look(look, deadline_seconds=1.0)
    assert [warm.target for warm in state.warm] == [TARGET]
    assert state.steps == 1


async def test_the_next_request_of_the_thread_ends_it(on: Stage) -> None:
    await on.ask(asking())
    await on.ask(asking(body("fine", "more"), plan=None, request_id="r2"))
    assert not await on.pause()


async def test_what_is_asked_beside_the_thread_does_not(on: Stage) -> None:
    await on.ask(asking())
    await on.ask(asking(plan=None, request_id="r2", request_class="auxiliary"))
    assert len(await on.pause()) == 1


async def test_a_thread_that_went_on_elsewhere_is_left_alone(on: Stage) -> None:
    await on.ask(asking())
    prefix = prompt("hello", "answer", "more")
    elsewhere = structs.replace(
        note("k", prefix, usage=written(prefix)), sent_at=NOW + 60.0, now=NOW + 61.0
    )
    await on.tracker.note(elsewhere, deadline_seconds=1.0)
    assert not await on.pause()
    assert len(on.tracker.leases) == 1
    assert not len(on.dispatcher.keeper)


@pytest.mark.parametrize("is_down", [False, True])
async def test_no_read_is_sent_that_is_not_granted(on: Stage, *, is_down: bool) -> None:
    on.tracker.is_down = is_down
    poor = structs.replace(PLAN, budget_usd=PLAN.budget_usd if is_down else 0.001)
    await on.ask(asking(plan=poor))
    assert not await on.pause()
    assert not len(on.dispatcher.keeper)


async def test_no_target_is_read_that_has_asked_not_to_be_asked_yet(on: Stage) -> None:
    await on.ask(asking())
    on.dispatcher.standings.used_up(TARGET, 2 * PERIOD_SECONDS, now=on.clock.now)
    assert await on.pause() == []
    assert len(on.dispatcher.keeper) == 0
    assert on.tracker.leases == []


async def test_a_budget_pays_for_reads_at_what_they_cost_and_not_at_what_they_may_cost(
    on: Stage,
) -> None:
    """The dearest read, an hour's write, costs forty times a read."""
    await on.ask(asking())
    await on.pause()
    dearest, read_usd = on.tracker.leases[0].cost_usd, on.reads[0].cost_usd
    assert read_usd is not None
    assert dearest > 20 * read_usd
    just_enough = structs.replace(PLAN, budget_usd=dearest + read_usd + 1e-6)
    await on.ask(asking(plan=just_enough, request_id="r2"))
    assert len(await on.pause()) == 2


async def test_observe_mode_ends_it_at_once_and_for_what_is_under_way(on: Stage) -> None:
    await on.ask(asking())
    on.dispatcher.keeper.on_control(f"{MODE_KEY}other", "observe")
    assert len(on.dispatcher.keeper) == 1
    on.dispatcher.keeper.on_control(f"{MODE_KEY}t", "observe")
    assert not len(on.dispatcher.keeper)
    await on.ask(asking(request_id="r2"))
    assert not len(on.dispatcher.keeper)
    on.dispatcher.keeper.on_control(f"{MODE_KEY}t", "cache")
    await on.ask(asking(request_id="r3"))
    assert len(on.dispatcher.keeper) == 1
    on.dispatcher.keeper.on_control(f"{MODE_KEY}t", None)
    assert not await on.pause()


async def test_another_setting_of_the_tenant_ends_what_was_decided_by_the_old_ones(
    on: Stage,
) -> None:
    await on.ask(asking())
    on.dispatcher.keeper.on_control(f"{SETTINGS_KEY}other", '{"keep_warm":false}')
    assert len(on.dispatcher.keeper) == 1
    on.dispatcher.keeper.on_control(f"{SETTINGS_KEY}t", '{"keep_warm":false}')
    assert not len(on.dispatcher.keeper)
    assert not await on.pause()


@pytest.mark.parametrize(
    ("directives", "status", "cost_usd"), [("status=529", 529, 0.0), ("garbage", 200, None)]
)
async def test_a_read_that_fails_is_told_and_not_tried_again(
    on: Stage, directives: str, status: int, cost_usd: float | None
) -> None:
    await on.ask(asking())
    await on.next_read(directives)
    (read,) = await on.pause()
    assert (read.outcome, read.status, read.cost_usd) == ("failed", status, cost_usd)
    assert read.error
    assert not read.is_hit
    assert len(await on.pause(10.0)) == 1
    assert not len(on.dispatcher.keeper)


async def test_a_read_that_finds_nothing_is_the_last(on: Stage) -> None:
    await on.ask(asking())
    async with httpx.AsyncClient() as client:
        await client.delete(f"{on.url}/simulate")
    (read,) = await on.pause()
    assert (read.outcome, read.is_hit) == ("answered", False)
    assert read.usage is not None
    assert read.usage.cache_write_5m == read.prefix_tokens
    assert not len(on.dispatcher.keeper)


async def test_what_is_not_to_be_kept_is_not_held(on: Stage) -> None:
    await on.ask(asking(plan=None))
    await on.ask(asking(plan=structs.replace(PLAN, chances_ended=(0.001,)), request_id="r2"))
    unmarked = body().replace(b', "cache_control": {"type": "ephemeral"}', b"")
    await on.ask(asking(unmarked, request_id="r4"))
    fallback = asking(request_id="r5")
    decision = structs.replace(fallback.decision, targets=("openai/gpt-5.4@env", TARGET))
    await on.ask(replace(fallback, decision=decision))
    assert not len(on.dispatcher.keeper)


async def test_what_a_read_would_be_refused_for_is_not_sent(on: Stage) -> None:
    formed = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    await on.ask(asking(body(output_config=formed)))
    assert not await on.pause()
    assert not on.tracker.leases
    assert not len(on.dispatcher.keeper)


@pytest.mark.parametrize(
    ("header", "value", "held"),
    [("x-api-key", SECRET, 1), ("authorization", "Bearer sk-ant-oat01-" + "o" * 40, 0)],
)
async def test_a_clients_key_pays_for_reads_and_a_subscription_never(
    on: Stage, header: str, value: str, held: int
) -> None:
    own = Credential("anthropic", header, value)
    await on.ask(asking(target=f"anthropic/{MODEL}@client", credentials=[own]))
    assert len(on.dispatcher.keeper) == held
    assert len(await on.pause()) == held


async def test_what_is_held_shows_no_secret_and_no_prompt(on: Stage) -> None:
    own = Credential("anthropic", "x-api-key", SECRET)
    await on.ask(asking(target=f"anthropic/{MODEL}@client", credentials=[own]))
    (held,) = on.dispatcher.keeper
    assert SECRET not in repr(held)
    assert "word word" not in repr(held)


@pytest.mark.parametrize(("max_holds", "max_calls"), [(2, 9), (9, 2)])
async def test_the_longest_held_go_when_there_are_too_many(max_holds: int, max_calls: int) -> None:
    to = Destinations(CATALOG, Upstreams({"anthropic": Upstream(SECRET)})).of(
        TARGET, (), client="anthropic_messages"
    )
    usage = Usage(cache_write_5m=20_000, output=1)
    log = AttemptLog(1, "first", to, sent_at=NOW)
    log.reading = structs.replace(NOTHING_SEEN, usage=usage, source="reported")
    prepared = prepare(asking(), to, dialects=DIALECTS)
    held = held_for(asking(), prepared, log, catalog=CATALOG, now=NOW)
    assert held is not None
    facts, limits = KeptFacts(), QUICK
    keeper = Keeper(
        reader="one",
        catalog=CATALOG,
        dialects=DIALECTS,
        transport=HttpTransport(limits),
        standings=Standings(replica="one"),
        tracker=Tracker(LocalSessionCacheTracker(MemoryThreadStore(), facts, lambda: HITS)),
        facts=facts,
        tell=unheard,
        limits=limits,
        clock=Clock(),
        max_holds=max_holds,
        max_bytes=max_calls * held.size_bytes,
    )
    for thread_key in ("a", "b", "a", "c"):
        asked = asking()
        identity = structs.replace(asked.identity, thread_key=thread_key)
        keeper.answered(replace(asked, identity=identity), prepared, log)
    assert [one.request.identity.thread_key for one in keeper] == ["a", "c"]
    assert keeper.held_bytes == 2 * held.size_bytes
    large = replace(prepared.outgoing, body=prepared.outgoing.body + b" " * 9 * held.size_bytes)
    keeper.answered(asking(), replace(prepared, outgoing=large), log)
    assert len(keeper) == 2


def unheard(told: Note) -> None:
    raise AssertionError(told)


async def test_the_task_wakes_by_itself_when_a_read_is_due() -> None:
    async with stage() as on:
        await on.ask(asking())
        on.clock.now += PERIOD_SECONDS
        # Another thread's answer has it look at the clock again.
        other = asking(request_id="r2")
        identity = structs.replace(other.identity, thread_key="other")
        await on.ask(replace(other, identity=identity))
        await on.tracker.heard(3)
        assert [read.request_id for read in on.reads] == ["r1"]


async def test_a_read_that_the_end_of_the_process_cuts_off_is_told() -> None:
    async with stage() as on:
        await on.ask(asking())
        await on.next_read("stall=30")
        on.clock.now += PERIOD_SECONDS
        reading = asyncio.create_task(on.dispatcher.keeper.read_due())
        async with asyncio.timeout(5):
            while len(await on.seen()) < 2:
                continue
        reading.cancel()
        await asyncio.wait((reading,))
    (read,) = on.reads
    assert (read.outcome, read.cost_usd) == ("cancelled", None)
