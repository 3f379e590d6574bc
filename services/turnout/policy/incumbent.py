"""Whether who served a thread last has it in its cache, and which gain pays for leaving that. Pure."""

from turnout.catalog.token_families import family_of
from turnout.policy.decision import Candidate, DecisionInputs
from turnout.policy.request import prompt_tokens_in
from turnout.policy.thread import COLD_SHARE, EPOCH_SHARE


def is_warm(inputs: DecisionInputs, incumbent: Candidate) -> bool:
    """Whether enough of the prompt is cached at the incumbent for leaving it to have a price."""
    if inputs.features.step_kind == "compaction" or inputs.state.kept_share < EPOCH_SHARE:
        return False
    prompt = prompt_tokens_in(family_of(incumbent.model), inputs.features)
    return incumbent.warm_tokens >= COLD_SHARE * prompt


def pays(inputs: DecisionInputs, best: Candidate, incumbent: Candidate) -> bool:
    """The gain over the horizon exceeds the price of the move by the margin.

    Both scores hold the whole cost to go, the cold prompt at the new target included, so a
    positive difference is the break-even.
    """
    if best.score is None or incumbent.score is None:
        return False
    return best.score - incumbent.score > margin_usd(inputs, best)


def margin_usd(inputs: DecisionInputs, best: Candidate) -> float:
    """What the gain must exceed: a share of what the first request at the new target costs."""
    return inputs.settings.switch_margin * (best.cost_now_usd or 0.0)
