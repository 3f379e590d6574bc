"""Explanations: whole texts of typical decisions, and that every reason has words."""

from typing import get_args

import pytest
from msgspec.structs import replace

from tests.policy.scenes import (
    ANTHROPIC_ENV,
    CATALOG,
    GPT,
    HAIKU,
    NOW,
    OPENAI_ENV,
    OPUS,
    SECRET,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from turnout.capabilities import Needs
from turnout.policy.chance import unmeasured
from turnout.policy.decision import Reason
from turnout.policy.dial import BEST_USD
from turnout.policy.explain import explain
from turnout.policy.quota import Quota, QuotaWindow
from turnout.policy.request import StepKind, TextSignal
from turnout.policy.targets import LACK_WORDS
from turnout.policy.thread import ThreadState

OPUS_AT, SONNET_AT = f"anthropic/{OPUS}@env", f"anthropic/{SONNET}@env"
NEW_THREAD_RULE = "the thread is new, so all candidates compete on equal terms."
SCORE = "$10.00 x (success - 0.5 sd) - cost to go"
NOW_WORTH = "now it is worth $10.00"
DEARER = (
    f"dearer than {HAIKU} by the list, for a million tokens: input $5.00 against $1.00, output $25.00 against"
    " $5.00, tokens read from a cache $0.50 against $0.10, tokens written to a cache $6.25 against $1.25"
)
TWO: Difference = {"access": (ANTHROPIC_ENV,), "candidates": (OPUS, SONNET)}


NEW_THREAD = f"""\
{OPUS} was asked for: a step after the user's words, about 30,000 prompt tokens, full mode.
The thread is new.
{SONNET_AT} serves it (switch, free_window_new_thread): {NEW_THREAD_RULE}
Its prompt is cached for five minutes.
Success is that expected of a task taken to be bug_fix.
Costs to go are over about 40 requests, this one included; score = {SCORE}.
1. {SONNET_AT}: score $6.24; now $0.12 with 0 tokens warm, to go $1.26; success 0.75 (sd 0.00).
2. {OPUS_AT}: score $5.90; now $0.20 with 0 tokens warm, to go $2.10; success 0.80 (sd 0.00).
{SONNET} and {OPUS} score the same when a thread that succeeds is worth $16.81; {NOW_WORTH}.
turnout/{OPUS} as the model's name is served by that model alone.
If it fails: {OPUS_AT}."""


def told(tables: PlainTables = TABLES, given: Difference | None = None) -> list[str]:
    given = given or {}
    return explain(decided(tables, **given), scene(**given), catalog=CATALOG)


def test_a_new_thread() -> None:
    assert "\n".join(told(given=TWO)) == NEW_THREAD


def test_an_hour_in_the_cache_has_its_reason() -> None:
    assert "Its prompt is cached for an hour, which the pauses of such threads pay for." in told(
        PlainTables(pauses=3.0), {**TWO, "candidates": ()}
    )


@pytest.mark.parametrize("given", [{"mode": "observe"}, {"arm": "control"}])
def test_where_nothing_is_chosen_the_costs_are_still_those_of_choosing(given: Difference) -> None:
    lines = told(PlainTables(pauses=3.0), {**TWO, **given})
    full_mode = (
        "They are those of full mode, in which Turnout also chooses what a prompt is cached for."
    )
    assert [line for line in lines if "cached" in line] == [full_mode]
    assert full_mode not in told(given=TWO)


def test_a_prompt_that_is_kept_says_for_how_much() -> None:
    kept = "While it pauses, reads keep it cached as long as they pay, for $3.00 a day at most."
    assert kept in told(given={**TWO, "keep_warm": True, "keep_warm_budget_usd": 3.0})
    assert kept not in told(
        given={**TWO, "keep_warm": True, "keep_warm_budget_usd": 3.0, "arm": "control"}
    )


def test_a_warm_incumbent_says_what_it_would_take() -> None:
    given: Difference = {
        **TWO,
        "kind": "tool_continuation",
        "prompt": 100_000,
        "state": replace(running(OPUS_AT, warm=99_000, steps=1), is_retry=True),
        "margin": 5.0,
    }
    lines = told(PlainTables(), given)
    assert lines[1] == f"The thread has 1 answered request, the last by {OPUS_AT}."
    assert lines[2] == "This very prompt was sent before."
    assert "(stay, warm_incumbent): its cache is warm" in lines[3]
    assert f"{SONNET} leads by $1.23; a warm cache is left for more than $1.90." in lines
    assert any("99,000 tokens warm" in line for line in lines)


def test_leaving_a_warm_cache_says_what_it_gains() -> None:
    given: Difference = {
        **TWO,
        "prompt": 100_000,
        "state": running(OPUS_AT, warm=99_000, kept=0.9),
    }
    lines = told(PlainTables(), given)
    assert "This prompt begins with 90% of the last one's messages." in lines
    assert (
        f"It leads {OPUS}, which is warm, by $1.23; a warm cache is left for more than $0.0759."
        in lines
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "compaction"}, "it compacts the history"),
        ({"kind": "user_input"}, "it is no continuation of the last prompt"),
    ],
)
def test_a_prompt_that_begins_anew_is_not_said_to_be_compacted(
    given: Difference, said: str
) -> None:
    lines = told(given={**TWO, **given, "state": running(OPUS_AT, warm=29_000, kept=0.0)})
    assert any(f"free_window_compaction): {said}, so all candidates" in line for line in lines)


