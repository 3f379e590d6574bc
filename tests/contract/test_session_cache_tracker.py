"""What every session-cache tracker does, whatever is behind it.

To hold another implementation to it (the remote one), add a way to open it to `OPENERS`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.contract.hops import over_grpc
from tests.session_cache_tracker.notes import (
    DEADLINE_SECONDS,
    HAIKU,
    HEAD_TOKENS,
    HITS,
    NOON,
    OPUS,
    TOKENS_PER_MESSAGE,
    RecordedFacts,
    look,
    note,
    prompt,
    unique,
    written,
)
from turnout.catalog.token_families import token_share
from turnout.dialects.answer_end import AnswerEnd
from turnout.dialects.usage import Usage
from turnout.policy.checks import Verdict
from turnout.policy.quota import Quota, QuotaWindow
from turnout.policy.request import TASK_KINDS, TaskKind
from turnout.policy.thread import Maker, ThreadState
from turnout.ports import FactSink, Note, SessionCacheTracker
from turnout.rpc.session_cache_tracker import (
    SERVICE_NAME,
    RemoteSessionCacheTracker,
    SessionCacheTrackerServer,
)
from turnout.session_cache_tracker import records
from turnout.session_cache_tracker.memory import MemoryThreadStore
from turnout.session_cache_tracker.redis import open_redis_store
from turnout.session_cache_tracker.service import LocalSessionCacheTracker

pytestmark = pytest.mark.anyio

Open: TypeAlias = Callable[[FactSink], AbstractAsyncContextManager[SessionCacheTracker]]


@asynccontextmanager
async def open_in_memory(facts: FactSink) -> AsyncGenerator[SessionCacheTracker]:
    yield LocalSessionCacheTracker(MemoryThreadStore(), facts, lambda: HITS)


def open_on_redis(url: str) -> Open:
    @asynccontextmanager
    async def opened(facts: FactSink) -> AsyncGenerator[SessionCacheTracker]:
        async with open_redis_store(url) as store:
            yield LocalSessionCacheTracker(store, facts, lambda: HITS)

    return opened


@asynccontextmanager
async def open_behind_grpc(facts: FactSink) -> AsyncGenerator[SessionCacheTracker]:
    local = LocalSessionCacheTracker(MemoryThreadStore(), facts, lambda: HITS)
    servicer = SessionCacheTrackerServer(local, deadline_seconds=DEADLINE_SECONDS)
    async with over_grpc(servicer, SERVICE_NAME) as channel:
        yield RemoteSessionCacheTracker(channel)


OPENERS: dict[str, Callable[[str], Open]] = {
    "memory": lambda _: open_in_memory,
    "redis": open_on_redis,
    "remote": lambda _: open_behind_grpc,
}


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, redis_url: str) -> Open:
    return OPENERS[str(request.param)](redis_url)


@dataclass(slots=True)
class Subject:
    tracker: SessionCacheTracker
    facts: RecordedFacts
    key: str
    scope: str

    async def note(self, value: Note) -> None:
        await self.tracker.note(value, deadline_seconds=DEADLINE_SECONDS)

    async def look(self, *words: str, at: float = 0.0, head: str = "head") -> ThreadState:
        request = look(self.key, prompt(*words, head=head), at=at, scopes=(self.scope,))
        return await self.tracker.look(request, deadline_seconds=DEADLINE_SECONDS)


@pytest.fixture
async def subject(opener: Open) -> AsyncGenerator[Subject]:
    facts = RecordedFacts()
    async with opener(facts) as tracker:
        yield Subject(tracker, facts, key=unique("thread"), scope=unique("scope"))


async def test_a_thread_never_seen_is_the_default(subject: Subject) -> None:
    assert await subject.look("hello") == ThreadState()


async def test_an_answer_makes_its_prompt_warm_at_its_target(subject: Subject) -> None:
    prefix = prompt("hello")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))

    state = await subject.look("hello", "answer", "result", at=30)

    assert (state.steps, state.target) == (1, OPUS)
    assert (state.started_at, state.last_at) == (NOON, NOON + 2)
    assert state.prompt_tokens == prefix.tokens[-1]
    assert (state.kept_share, state.is_retry) == (1.0, False)
    (warm,) = state.warm
    assert (warm.target, warm.tokens) == (OPUS, prefix.tokens[-1])
    assert (warm.lifetime_seconds, warm.expires_at) == (300, NOON + 300)
    assert warm.last_used_at == NOON + 2
    assert 0.9 < warm.hit_share <= 1


async def test_warmth_ends_with_the_lifetime_that_was_written(subject: Subject) -> None:
    prefix = prompt("hello")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))
    assert (await subject.look("hello", at=299)).warm
    assert not (await subject.look("hello", at=301)).warm

    await subject.note(note(subject.key, prefix, usage=written(prefix, one_hour=True), at=400))
    assert (await subject.look("hello", at=400 + 3_599)).warm
    assert not (await subject.look("hello", at=400 + 3_601)).warm


async def test_a_read_renews_the_expiry_and_keeps_the_lifetime(subject: Subject) -> None:
    prefix = prompt("hello")
    await subject.note(note(subject.key, prefix, usage=written(prefix, one_hour=True)))
    read = Usage(cache_read=prefix.tokens[-1], output=10)
    await subject.note(note(subject.key, prefix, usage=read, at=3_000))

    (warm,) = (await subject.look("hello", at=3_100)).warm

    assert (warm.lifetime_seconds, warm.expires_at) == (3_600, NOON + 3_000 + 3_600)


async def test_an_answer_without_cached_tokens_warms_nothing(subject: Subject) -> None:
    prefix = prompt("hello")
    await subject.note(note(subject.key, prefix, usage=Usage(fresh_input=16_000, output=10)))
    await subject.note(note(subject.key, prefix, usage=None, at=5))

    state = await subject.look("hello", at=10)

    assert state.steps == 2
    assert not state.warm


async def test_a_provider_that_caches_by_itself_is_warm_in_whole_blocks(subject: Subject) -> None:
    prefix = prompt("hello")
    usage = Usage(fresh_input=16_001, output=10)
    await subject.note(note(subject.key, prefix, usage=usage, target="openai/gpt@env"))

    (warm,) = (await subject.look("hello", "answer", at=10)).warm

    assert warm.tokens == 16_000
    assert warm.expires_at == NOON + 3_600
    assert not (await subject.look("hello", at=3_700)).warm


async def test_an_edit_of_history_keeps_what_precedes_it(subject: Subject) -> None:
    prefix = prompt("a", "b", "c", "d")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))

    state = await subject.look("a", "b", "changed", at=10)

    assert state.kept_share == 0.5
    (warm,) = state.warm
    assert warm.tokens == HEAD_TOKENS + 2 * TOKENS_PER_MESSAGE


async def test_compaction_leaves_the_head(subject: Subject) -> None:
    prefix = prompt("a", "b", "c")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))

    state = await subject.look("summary", at=10)

    assert state.kept_share == 0
    assert [warm.tokens for warm in state.warm] == [HEAD_TOKENS]


async def test_another_head_leaves_nothing(subject: Subject) -> None:
    prefix = prompt("a", "b", "c")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))

    assert not (await subject.look("a", "b", "c", head="other tools", at=10)).warm


async def test_the_same_prompt_again_is_a_retry(subject: Subject) -> None:
    prefix = prompt("a", "b")
    await subject.note(note(subject.key, prefix, usage=written(prefix)))

    assert (await subject.look("a", "b", at=5)).is_retry
    assert not (await subject.look("a", at=5)).is_retry
    assert not (await subject.look("a", "b", "c", at=5)).is_retry


async def test_a_broken_answer_warms_but_is_no_step(subject: Subject) -> None:
    prefix = prompt("a")
    broken = note(
        subject.key,
        prefix,
        usage=written(prefix),
        target=HAIKU,
        is_failed=True,
        scope=subject.scope,
    )
    await subject.note(broken)

    state = await subject.look("a", at=5)

    assert (state.steps, state.target) == (0, "")
    assert state.is_retry
    assert [warm.target for warm in state.warm] == [HAIKU]
    assert [head.target for head in state.heads] == [HAIKU]


async def test_the_request_after_an_answer_that_broke_off_knows_whose_it_was(
    subject: Subject,
) -> None:
    prefix = prompt("a")
    await subject.note(note(subject.key, prefix, usage=written(prefix), at=0, target=OPUS))
    assert (await subject.look("a", "b", at=5)).broke_off == ""

    longer = prompt("a", "b")
    await subject.note(note(subject.key, longer, usage=None, at=10, target=HAIKU, broke_off=True))
    state = await subject.look("a", "b", at=15)
    assert (state.broke_off, state.target, state.steps) == (HAIKU, OPUS, 1)
    assert state.is_retry

    await subject.note(note(subject.key, longer, usage=written(longer), at=20, target=HAIKU))
    assert (await subject.look("a", "b", "c", at=25)).broke_off == ""


async def test_a_threads_first_answer_may_break_off(subject: Subject) -> None:
    await subject.note(note(subject.key, prompt("a"), usage=None, broke_off=True, target=HAIKU))
    state = await subject.look("a", at=5)
    assert (state.broke_off, state.steps) == (HAIKU, 0)


async def test_of_answers_that_broke_off_the_newest_counts(subject: Subject) -> None:
    prefix = prompt("a")
    await subject.note(note(subject.key, prefix, usage=None, at=20, target=HAIKU, broke_off=True))
    await subject.note(note(subject.key, prefix, usage=None, at=10, target=OPUS, broke_off=True))
    assert (await subject.look("a", at=30)).broke_off == HAIKU


async def test_a_late_note_of_an_answer_that_broke_off_says_nothing_of_a_newer_one(
    subject: Subject,
) -> None:
    prefix = prompt("a")
    await subject.note(note(subject.key, prefix, usage=written(prefix), at=10, target=OPUS))
    await subject.note(note(subject.key, prefix, usage=None, at=0, target=HAIKU, broke_off=True))
    assert (await subject.look("a", "b", at=20)).broke_off == ""


@pytest.mark.parametrize("beside", [{"broke_off": False}, {"moves_thread": False}])
async def test_a_client_that_hangs_up_and_a_request_beside_the_thread_break_nothing_off(
    subject: Subject, beside: dict[str, bool]
) -> None:
    prefix = prompt("a")
    one = note(subject.key, prefix, usage=written(prefix), target=HAIKU, broke_off=True)
    await subject.note(replace(one, **beside))
    assert (await subject.look("a", at=5)).broke_off == ""


async def test_leaving_what_broke_off_ends_an_escalation(subject: Subject) -> None:
    prefix = prompt("a")
    for at, reason in enumerate(("failing_checks", "broke_off")):
        await subject.note(note(subject.key, prefix, usage=None, at=at, reason=reason))
    assert (await subject.look("a", at=5)).escalated_at == 0


async def test_growth_output_and_error_streak(subject: Subject) -> None:
    words = ("a", "b", "c", "d")
    for count, errors in ((1, 1), (2, 0), (3, 2), (4, 1)):
        prefix = prompt(*words[:count])
        usage = written(prefix, output=100 * count)
        await subject.note(note(subject.key, prefix, usage=usage, at=count, errors=errors))

    state = await subject.look(*words, "e", at=20)

    assert (state.growth_tokens, state.output_tokens) == (TOKENS_PER_MESSAGE, 250)
    assert state.tool_errors == 2


async def test_a_move_to_another_tokenizer_is_no_growth(subject: Subject) -> None:
    """The same texts, of which Anthropic's newer tokenizer makes half as many tokens again."""
    words = ("a", "b", "c", "d")
    share = token_share(counted_for="deepseek-v4-pro", model="claude-opus-5-5")
    deepseek, opus = "deepseek/deepseek-v4-pro@env", "anthropic/claude-opus-5-5@env"
    for count, target in enumerate((deepseek, deepseek, opus, opus), start=1):
        prefix = prompt(*words[:count])
        ratio = share if target == opus else 1.0
        usage = Usage(fresh_input=round(prefix.tokens[-1] * ratio), output=round(100 * ratio))
        await subject.note(note(subject.key, prefix, usage=usage, at=count, target=target))

    state = await subject.look(*words, "e", at=20)

    assert state.counted_by == "claude-4.7"
    assert state.growth_tokens == pytest.approx(TOKENS_PER_MESSAGE * share, rel=0.001)
    assert state.output_tokens == pytest.approx(100 * share, rel=0.01)


