"""A decision in sentences that a person can argue with: what was asked, what is known of the thread,
who serves it and by which rule, the arithmetic of every candidate, and what would change it. Pure.
"""

from typing import Final, assert_never

from turnout.catalog.catalog import Catalog
from turnout.catalog.token_families import family_of
from turnout.policy.break_off import asked_again_usd, names_of
from turnout.policy.ceiling import dearer_than
from turnout.policy.chance import is_unmeasured
from turnout.policy.decision import (
    FREE_WINDOWS,
    Candidate,
    Decision,
    DecisionInputs,
    Reason,
)
from turnout.policy.dial import BEST_USD
from turnout.policy.evidence import EscalationTable
from turnout.policy.explain_trouble import not_escalated, who_is_stronger
from turnout.policy.explain_words import because, ended_words, number, step_count, step_words, usd
from turnout.policy.health import UNFIT
from turnout.policy.incumbent import margin_usd
from turnout.policy.modes import may_choose_lifetime
from turnout.policy.rank import CAUTION, by_target, ranked
from turnout.policy.request import prompt_tokens_in
from turnout.policy.targets import LACK_WORDS, PREFIX, prompt_tokens

_MAY_BE_LEFT: Final[frozenset[Reason]] = frozenset(
    {*FREE_WINDOWS, "warm_incumbent", "gain_exceeds_break_even"}
)
"""Where another target would serve, if the last answer broke off and it were worth it."""


def explain(
    decision: Decision,
    inputs: DecisionInputs,
    *,
    catalog: Catalog,
    escalation: EscalationTable | None = None,
) -> list[str]:
    """One sentence or two a line, the general before the particular. List prices are told by the catalog that
    decided, and how many red checks it takes by the artifact that did.
    """
    order = ranked(decision.candidates)
    rule = f"({decision.action}, {decision.reason}): {because(decision.reason, inputs.features.step_kind)}"
    lines = [
        _question(decision, inputs),
        *_history(inputs),
        f"{decision.targets[0]} serves it {rule}",
        *_cached_for(decision),
        *_kept_warm(decision),
    ]
    if order:
        lines += [_about(decision), _score(decision, inputs), *_as_in_full_mode(inputs)]
        lines += not_escalated(decision, inputs, order, escalation)
        lines += [
            f"{place}. {_arithmetic(one, inputs)}" for place, one in enumerate(order, start=1)
        ]
    lines += _what_would_change(decision, inputs, order, catalog)
    lines += _unfit(decision)
    lines += _excluded(decision, inputs, catalog)
    lines += _missing(decision, inputs)
    if decision.targets[1:]:
        lines.append(f"If it fails: {', then '.join(decision.targets[1:])}.")
    return lines


def _question(decision: Decision, inputs: DecisionInputs) -> str:
    features = inputs.features
    tokens = round(prompt_tokens_in(family_of(decision.baseline_model), features))
    return (
        f"{features.requested_model} was asked for: {step_words(features.step_kind)}, about"
        f" {tokens:,} prompt tokens, {inputs.mode} mode."
    )


def _history(inputs: DecisionInputs) -> list[str]:
    state = inputs.state
    if "tracker" in inputs.degraded:
        return ["What is known of the thread could not be looked up."]
    lines = ["The thread is new."]
    if state.steps:
        answered = number(state.steps, "answered request")
        last = state.target or "an unknown target"
        lines = [f"The thread has {answered}, the last by {last}."]
    if state.steps and state.kept_share < 1.0:
        lines.append(f"This prompt begins with {state.kept_share:.0%} of the last one's messages.")
    if inputs.features.check == "failed":
        red = state.failing_checks + 1
        times = f"{red} times in a row" if red > 1 else "once"
        lines.append(f"Its checks came out red {times}.")
    if state.last_end:
        lines.append(f"Its last answer {ended_words(state.last_end)}.")
    if state.broke_off:
        lines.append(f"Its last answer, by {state.broke_off}, broke off.")
    if state.is_retry:
        lines.append("This very prompt was sent before.")
    return lines


def _cached_for(decision: Decision) -> list[str]:
    match decision.write_lifetime:
        case "":
            return []
        case "5m":
            return ["Its prompt is cached for five minutes."]
        case "1h":
            return ["Its prompt is cached for an hour, which the pauses of such threads pay for."]
        case _:
            assert_never(decision.write_lifetime)


def _kept_warm(decision: Decision) -> list[str]:
    if decision.keep_warm is None:
        return []
    budget = usd(decision.keep_warm.budget_usd)
    return [
        f"While it pauses, reads keep it cached as long as they pay, for {budget} a day at most."
    ]


