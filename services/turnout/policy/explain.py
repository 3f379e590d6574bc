"""A decision in sentences that a person can argue with. Pure."""

from typing import assert_never

from turnout.policy.decision import Candidate, Decision, DecisionInputs, Reason


def explain(decision: Decision, inputs: DecisionInputs) -> list[str]:
    """What was considered, what it would have cost, which rule decided, what would change it."""
    state, features = inputs.state, inputs.features
    kind = features.step_kind.replace("_", " ")
    tokens = features.needs.prompt_tokens_estimate
    asked = features.requested_model
    lines = [
        f"{asked} was asked for ({kind}, about {tokens} prompt tokens, mode {inputs.mode}).",
        _history(inputs),
        f"{decision.model} serves it ({decision.action}): {_because(decision.reason)}",
    ]
    chosen = _find(decision, decision.targets[0])
    proposed = _find(decision, decision.proposal)
    if chosen is not None:
        lines.append(_costs(chosen, decision.horizon_steps))
    if proposed is not None and decision.proposal != decision.targets[0]:
        lines.append(f"In full mode {proposed.model} would serve it. {_costs(proposed, 0)}")
    runner_up = _runner_up(decision)
    if runner_up is not None and chosen is not None and chosen.score is not None:
        gap = chosen.score - (runner_up.score or 0.0)
        lines.append(
            f"Next is {runner_up.model}; it would win if the difference of ${gap:.4f} in value less"
            " cost were made up."
        )
    excluded = [f"{one.model} ({', '.join(one.lacks)})" for one in decision.candidates if one.lacks]
    if excluded:
        lines.append(f"Not eligible: {'; '.join(excluded)}.")
    if inputs.text.skipped and inputs.text.skipped != "no_text":
        lines.append(f"The text was not used: {inputs.text.skipped}.")
    if state.is_retry:
        lines.append("This very prompt was seen before.")
    return lines


def _history(inputs: DecisionInputs) -> str:
    state = inputs.state
    if not state.steps:
        return "The thread is new."
    warm = max((one.tokens for one in state.warm if one.expires_at > inputs.now), default=0)
    return (
        f"The thread has {state.steps} answered steps, was last served by {state.target} and has"
        f" {warm} tokens warm."
    )


def _costs(one: Candidate, horizon_steps: float) -> str:
    if one.cost_now_usd is None or one.cost_to_go_usd is None:
        return f"{one.model} has a price that is not known."
    over = f" over about {horizon_steps:.0f} steps" if horizon_steps else ""
    return (
        f"{one.model} costs about ${one.cost_now_usd:.4f} now ({one.warm_tokens:.0f} tokens warm)"
        f" and ${one.cost_to_go_usd:.4f}{over}; chance of success {one.quality:.2f}"
        f" (sd {one.quality_sd:.2f})."
    )


def _find(decision: Decision, target: str) -> Candidate | None:
    return next((one for one in decision.candidates if one.target == target), None)


def _runner_up(decision: Decision) -> Candidate | None:
    others = [
        one
        for one in decision.candidates
        if one.score is not None and one.target != decision.targets[0]
    ]
    return max(others, key=lambda one: one.score or 0.0, default=None)


def _because(reason: Reason) -> str:
    match reason:
        case "observe_mode":
            return "the mode is observe, so what was asked for is served."
        case "pinned_model":
            return "the model name pins it."
        case "auxiliary_request":
            return "titles, classifications, probes and counts are served as asked."
        case "unpriced_model":
            return "the catalog has no price of this model, so it is served as asked."
        case "warm_incumbent":
            return "its cache is warm, and no gain elsewhere pays for leaving it."
        case "gain_exceeds_break_even":
            return "over the rest of the thread the gain pays for a cold cache, with margin."
        case "free_window_new_thread":
            return "the thread is new, so all candidates compete on equal terms."
        case "free_window_cold_cache":
            return "the cache is cold, so all candidates compete on equal terms."
        case "free_window_compaction":
            return "the history was compacted, so all candidates compete on equal terms."
        case "only_eligible_target":
            return "nothing else is eligible."
        case "no_eligible_requested_target":
            return "the baseline cannot serve it, and the choice was left to us."
        case "no_better_candidate":
            return "no candidate is better."
        case "scorer_unavailable":
            return "the scorer was not reachable."
        case "tracker_unavailable":
            return "the state of the thread is not known, so nothing is switched."
        case _:
            assert_never(reason)