async def test_the_newest_word_of_a_subscription_is_known_to_all_threads_of_its_account(
    subject: Subject,
) -> None:
    account, target = unique("account"), "anthropic/claude-opus-5-5@client"
    prefix = prompt("a")
    for used, at in ((0.5, 60), (0.25, 10)):
        told = replace(
            note(unique("thread"), prefix, usage=written(prefix), at=at, target=target),
            account_scope=account,
            windows=(QuotaWindow(used, 18_000.0, NOON + 900.0),),
        )
        await subject.note(told)

    request = look(subject.key, prompt("b", head="other"), at=70, scopes=(subject.scope, account))
    state = await subject.tracker.look(request, deadline_seconds=DEADLINE_SECONDS)

    windows = (QuotaWindow(0.5, 18_000.0, NOON + 900.0),)
    assert state.quotas == (Quota("anthropic@client", NOON + 60, windows),)
    assert (state.steps, state.heads) == (0, ())


async def test_red_checks_are_counted_back_to_the_last_green_one(subject: Subject) -> None:
    words = [str(number) for number in range(6)]
    verdicts: tuple[Verdict, ...] = ("failed", "passed", "failed", "", "failed", "")
    for count, verdict in enumerate(verdicts, start=1):
        prefix = prompt(*words[:count])
        await subject.note(note(subject.key, prefix, usage=None, at=count, check=verdict))

    assert (await subject.look(*words, "next", at=20)).failing_checks == 2