def _about(decision: Decision) -> str:
    if decision.task_kind == "other":
        return "Success is that expected of a task of no known kind."
    return f"Success is that expected of a task taken to be {decision.task_kind}."


def _score(decision: Decision, inputs: DecisionInputs) -> str:
    costs = f"Costs to go are {step_count(decision.horizon_steps)}"
    value, second = inputs.settings.value_usd, inputs.settings.second_usd
    waits, worth = "", ""
    if second > 0.0:
        waits, worth = " - waits", f" A second until first content is worth {usd(second)}."
    if value >= BEST_USD:
        return (
            f"{costs}; quality alone counts: score = success - {CAUTION} sd, of equals the cheaper."
        )
    if value <= 0.0:
        return f"{costs}; cost alone counts, because a success is worth nothing: score = -cost to go{waits}.{worth}"
    return f"{costs}; score = {usd(value)} x (success - {CAUTION} sd) - cost to go{waits}.{worth}"


def _as_in_full_mode(inputs: DecisionInputs) -> list[str]:
    if may_choose_lifetime(inputs.mode, inputs.identity):
        return []
    return [
        "They are those of full mode, in which Turnout also chooses what a prompt is cached for."
    ]


def _points(amount: float, inputs: DecisionInputs) -> str:
    """A score or a difference of two, in the unit that counts."""
    value = inputs.settings.value_usd
    return f"{amount / value:.4f}" if value >= BEST_USD else usd(amount)


def _arithmetic(one: Candidate, inputs: DecisionInputs) -> str:
    assert one.score is not None
    counted = ""
    if one.covered_share > 0.0:
        counted = f" (less {one.covered_share:.0%} that a subscription covers)"
    known = ", nobody has measured it" if is_unmeasured(one.quality, one.quality_sd) else ""
    return (
        f"{one.target}: score {_points(one.score, inputs)}; now {usd(one.cost_now_usd)} with"
        f" {one.warm_tokens:,.0f} tokens warm, to go {usd(one.cost_to_go_usd)}{counted};{_waits(one)}"
        f" success {one.quality:.2f} (sd {one.quality_sd:.2f}){known}."
    )


def _waits(one: Candidate) -> str:
    if one.first_content_seconds is None:
        return ""
    return f" first content in {one.first_content_seconds:.1f} s, waits {usd(one.latency_usd)};"


def _what_would_change(
    decision: Decision, inputs: DecisionInputs, order: list[Candidate], catalog: Catalog
) -> list[str]:
    """The distance to the other outcome, where there is one."""
    lines = [
        *who_is_stronger(decision, inputs, order),
        *_asked_again(decision, inputs, order, catalog),
    ]
    if decision.proposal != decision.targets[0]:
        lines.append(f"{_elsewhere(decision.reason)} {decision.proposal} would serve it.")
    proposed = next((one for one in order if one.target == decision.proposal), None)
    rival = next((one for one in order if one.model != (proposed and proposed.model)), None)
    if proposed is None or rival is None or proposed.score is None or rival.score is None:
        return lines
    lead = rival.score - proposed.score
    left = next((one for one in order if one.target == inputs.state.target), None)
    if decision.reason == "gain_exceeds_break_even" and left is not None:
        lines.append(
            f"It leads {left.model}, which is warm, by {_points(proposed.score - (left.score or 0.0), inputs)};"
            f" a warm cache is left for more than {_points(margin_usd(inputs, proposed), inputs)}."
        )
    if decision.reason == "warm_incumbent" and lead > 0:
        lines.append(
            f"{rival.model} leads by {_points(lead, inputs)}; a warm cache is left for more than"
            f" {_points(margin_usd(inputs, rival), inputs)}."
        )
    asked = next((one for one in order if one.model == decision.baseline_model), rival)
    others = [one for one in (rival, asked) if one.model != proposed.model]
    return [
        *lines,
        *(_against(proposed, other, inputs) for other in dict.fromkeys(others)),
        *_overruled(decision),
    ]


