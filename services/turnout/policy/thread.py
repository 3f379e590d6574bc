"""What is known of a thread when a request of it arrives."""

from typing import Final, Literal

import msgspec

from turnout.catalog.models import model_of_target
from turnout.catalog.token_families import Family, family_of
from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.quota import Quota
from turnout.policy.request import TaskKind

COLD_SHARE: Final = 0.2
"""A prefix of which less than this share is expected warm is a cold one."""

EPOCH_SHARE: Final = 0.5
"""When less of the last prompt than this is kept, the thread has been compacted."""


class WarmPrefix(msgspec.Struct, frozen=True, gc=False):
    """A prefix that a target's prompt cache is believed to hold.

    Attributes:
        target: the target's id.
        tokens: prompt tokens of the prefix that this request could read from the cache.
        last_used_at: unix seconds of the newest read or write.
        expires_at: unix seconds at which it is believed gone.
        lifetime_seconds: what it was written with.
        hit_share: share of expected cache tokens that were really found on earlier returns after a
            gap like the present one; between 0 and 1.

    """

    target: str
    tokens: int
    last_used_at: float
    expires_at: float
    lifetime_seconds: float
    hit_share: float


class Maker(msgspec.Struct, frozen=True, gc=False):
    """Who wrote a run of a thread's answers.

    Attributes:
        first_message: number of the message in the thread, from 0, with which the run begins.
        target: whose answers they are, up to the first message of the next maker.

    """

    first_message: int
    target: str


class ThreadState(msgspec.Struct, frozen=True, gc=False):
    """A thread as the tracker remembers it; the defaults describe a thread never seen.

    Attributes:
        steps: answered requests so far.
        target: who served the last one; "" when none.
        last_at: unix seconds of the last answer.
        prompt_tokens: real prompt size of the last request.
        growth_tokens, output_tokens: running means per step.
        kept_share: share of the last request's messages that this one still begins with; below 1
            after compaction or an edit of history.
        is_retry: this very prompt was seen before.
        tool_errors: consecutive newest steps with a tool error that was no red check.
        task_kind: what its last decision took it to be about (turnout.policy.task_kind); `other` until a
            text has told.
        warm: what the thread's own prefix is warm in.
        heads: what the shared head (system and tools) is warm in.
        makers: who wrote its answers, in order of their first messages; () when nobody was seen to.
        refused: targets that have refused a request of it that was not made for them.
        failing_checks: checks that came out red since the last green one, without those of this request.
        escalated_at: unix seconds of the request at which it was given a stronger model, until a free
            window has ended that; 0 when it was not.
        is_left_alone: there was reason to, and it was left to a draw not to; until a free window.
        quotas: of the subscriptions that may pay for this request, as far as their answers told.
        counted_by: the family whose tokens `prompt_tokens`, `growth_tokens` and `output_tokens` are; ""
            from a tracker that does not say.
        last_end: how its last answer ended, where that was none to go on with.
        refused_answers, empty_answers, cut_answers: how many ended so, of the newest eight that were
            none to go on with.
        broke_off: the target whose answer to it broke off after it had begun; "" when a newer request has been
            answered since.

    """

    steps: int = 0
    target: str = ""
    started_at: float = 0.0
    last_at: float = 0.0
    prompt_tokens: int = 0
    growth_tokens: float = 0.0
    output_tokens: float = 0.0
    kept_share: float = 1.0
    is_retry: bool = False
    tool_errors: int = 0
    task_kind: TaskKind = "other"
    warm: tuple[WarmPrefix, ...] = ()
    heads: tuple[WarmPrefix, ...] = ()
    makers: tuple[Maker, ...] = ()
    refused: tuple[str, ...] = ()
    failing_checks: int = 0
    escalated_at: float = 0.0
    is_left_alone: bool = False
    counted_by: Family | Literal[""] = ""
    quotas: tuple[Quota, ...] = ()
    last_end: AnswerEnd = ""
    refused_answers: int = 0
    empty_answers: int = 0
    cut_answers: int = 0
    broke_off: str = ""


def counting_family(state: ThreadState) -> Family:
    """Whose tokens the thread's sizes are; where that is not said, of who served it last."""
    return state.counted_by or family_of(model_of_target(state.target))