async def test_a_check_that_is_sent_again_counts_once(subject: Subject) -> None:
    prefix = prompt("a", "red")
    for at, is_failed in ((0, True), (10, False), (20, False)):
        retried = note(
            subject.key, prefix, usage=written(prefix), at=at, check="failed", is_failed=is_failed
        )
        await subject.note(retried)

    assert (await subject.look("a", "red", "next", at=30)).failing_checks == 1
    # What the request itself brings is told by its own features.
    assert (await subject.look("a", "red", at=30)).failing_checks == 0


async def test_a_check_of_a_broken_answer_waits_for_its_retry(subject: Subject) -> None:
    prefix = prompt("a", "red")
    broken = note(subject.key, prefix, usage=written(prefix), check="failed", is_failed=True)
    await subject.note(broken)
    assert (await subject.look("a", "red", "next", at=10)).failing_checks == 0


async def test_auxiliary_requests_say_nothing_of_checks(subject: Subject) -> None:
    prefix = prompt("a")
    title = note(subject.key, prefix, usage=None, check="failed", moves_thread=False)
    await subject.note(replace(title, reason="failing_checks"))
    assert await subject.look("a", "b", at=10) == ThreadState()


async def test_only_the_newest_checks_are_kept(subject: Subject) -> None:
    words = [str(number) for number in range(records.CHECKS_KEPT + 3)]
    for count in range(1, len(words) + 1):
        prefix = prompt(*words[:count])
        await subject.note(note(subject.key, prefix, usage=None, at=count, check="failed"))

    assert (await subject.look(*words, "x", at=99)).failing_checks == records.CHECKS_KEPT


