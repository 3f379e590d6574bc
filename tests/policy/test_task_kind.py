"""What a thread is about, over the requests of its life."""

import pytest
from msgspec import structs

from tests.policy.scenes import HAIKU, NOW, OPUS, decided, running, scene, warm_at
from turnout.policy.request import StepKind, TaskKind, TextSignal
from turnout.policy.task_kind import thread_kind
from turnout.policy.thread import COLD_SHARE, EPOCH_SHARE, ThreadState

OPUS_AT = f"anthropic/{OPUS}@env"
HAIKU_AT = f"anthropic/{HAIKU}@env"


def kind_of(
    state: ThreadState, said: TaskKind, *, step: StepKind = "user_input", known: TaskKind = "docs"
) -> TaskKind:
    state = structs.replace(state, task_kind=known)
    return thread_kind(scene(state=state, text=TextSignal(task_kind=said), kind=step))


WARM = running(OPUS_AT, warm=30_000)


def test_the_first_text_that_tells_names_the_kind() -> None:
    assert kind_of(ThreadState(), "bug_fix", known="other") == "bug_fix"
    assert kind_of(WARM, "bug_fix", known="other") == "bug_fix"


def test_a_warm_thread_keeps_its_kind() -> None:
    assert kind_of(WARM, "bug_fix") == "docs"


@pytest.mark.parametrize(
    "state",
    [
        ThreadState(),
        running(OPUS_AT),
        running(OPUS_AT, warm=30_000, left=-1),
        running(OPUS_AT, warm=30_000, kept=EPOCH_SHARE - 0.01),
        structs.replace(WARM, warm=(warm_at(HAIKU_AT, 30_000),)),
        structs.replace(WARM, warm=(warm_at(OPUS_AT, round(30_000 * COLD_SHARE) - 1),)),
        structs.replace(WARM, warm=(warm_at(OPUS_AT, 30_000, share=COLD_SHARE - 0.01),)),
        structs.replace(
            WARM,
            warm=(warm_at(OPUS_AT, round(30_000 * 1.1 * COLD_SHARE)),),
            counted_by="gpt-5",
        ),
    ],
    ids=[
        *("new", "never cached", "expired", "new epoch", "warm elsewhere", "little", "unlikely"),
        "little of another family's prompt",
    ],
)
def test_a_free_window_lets_the_text_speak(state: ThreadState) -> None:
    assert kind_of(state, "bug_fix") == "bug_fix"


@pytest.mark.parametrize("state", [ThreadState(), WARM, running(OPUS_AT)])
def test_a_text_that_names_no_kind_overrules_none(state: ThreadState) -> None:
    assert kind_of(state, "other") == "docs"


def test_the_order_to_compact_is_no_text_of_the_users() -> None:
    assert kind_of(running(OPUS_AT), "explore", step="compaction") == "docs"


def test_the_shared_head_keeps_no_thread_warm() -> None:
    state = structs.replace(running(OPUS_AT), heads=(warm_at(OPUS_AT, 30_000),), last_at=NOW)
    assert kind_of(state, "bug_fix") == "bug_fix"


def test_the_decision_names_the_kind_that_it_was_made_with() -> None:
    state = structs.replace(WARM, task_kind="docs")
    assert decided(state=state, text=TextSignal(task_kind="bug_fix")).task_kind == "docs"
    assert decided(text=TextSignal(task_kind="bug_fix")).task_kind == "bug_fix"
