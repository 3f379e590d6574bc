"""What a thread is about: its first text that tells, until a free window lets another one speak.

Rules: a text that names no kind ("go on") never overrules one that does; a harness's own words, with
which it compacts, are no text of the user's. While the thread is warm its kind stays, whatever is
typed: a switch would cost more than a kind is worth that is right about two times in three.
"""

from turnout.catalog.models import model_of_target
from turnout.catalog.token_families import family_of, family_share
from turnout.policy.decision import DecisionInputs
from turnout.policy.request import TaskKind
from turnout.policy.thread import COLD_SHARE, EPOCH_SHARE, counting_family


def thread_kind(inputs: DecisionInputs) -> TaskKind:
    known, said = inputs.state.task_kind, inputs.text.task_kind
    if said == "other" or inputs.features.step_kind == "compaction":
        return known
    return said if known == "other" or not _is_warm(inputs) else known


def _is_warm(inputs: DecisionInputs) -> bool:
    """Whether the thread's own prompt is cached where it was served last, and still the same."""
    state = inputs.state
    if state.kept_share < EPOCH_SHARE:
        return False
    warm = max(
        (
            prefix.tokens * prefix.hit_share
            for prefix in state.warm
            if prefix.target == state.target and prefix.expires_at > inputs.now
        ),
        default=0.0,
    )
    share = family_share(
        counted_for=counting_family(state), family=family_of(model_of_target(state.target))
    )
    return warm > 0 and warm >= COLD_SHARE * state.prompt_tokens * share