async def test_answers_that_were_none_are_counted(subject: Subject) -> None:
    ends: tuple[AnswerEnd, ...] = ("refused", "", "empty", "cut", "refused")
    for count, ended in enumerate(ends, start=1):
        # The same prompt may be answered so again and again.
        prefix = prompt("a")
        await subject.note(note(subject.key, prefix, usage=None, at=count, ended=ended))
        assert (await subject.look("a", at=count + 0.5)).last_end == ended

    state = await subject.look("a", "b", at=20)
    assert (state.refused_answers, state.empty_answers, state.cut_answers) == (2, 1, 1)


async def test_a_late_note_does_not_say_how_the_last_answer_ended(subject: Subject) -> None:
    first, second = prompt("a"), prompt("a", "b")
    await subject.note(note(subject.key, second, usage=None, at=60))
    await subject.note(note(subject.key, first, usage=None, at=0, ended="refused"))
    state = await subject.look("a", "b", "c", at=70)
    assert (state.last_end, state.refused_answers) == ("", 1)


async def test_requests_beside_the_thread_and_broken_answers_end_nothing(subject: Subject) -> None:
    prefix = prompt("a")
    for difference in ({"moves_thread": False}, {"is_failed": True}):
        one = note(subject.key, prefix, usage=written(prefix), ended="refused")
        await subject.note(replace(one, request_id=unique(), **difference))
    state = await subject.look("a", "b", at=10)
    assert (state.last_end, state.refused_answers) == ("", 0)