def _asked_again(
    decision: Decision, inputs: DecisionInputs, order: list[Candidate], catalog: Catalog
) -> list[str]:
    """Why another target stands in for the one that broke off, or none does."""
    by_name = by_target(order)
    broken, taken = by_name.get(inputs.state.broke_off), by_name.get(decision.proposal)
    if broken is None or broken.score is None or taken is None or taken.score is None:
        return []
    loses = f"which asking {broken.target} again is expected to lose"
    loss = usd(asked_again_usd(broken, inputs.settings))
    if taken.target == broken.target and decision.reason in _MAY_BE_LEFT and len(order) > 1:
        return [f"Whoever else can serve it scores less by more than the {loss} {loses}."]
    if decision.reason != "broke_off":
        return []
    if taken.model == broken.model:
        return [f"{taken.target} is the same model by another account."]
    if taken.model in names_of(broken.target, catalog):
        return [f"{taken.target} is the same model as another provider has it."]
    behind = _points(max(0.0, broken.score - taken.score), inputs)
    return [f"{taken.target} scores {behind} less, no more than the {loss} {loses}."]


def _against(proposed: Candidate, other: Candidate, inputs: DecisionInputs) -> str:
    """Where the arithmetic would turn: the value of success, if there is one."""
    break_even = _break_even_usd(proposed, other)
    if break_even is not None:
        return (
            f"{proposed.model} and {other.model} score the same when a thread that succeeds is worth"
            f" {usd(break_even)}; now it {_worth(inputs)}."
        )
    behind, ahead = (
        (other, proposed) if (other.score or 0.0) <= (proposed.score or 0.0) else (proposed, other)
    )
    return f"{behind.model} is behind {ahead.model} at any value of a thread that succeeds."


def _overruled(decision: Decision) -> list[str]:
    """What the client itself can do about it."""
    if decision.model == decision.baseline_model or decision.action in ("pin", "passthrough"):
        return []
    return [f"{PREFIX}{decision.baseline_model} as the model's name is served by that model alone."]


def _worth(inputs: DecisionInputs) -> str:
    """Set as it is or by the dial, which the record does not tell apart."""
    value = inputs.settings.value_usd
    if value >= BEST_USD:
        return "is worth more than any cost"
    return f"is worth {usd(value)}" if value > 0.0 else "is worth nothing"


def _elsewhere(reason: Reason) -> str:
    return "In the treatment arm" if reason == "control_arm" else "In full mode"


def _break_even_usd(one: Candidate, other: Candidate) -> float | None:
    """The value of success at which both score the same; None when no value above 0 does it."""
    if one.cost_to_go_usd is None or other.cost_to_go_usd is None:
        return None
    quality = (one.quality - CAUTION * one.quality_sd) - (
        other.quality - CAUTION * other.quality_sd
    )
    cost = one.cost_to_go_usd + one.latency_usd - (other.cost_to_go_usd + other.latency_usd)
    return cost / quality if quality * cost > 0 else None


def _unfit(decision: Decision) -> list[str]:
    """Who would not be chosen now, and is tried all the same."""
    lines: list[str] = []
    for one in decision.candidates:
        if one.target in decision.targets:
            tried = "serves" if one.target == decision.targets[0] else "is tried if others fail"
            lines += [
                f"{one.target} {tried}, though {LACK_WORDS[word]}."
                for word in one.lacks
                if word in UNFIT
            ]
    return lines


def _excluded(decision: Decision, inputs: DecisionInputs, catalog: Catalog) -> list[str]:
    """By reason: one often keeps many out."""
    targets: dict[str, list[str]] = {}
    for one in decision.candidates:
        # Whoever serves without a price does so because it was asked for.
        if one.lacks and one.target not in decision.targets:
            reasons = ", ".join(
                _too_dear(one, decision, inputs, catalog)
                if word == "above_ceiling" and catalog.digest == decision.catalog_digest
                else LACK_WORDS.get(word, word)
                for word in one.lacks
            )
            targets.setdefault(reasons, []).append(one.target)
    return [f"Not eligible: {', '.join(who)} ({why})." for why, who in targets.items()]


def _too_dear(one: Candidate, decision: Decision, inputs: DecisionInputs, catalog: Catalog) -> str:
    mine, ceiling = (
        model.prices.for_prompt(prompt_tokens(inputs.features, model))
        for model in (catalog.models[one.model], catalog.models[decision.baseline_model])
    )
    dearer = ", ".join(
        f"{words} {usd(own)} against {usd(most)}" for words, own, most in dearer_than(mine, ceiling)
    )
    return f"dearer than {decision.baseline_model} by the list, for a million tokens: {dearer}"


def _missing(decision: Decision, inputs: DecisionInputs) -> list[str]:
    lines: list[str] = []
    if inputs.text.skipped and inputs.text.skipped not in ("no_text", "not_needed"):
        lines.append(f"The text was not used ({inputs.text.skipped}).")
    if not decision.candidates:
        lines.append("No candidates were compared.")
    return lines
