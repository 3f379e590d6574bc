"""A thread whose checks stay red, through the tracker and the policy step by step."""

from dataclasses import dataclass, field, replace

import pytest
from msgspec import structs

from tests.policy.scenes import CATALOG, HAIKU, OPUS, TABLES, scene
from tests.session_cache_tracker.notes import (
    DEADLINE_SECONDS,
    HITS,
    NOON,
    RecordedFacts,
    look,
    note,
    prompt,
    unique,
    written,
)
from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.checks import Verdict
from turnout.policy.decision import Decision
from turnout.policy.evidence import EscalationTable
from turnout.policy.switch import decide
from turnout.session_cache_tracker.memory import MemoryThreadStore
from turnout.session_cache_tracker.service import LocalSessionCacheTracker

pytestmark = pytest.mark.anyio

AT_THREE = EscalationTable(
    failing_checks=3, error_streak=0, green_gain=1.0, staying_red=(), checks=()
)
ON = replace(TABLES, escalation=AT_THREE, steps=5.0)
DRAW = 0.5
"""Of those that escalate."""
DRAW_LEFT_ALONE = next(
    draw
    for draw in (n / 1_000 for n in range(1_000))
    if decide(
        scene(
            kind="tool_continuation",
            check="failed",
            value_usd=2.0,
            candidates=(HAIKU,),
            draw=draw,
            state=structs.replace(
                scene().state, steps=9, target=f"anthropic/{HAIKU}@env", failing_checks=2
            ),
        ),
        catalog=CATALOG,
        tables=ON,
    ).reason
    == "left_alone"
)


@dataclass
class Run:
    """A thread that Haiku serves, as the tracker and the policy see it."""

    draw: float = DRAW
    words: list[str] = field(default_factory=lambda: ["task"])
    key: str = field(default_factory=lambda: unique("thread"))
    at: float = 0.0
    target: str = f"anthropic/{HAIKU}@env"
    tracker: LocalSessionCacheTracker = field(
        default_factory=lambda: LocalSessionCacheTracker(
            MemoryThreadStore(), RecordedFacts(), lambda: HITS
        )
    )

    async def step(
        self,
        check: Verdict = "",
        *,
        is_again: bool = False,
        gap: float = 10,
        ended: AnswerEnd = "",
    ) -> Decision:
        """A request that brings such a check, or the last one again, and how its answer ends."""
        self.at += gap
        if not is_again:
            self.words += [f"answer-{self.at}", f"result-{self.at}"]
        prefix = prompt(*self.words)
        state = await self.tracker.look(
            look(self.key, prefix, at=self.at), deadline_seconds=DEADLINE_SECONDS
        )
        inputs = scene(
            kind="tool_continuation",
            check=check,
            state=state,
            prompt=prefix.tokens[-1],
            value_usd=2.0,
            candidates=(HAIKU,),
            draw=self.draw,
        )
        decision = decide(structs.replace(inputs, now=NOON + self.at), catalog=CATALOG, tables=ON)
        # The first request goes where the thread is said to be served.
        self.target = decision.targets[0] if state.steps else self.target
        await self.tracker.note(
            note(
                self.key,
                prefix,
                usage=written(prefix),
                target=self.target,
                at=self.at,
                check=check,
                ended=ended,
                reason=decision.reason,
            ),
            deadline_seconds=DEADLINE_SECONDS,
        )
        return decision


async def test_the_third_red_check_escalates_and_a_free_window_ends_it() -> None:
    run = Run()
    await run.step()
    reasons = [(await run.step(check)).reason for check in ("failed", "", "failed", "failed")]
    assert reasons == ["warm_incumbent"] * 3 + ["failing_checks"]
    assert run.target == f"anthropic/{OPUS}@env"
    # Its own red checks have nobody above them to go to.
    assert [(await run.step(check)).reason for check in ("", "failed")] == ["escalated_before"] * 2
    cold = await run.step(gap=7_200)
    assert cold.reason == "free_window_cold_cache"
    assert (await run.step()).reason != "escalated_before"


async def test_a_retry_counts_once() -> None:
    run = Run()
    await run.step()
    await run.step("failed")
    for _ in range(3):
        assert (await run.step("failed", is_again=True)).action == "stay"
    assert (await run.step("failed")).action == "stay"
    assert (await run.step("failed")).action == "escalate"


async def test_a_green_check_ends_the_streak() -> None:
    run = Run()
    await run.step()
    for check in ("failed", "failed", "passed", "failed", "failed"):
        assert (await run.step(check)).action == "stay"
    assert (await run.step("failed")).action == "escalate"


async def test_a_thread_that_is_left_alone_is_not_asked_about_again() -> None:
    run = Run(draw=DRAW_LEFT_ALONE)
    await run.step()
    reasons = [(await run.step("failed")).reason for _ in range(3)]
    assert reasons[-1] == "left_alone"
    run.draw = DRAW
    for _ in range(3):
        assert (await run.step("failed")).reason == "warm_incumbent"
    assert run.target == f"anthropic/{HAIKU}@env"


@pytest.mark.parametrize(
    ("ended", "reason"), [("refused", "refused_answer"), ("empty", "empty_answer")]
)
async def test_a_thread_without_an_answer_goes_back_until_a_free_window(
    ended: AnswerEnd, reason: str
) -> None:
    run = Run()
    await run.step()
    assert (await run.step(ended=ended)).reason == "warm_incumbent"
    # The client asks for the same again, or says something else.
    assert (await run.step(is_again=True)).reason == reason
    assert run.target == f"anthropic/{OPUS}@env"
    # Of who was asked for itself it says nothing.
    assert (await run.step(ended=ended)).reason == "escalated_before"
    assert (await run.step()).reason == "escalated_before"
    assert (await run.step(gap=7_200)).reason == "free_window_cold_cache"


async def test_a_cut_answer_changes_nothing() -> None:
    run = Run()
    await run.step()
    await run.step(ended="cut")
    assert (await run.step()).reason == "warm_incumbent"