async def test_only_the_newest_of_such_answers_are_kept(subject: Subject) -> None:
    prefix = prompt("a")
    for count in range(records.ENDS_KEPT + 3):
        await subject.note(note(subject.key, prefix, usage=None, at=count, ended="empty"))
    assert (await subject.look("a", at=99)).empty_answers == records.ENDS_KEPT


@pytest.mark.parametrize("reason", ["failing_checks", "error_streak", "refused_answer"])
async def test_an_escalation_lasts_until_a_free_window(subject: Subject, reason: str) -> None:
    async def after(at: float, reason: str) -> ThreadState:
        prefix = prompt("a")
        await subject.note(note(subject.key, prefix, usage=written(prefix), at=at, reason=reason))
        return await subject.look("a", "b", at=at + 5)

    assert (await after(0, "warm_incumbent")).escalated_at == 0
    assert (await after(10, reason)).escalated_at == NOON + 10
    assert (await after(20, "escalated_before")).escalated_at == NOON + 10
    assert (await after(30, "free_window_cold_cache")).escalated_at == 0
    left_alone = await after(40, "left_alone")
    assert (left_alone.escalated_at, left_alone.is_left_alone) == (0, True)
    assert (await after(50, "warm_incumbent")).is_left_alone
    assert not (await after(60, "free_window_compaction")).is_left_alone


async def test_a_late_escalation_does_not_undo_a_newer_window(subject: Subject) -> None:
    first, second = prompt("a"), prompt("a", "b")
    newer = note(subject.key, second, usage=None, at=60, reason="free_window_cold_cache")
    await subject.note(newer)
    await subject.note(note(subject.key, first, usage=None, at=0, reason="failing_checks"))
    assert (await subject.look("a", "b", "c", at=70)).escalated_at == 0


async def test_a_red_check_is_no_tool_error(subject: Subject) -> None:
    words = ("a", "b", "c")
    for count, check in enumerate(("", "", "failed"), start=1):
        prefix = prompt(*words[:count])
        one = note(subject.key, prefix, usage=None, at=count, errors=1)
        await subject.note(replace(one, check=check))
        state = await subject.look(*words[:count], "next", at=count + 0.5)
        assert state.tool_errors == (count if not check else 0)