def test_a_compaction_is_told_by_itself() -> None:
    lines = told(given={**TWO, "kind": "compaction"})
    assert any(line.startswith("Costs to go are those of this request alone; ") for line in lines)


def test_where_the_dial_is_at_best_scores_are_chances() -> None:
    lines = told(given={**TWO, "value_usd": BEST_USD})
    assert any("quality alone counts: score = success - 0.5 sd" in line for line in lines)
    assert any(line.startswith(f"1. {OPUS_AT}: score 0.8000; now $0.20") for line in lines)
    assert any(line.endswith("now it is worth more than any cost.") for line in lines)


def test_where_the_dial_is_at_nothing_costs_are_scores() -> None:
    lines = told(given={**TWO, "value_usd": 0.0})
    assert any("cost alone counts" in line for line in lines)
    assert any(line.startswith(f"1. {SONNET_AT}: score -$1.26; ") for line in lines)
    assert any(line.endswith("now it is worth nothing.") for line in lines)


def test_a_model_that_nobody_has_measured_is_told_as_such() -> None:
    tables = PlainTables(qualities={SONNET: unmeasured(typical=0.6, best=0.8)})
    found = {line.split(":")[0]: line for line in told(tables, TWO)}
    measured, not_measured = (
        found[f"{place}. {name}"] for place, name in ((1, OPUS_AT), (2, SONNET_AT))
    )
    assert not_measured.endswith("success 0.40 (sd 0.23), nobody has measured it.")
    assert measured.endswith("success 0.50 (sd 0.00).")


def test_observe_mode_says_what_full_mode_would_do() -> None:
    assert f"In full mode {SONNET_AT} would serve it." in told(given={**TWO, "mode": "observe"})


def test_what_was_asked_for_is_compared_too() -> None:
    given: Difference = {"access": (ANTHROPIC_ENV,), "candidates": (OPUS, SONNET, HAIKU)}
    lines = told(given={**given, "value_usd": 8.0})
    assert any(line.startswith(f"{SONNET} and {HAIKU} score the same") for line in lines)
    assert any(line.startswith(f"{SONNET} and {OPUS} score the same") for line in lines)


def test_a_kind_of_task_is_told() -> None:
    lines = told(given={**TWO, "text": TextSignal(task_kind="docs")})
    assert "Success is that expected of a task taken to be docs." in lines
    lines = told(given={**TWO, "text": TextSignal(skipped="no_text")})
    assert "Success is that expected of a task of no known kind." in lines


