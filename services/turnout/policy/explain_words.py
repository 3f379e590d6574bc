"""Kinds of steps, ends of answers, the rules that decide and amounts, in words. Pure."""

from typing import Final, assert_never

from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.decision import Reason
from turnout.policy.request import StepKind

CENTS_BELOW_USD: Final = 0.1
"""Below this an amount gets four decimals: a step of an agent costs fractions of a cent."""


def step_words(kind: StepKind) -> str:
    match kind:
        case "user_input":
            return "a step after the user's words"
        case "tool_continuation":
            return "a step after tool results"
        case "subagent_start":
            return "the first step of a subagent"
        case "compaction":
            return "a compaction"
        case "title":
            return "a title or summary"
        case "classification":
            return "a classification"
        case "probe":
            return "a probe"
        case "token_count":
            return "a token count"
        case _:
            assert_never(kind)


def ended_words(end: AnswerEnd) -> str:
    match end:
        case "refused":
            return "was a refusal"
        case "empty":
            return "was empty"
        case "cut":
            return "was cut at a limit of tokens"
        case "":
            return "ended as answers do"
        case _:
            assert_never(end)


def because(reason: Reason, step_kind: StepKind) -> str:
    match reason:
        case "observe_mode":
            return "the mode is observe, so what was asked for is served."
        case "cache_mode":
            return (
                "the mode is cache, so what was asked for is served and only its lifetime chosen."
            )
        case "subagents_mode":
            return "the mode is subagents and this is none, so what was asked for is served."
        case "control_arm":
            return "the session is in the control arm, so what was asked for is served."
        case "pinned_model":
            return "the model name pins it."
        case "locked_class":
            return "the model is fixed for requests of this class (locks)."
        case "honoured_name":
            return "models that are asked for by name serve (named_model)."
        case "auxiliary_request":
            return "titles, classifications, probes and counts are served as asked."
        case "unpriced_model":
            return "the catalog has no price of this model, so it is served as asked."
        case "warm_incumbent":
            return "its cache is warm, and no gain elsewhere pays for leaving it."
        case "gain_exceeds_break_even":
            return (
                "over the rest of the thread the gain pays for leaving a warm cache, with margin."
            )
        case "broke_off":
            return "the target that would serve has broken off the last answer, and another one is worth it."
        case "free_window_new_thread":
            return "the thread is new, so all candidates compete on equal terms."
        case "free_window_cold_cache":
            return "the cache is cold, so all candidates compete on equal terms."
        case "free_window_compaction":
            if step_kind == "compaction":
                return "it compacts the history, so all candidates compete on equal terms."
            return "it is no continuation of the last prompt, so all candidates compete on equal terms."
        case "unfit_incumbent":
            return "who served the thread is not to be asked now, so all others compete on equal terms."
        case "exploration":
            return "it may be the best, and is tried now and then to find out (exploration)."
        case "failing_checks":
            return "its checks stay red, so a stronger model takes over."
        case "error_streak":
            return "its tools fail step after step, so a stronger model takes over."
        case "refused_answer":
            return "the model that was chosen refused, so the one that was asked for takes over."
        case "empty_answer":
            return (
                "the model that was chosen said nothing, so the one that was asked for takes over."
            )
        case "escalated_before":
            return "a stronger model took over, and keeps it until its cache is cold or compacted."
        case "left_alone":
            return (
                "there was reason for a stronger model, and a draw left it as it was, so that what"
                " escalating is worth can be measured."
            )
        case "only_eligible_target":
            return "nothing else is eligible."
        case "no_eligible_requested_target":
            return "the baseline cannot serve it, and the choice was left to us."
        case "scorer_unavailable":
            return "the scorer was not reachable."
        case "tracker_unavailable":
            return "the state of the thread is not known, so nothing is switched."
        case _:
            assert_never(reason)


def usd(amount: float | None) -> str:
    if amount is None:
        return "an unknown price"
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    return f"{sign}${size:.2f}" if size >= CENTS_BELOW_USD else f"{sign}${size:.4f}"


def step_count(steps: float) -> str:
    if steps <= 1:
        return "those of this request alone"
    return f"over about {steps:.0f} requests, this one included"


def number(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