async def test_heads_are_shared_by_threads_and_limited_to_the_head(subject: Subject) -> None:
    prefix = prompt("another thread's text")
    other = note(
        unique("thread"), prefix, usage=written(prefix, one_hour=True), scope=subject.scope
    )
    await subject.note(other)

    state = await subject.look("mine", at=10)

    assert (state.steps, state.warm) == (0, ())
    (head,) = state.heads
    assert (head.target, head.tokens, head.lifetime_seconds) == (OPUS, HEAD_TOKENS, 3_600)


async def test_writing_a_tail_does_not_shorten_the_lifetime_of_the_head(subject: Subject) -> None:
    first, second = prompt("a"), prompt("a", "b")
    long = written(first, one_hour=True)
    await subject.note(note(subject.key, first, usage=long, scope=subject.scope))
    short = written(second, read=first.tokens[-1])
    await subject.note(note(subject.key, second, usage=short, at=10, scope=subject.scope))

    state = await subject.look("a", "b", at=20)

    assert [head.lifetime_seconds for head in state.heads] == [3_600]
    assert [warm.lifetime_seconds for warm in state.warm] == [300]


async def test_auxiliary_requests_teach_the_head_alone(subject: Subject) -> None:
    prefix = prompt("title, please")
    title = note(
        subject.key, prefix, usage=written(prefix), scope=subject.scope, moves_thread=False
    )
    await subject.note(title)

    state = await subject.look("a", at=5)

    assert state == replace(ThreadState(), heads=state.heads)
    assert len(state.heads) == 1


async def test_a_switch_is_told_with_what_is_left_behind(subject: Subject) -> None:
    first, second = prompt("a"), prompt("a", "b", "c")
    await subject.note(note(subject.key, first, usage=written(first)))
    await subject.note(
        note(subject.key, second, usage=written(second), at=60, target=HAIKU, request_id="r")
    )
    third = prompt("a", "b", "c", "d")
    await subject.note(note(subject.key, third, usage=written(third), at=70, target=HAIKU))

    (switch,) = subject.facts.switches
    assert switch.event_id == "r:switched"
    assert (switch.from_target, switch.to_target, switch.step) == (OPUS, HAIKU, 2)
    assert switch.warm_tokens_left == first.tokens[-1]
    assert switch.prompt_tokens_estimate == second.tokens[-1]
    assert {warm.target for warm in (await subject.look("a", at=80)).warm} == {OPUS, HAIKU}


async def test_a_late_note_does_not_move_the_thread(subject: Subject) -> None:
    first, second = prompt("a"), prompt("a", "b")
    await subject.note(note(subject.key, second, usage=written(second), at=60))
    await subject.note(note(subject.key, first, usage=written(first), target=HAIKU, at=0))

    state = await subject.look("a", "b", "c", at=70)

    assert (state.steps, state.target) == (2, OPUS)
    assert (state.started_at, state.last_at) == (NOON, NOON + 62)
    assert state.prompt_tokens == second.tokens[-1]
    assert subject.facts.switches == []


async def test_a_note_is_applied_once(subject: Subject) -> None:
    prefix = prompt("a")
    once = note(subject.key, prefix, usage=written(prefix), scope=subject.scope)
    for _ in range(3):
        await subject.note(once)
    changed = replace(once, target=HAIKU, sent_at=once.sent_at + 5, now=once.now + 5)
    await subject.note(changed)

    state = await subject.look("a", at=20)

    assert (state.steps, state.target) == (1, OPUS)
    assert [warm.target for warm in state.warm] == [OPUS]


async def test_parallel_notes_are_all_counted_once(subject: Subject) -> None:
    words = [str(number) for number in range(150)]
    notes = [
        note(subject.key, prefix, usage=written(prefix), at=number, scope=subject.scope)
        for number in range(150)
        for prefix in (prompt(*words[: number + 1]),)
    ]
    blocks = [notes[start : start + 30] for start in range(0, len(notes), 30)]
    for block in blocks:
        random.Random(len(block)).shuffle(block)
        async with asyncio.TaskGroup() as group:
            for one in [*block, *block]:
                group.create_task(subject.note(one))

    state = await subject.look(*words, "next", at=160)

    assert state.steps == 150
    assert state.growth_tokens == TOKENS_PER_MESSAGE
    assert [warm.tokens for warm in state.warm] == [HEAD_TOKENS + 150 * TOKENS_PER_MESSAGE]