def test_one_that_is_dearer_and_no_better_is_behind_at_any_value() -> None:
    lines = told(PlainTables(), TWO)
    assert f"{OPUS} is behind {SONNET} at any value of a thread that succeeds." in lines


def test_who_is_not_eligible_and_why() -> None:
    lines = told(given={"model": HAIKU, "candidates": (OPUS, SECRET), "needs": Needs(tools=True)})
    assert f"Not eligible: {OPUS_AT} ({DEARER})." in lines
    assert f"Not eligible: openai/{SECRET}@env (no known price)." in lines


def test_only_the_prices_that_keep_a_model_out_are_told() -> None:
    lines = told(given={"candidates": (GPT,)})
    assert lines[-1] == (
        f"Not eligible: openai/{GPT}@env (dearer than {OPUS} by the list, for a million tokens: output $30.00"
        " against $25.00)."
    )


def test_list_prices_are_not_told_by_another_catalog_than_the_one_that_decided() -> None:
    decision = decided(candidates=(GPT,))
    changed = replace(decision, catalog_digest="another")
    assert f"Not eligible: openai/{GPT}@env ({LACK_WORDS['above_ceiling']})." in explain(
        changed, scene(candidates=(GPT,)), catalog=CATALOG
    )


def test_one_that_serves_without_a_price_is_not_said_to_be_kept_out() -> None:
    lines = told(given={"model": SECRET, "candidates": (OPUS, SECRET)})
    assert [line for line in lines if line.startswith("Not eligible")] == [
        f"Not eligible: {OPUS_AT} ({LACK_WORDS['incomparable']})."
    ]


def test_what_was_missing() -> None:
    given: Difference = {
        "degraded": ("tracker", "text"),
        "text": TextSignal(skipped="late"),
        "access": (ANTHROPIC_ENV, OPENAI_ENV),
    }
    lines = told(given=given)
    assert "What is known of the thread could not be looked up." in lines
    assert "The text was not used (late)." in lines
    assert "The thread is new." not in lines


def test_no_text_is_no_lack() -> None:
    assert not any("text" in line for line in told(given={"text": TextSignal(skipped="no_text")}))


def test_a_model_without_a_price_has_no_figures() -> None:
    lines = told(given={"model": "claude-fable-12"})
    assert lines[2].endswith("has no price of this model, so it is served as asked.")
    assert lines[-1] == "No candidates were compared."
    assert not any("$" in line for line in lines)


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_is_a_sentence(reason: Reason) -> None:
    line = explain(replace(decided(), reason=reason), scene(), catalog=CATALOG)[2]
    assert f", {reason}): " in line
    assert line.endswith(".")


@pytest.mark.parametrize("kind", get_args(StepKind))
def test_every_step_kind_has_words(kind: StepKind) -> None:
    assert "_" not in explain(decided(kind=kind), scene(kind=kind), catalog=CATALOG)[0].replace(
        OPUS, ""
    )


def test_what_a_subscription_pays_is_said_with_its_share_of_list_prices() -> None:
    window = QuotaWindow(0.75, 18_000.0, NOW + 9_000.0)
    state = ThreadState(quotas=(Quota("anthropic@env", NOW, (window,)),))
    given: Difference = {
        "access": (ANTHROPIC_ENV,),
        "candidates": (OPUS, SONNET),
        "state": state,
    }
    told = explain(decided(**given), scene(**given), catalog=CATALOG)
    assert any("to go $0.84 (less 33% that a subscription covers);" in one for one in told)


def test_the_prompt_of_a_free_choice_is_told_in_tokens_of_the_baseline() -> None:
    given: Difference = {"model": "turnout/auto", "prompt": 36_000}
    told = explain(decided(**given), scene(**given), catalog=CATALOG)
    assert f"about {round(36_000 * 3.6 / 2.48):,} prompt tokens" in told[0]