async def test_no_more_than_eight_targets_are_remembered(subject: Subject) -> None:
    prefix = prompt("a")
    targets = [f"anthropic/model-{number}@env" for number in range(12)]
    for number, target in enumerate(targets):
        usage = written(prefix)
        await subject.note(note(subject.key, prefix, usage=usage, target=target, at=number))

    state = await subject.look("a", at=20)

    assert [warm.target for warm in state.warm] == targets[:3:-1]


async def test_hit_shares_follow_what_is_found(subject: Subject) -> None:
    target = f"{unique('provider')}/model@env"
    prefix = prompt("a")
    usage = written(prefix, read=prefix.tokens[-1])
    await subject.note(note(subject.key, prefix, usage=usage, target=target))
    (believed,) = (await subject.look("a", at=202)).warm
    missed = Usage(fresh_input=16_000, cache_write_other=16_000, output=10)
    for number in range(1, 61):
        await subject.note(
            note(subject.key, prefix, usage=missed, target=target, at=200.0 * number)
        )

    (after_misses,) = (await subject.look("a", at=200.0 * 61)).warm
    (soon,) = (await subject.look("a", at=200.0 * 60 + 30)).warm

    assert believed.hit_share == pytest.approx(0.84)
    assert after_misses.hit_share == pytest.approx(20 * 0.84 / 80)
    assert soon.hit_share == pytest.approx(0.965)


async def test_who_wrote_which_answers_is_known(subject: Subject) -> None:
    words = ["task"]
    for step, target in enumerate((OPUS, OPUS, HAIKU, HAIKU, OPUS)):
        begins = target != (OPUS, OPUS, OPUS, HAIKU, HAIKU)[step] or step == 0
        prefix = prompt(*words)
        await subject.note(
            note(
                subject.key,
                prefix,
                usage=written(prefix),
                at=step * 10,
                target=target,
                begins_run=begins,
            )
        )
        words += [f"answer-{step}", f"result-{step}"]
    state = await subject.look(*words, at=60)
    assert state.makers == (Maker(1, OPUS), Maker(5, HAIKU), Maker(9, OPUS))


async def test_answers_of_a_history_that_was_cut_are_nobodys(subject: Subject) -> None:
    for at, count, target in ((0, 1, OPUS), (10, 5, HAIKU), (20, 3, OPUS)):
        prefix = prompt(*(f"{n}" for n in range(count)))
        await subject.note(
            note(
                subject.key,
                prefix,
                usage=written(prefix),
                at=at,
                target=target,
                begins_run=True,
            )
        )
    state = await subject.look("0", at=30)
    assert state.makers == (Maker(1, OPUS), Maker(3, OPUS))


async def test_runs_are_bounded(subject: Subject) -> None:
    count = records.RUNS_KEPT + 3
    for number in range(count):
        prefix = prompt(*(f"{n}" for n in range(number)))
        target = (OPUS, HAIKU)[number % 2]
        await subject.note(
            note(
                subject.key,
                prefix,
                usage=None,
                at=number,
                target=target,
                begins_run=True,
            )
        )
    makers = (await subject.look("0", at=count)).makers
    assert len(makers) == records.RUNS_KEPT
    assert makers[-1].first_message == count - 1


async def test_who_has_refused_a_thread_is_known(subject: Subject) -> None:
    prefix = prompt("hello")
    for at, refused in enumerate((HAIKU, "", HAIKU)):
        await subject.note(
            note(
                subject.key,
                prefix,
                usage=written(prefix),
                at=at,
                target=OPUS,
                refused=refused,
            )
        )
    assert (await subject.look("hello", at=9)).refused == (HAIKU,)


async def test_refusals_are_bounded(subject: Subject) -> None:
    prefix = prompt("hello")
    for at in range(records.TARGETS_KEPT + 3):
        refused = f"target-{at:02d}"
        await subject.note(
            note(subject.key, prefix, usage=None, at=at, target=OPUS, refused=refused)
        )
    newest = tuple(f"target-{at:02d}" for at in range(3, records.TARGETS_KEPT + 3))
    assert (await subject.look("hello", at=99)).refused == newest


async def test_what_a_thread_is_about_is_known(subject: Subject) -> None:
    prefix = prompt("hello")
    assert (await subject.look("hello")).task_kind == "other"
    told: list[tuple[TaskKind, int]] = [("docs", 1), ("tests", 3), ("review", 2), ("other", 4)]
    for kind, at in told:
        await subject.note(note(subject.key, prefix, usage=written(prefix), at=at, kind=kind))
    assert (await subject.look("hello", at=9)).task_kind == "tests"


async def test_what_is_asked_beside_a_thread_says_nothing_of_it(subject: Subject) -> None:
    prefix = prompt("hello")
    aside = note(subject.key, prefix, usage=written(prefix), kind="docs", moves_thread=False)
    await subject.note(aside)
    assert (await subject.look("hello", at=9)).task_kind == "other"


WORDS = ("a", "b", "c", "d", "e")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Note], list[int]]:
    """Notes of one thread, and an order in which they arrive, some of them more than once."""
    notes: list[Note] = []
    for number in range(draw(st.integers(1, 8))):
        prefix = prompt(*draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5)))
        usage = draw(
            st.sampled_from(
                [
                    None,
                    written(prefix),
                    written(prefix, one_hour=True),
                    written(prefix, read=HEAD_TOKENS),
                    Usage(cache_read=prefix.tokens[-1], output=7),
                ]
            )
        )
        notes.append(
            note(
                "thread",
                prefix,
                usage=usage,
                # Equal times are the hard case.
                at=draw(st.integers(0, 5)),
                seconds=draw(st.integers(0, 9)),
                target=draw(st.sampled_from([OPUS, HAIKU])),
                request_id=f"request-{number}",
                scope="scope",
                errors=draw(st.integers(0, 1)),
                moves_thread=draw(st.booleans()),
                is_failed=draw(st.booleans()),
                broke_off=draw(st.booleans()),
                begins_run=draw(st.booleans()),
                refused=draw(st.sampled_from(["", OPUS, HAIKU])),
                kind=draw(st.sampled_from(TASK_KINDS)),
            )
        )
    order = draw(st.permutations(range(len(notes))))
    again = draw(st.lists(st.integers(0, len(notes) - 1), max_size=4))
    return notes, [*order, *again]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories(), words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
def test_notes_may_arrive_in_any_order_and_again(
    opener: Open, history: tuple[list[Note], list[int]], words: list[str]
) -> None:
    notes, order = history

    async def state_after(arriving: list[Note]) -> ThreadState:
        key, scope = unique("thread"), unique("scope")
        async with opener(RecordedFacts()) as tracker:
            for one in arriving:
                mine = replace(
                    one, identity=replace(one.identity, thread_key=key), head_scope=scope
                )
                await tracker.note(mine, deadline_seconds=DEADLINE_SECONDS)
            request = look(key, prompt(*words), at=20, scopes=(scope,))
            return await tracker.look(request, deadline_seconds=DEADLINE_SECONDS)

    async def both() -> tuple[ThreadState, ThreadState]:
        straight = await state_after(notes)
        return straight, await state_after([notes[index] for index in order])

    straight, mixed = asyncio.run(both())
    assert without_shares(mixed) == without_shares(straight)


def without_shares(state: ThreadState) -> ThreadState:
    """Hit shares are statistics over all threads, and a return is only seen when it comes in turn."""
    return replace(
        state,
        warm=tuple(replace(warm, hit_share=0) for warm in state.warm),
        heads=tuple(replace(head, hit_share=0) for head in state.heads),
    )
