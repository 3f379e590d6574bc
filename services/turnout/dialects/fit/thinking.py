"""How much a model is to think, in the form and the words that it takes.

Rules: a client's words and budgets are turned into the target's, never into more than was asked for
where there is a choice; what the target refuses beside thinking decides against thinking and not
against the answer; a model that cannot think is not asked to.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Conversation,
    Message,
    Thinking,
    ThinkingControl,
    ThinkingMode,
    ToolCall,
)
from turnout.dialects.seal import is_sealed_in
from turnout.quirks import EFFORTS, Effort, Quirks

EFFORT_BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "minimal": 1_024,
        "low": 2_048,
        "medium": 8_192,
        "high": 16_384,
        "xhigh": 24_576,
        "max": 31_999,
    }
)
"""Words of effort in thinking tokens: Claude Code's "think" is 4k, "megathink" 10k, "ultrathink"
31,999, which is the most that its models took."""

_FROM_BUDGET: Final = ((16_384, "high"), (4_096, "medium"), (0, "low"))
_HALF: Final = 2

_DISPLAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "omitted": "omitted",
        "summarized": "summarized",
        # OpenAI's kinds of summary.
        "auto": "summarized",
        "concise": "summarized",
        "detailed": "summarized",
        # Gemini's `includeThoughts`.
        "included": "summarized",
    }
)
"""How thinking is to be shown, in Anthropic's words."""


def fit_thinking(
    conversation: Conversation, quirks: Quirks, has: Capabilities
) -> tuple[Conversation, tuple[str, ...]]:
    asked = conversation.thinking
    changes: tuple[str, ...] = ()
    if not has.thinking:
        if asked == ThinkingControl():
            return conversation, ()
        told = () if asked.is_off else ("dropped:thinking",)
        return replace(conversation, thinking=ThinkingControl()), told
    fitted = asked
    if asked != ThinkingControl():
        fitted, changes = fit_thinking_control(asked, quirks, _most_output(conversation, has))
    if will_think(fitted, quirks):
        reason = _obstacle(conversation, fitted, quirks)
        if reason:
            fitted, changes = not_thinking(quirks), (*changes, reason)
    changes = () if fitted == asked else changes or ("thinking",)
    shown = _as_others_expect(conversation, fitted, quirks)
    if shown != fitted and not _obstacle(conversation, shown, quirks):
        fitted = shown
    return conversation if fitted == asked else replace(conversation, thinking=fitted), changes


def _as_others_expect(
    conversation: Conversation, fitted: ThinkingControl, quirks: Quirks
) -> ThinkingControl:
    """What clients of other dialects take for granted, said in so many words to Claude.

    Newer models show no thinking unless asked to: platform.claude.com/docs/en/build-with-claude/thinking,
    controlling thinking display. Who asks to see reasoning asks for reasoning, and servers that speak
    chat show theirs unasked. Only Anthropic's own clients know what to do about an error that says that
    the prompt in front of a thinking block has changed.
    """
    if conversation.dialect == "anthropic_messages" or quirks.thinking != "adaptive":
        return fitted
    display = fitted.display
    if fitted.is_off or not (will_think(fitted, quirks) or display == "summarized"):
        return fitted
    if conversation.dialect == "openai_chat":
        display = display or "summarized"
    drops = bool(quirks.preserved_thinking)
    return replace(fitted, mode="adaptive", display=display, drops_unbound=drops)


def will_think(thinking: ThinkingControl, quirks: Quirks) -> bool:
    if thinking.mode is None:
        return bool(quirks.thinks_unasked)
    return thinking.mode in {"on", "adaptive"}


def not_thinking(quirks: Quirks) -> ThinkingControl:
    """What keeps a model from thinking that may."""
    if quirks.thinks_unasked and quirks.thinking_off == "disabled":
        return ThinkingControl("off")
    return ThinkingControl()


def _most_output(conversation: Conversation, has: Capabilities) -> int | None:
    limits = [n for n in (conversation.max_output_tokens, has.max_output_tokens) if n is not None]
    return min(limits, default=None)


def fit_thinking_control(
    asked: ThinkingControl, quirks: Quirks, most_output: int | None
) -> tuple[ThinkingControl, tuple[str, ...]]:
    """The wish in the target's form, and what of it was lost."""
    match quirks.thinking:
        case None:
            return _in_its_words(asked, quirks), ()
        case "effort":
            effort = nearest_effort(_effort(asked), quirks.efforts)
            changes = ("dropped:effort",) if _effort(asked) and not effort else ()
            return ThinkingControl(effort=effort, display=asked.display), changes
        case "adaptive":
            return _adaptive(asked, quirks)
        case "budget":
            return _budget(asked, quirks, most_output)


def _in_its_words(asked: ThinkingControl, quirks: Quirks) -> ThinkingControl:
    """For a wire that has several forms, of which its encoder takes the model's."""
    if not asked.is_off:
        return replace(asked, effort=nearest_effort(asked.effort, quirks.efforts))
    if quirks.thinking_off != "never":
        return asked
    return ThinkingControl(effort=nearest_effort("none", quirks.efforts), display="omitted")


def _effort(asked: ThinkingControl) -> str:
    """The client's word, or what its budget comes to."""
    if asked.is_off:
        return "none"
    if asked.effort:
        return asked.effort
    if asked.mode != "on" or asked.budget_tokens is None:
        return ""
    return next(word for least, word in _FROM_BUDGET if asked.budget_tokens >= least)


def nearest_effort(word: str, accepted: tuple[Effort, ...] | None) -> str:
    """The strongest accepted word that is not above `word`, else the weakest; "" without any.

    Not to think at all is no degree of thinking: `none` stands for no other word, and of the others
    only a weak one stands for it.
    """
    if accepted is None or not word or word in accepted:
        return word
    ranks = sorted(EFFORTS.index(one) for one in accepted if one != "none")
    if not ranks or word not in EFFORTS:
        return ""
    if word == "none":
        return EFFORTS[ranks[0]] if EFFORTS[ranks[0]] in {"minimal", "low"} else ""
    wanted = EFFORTS.index(word)
    return EFFORTS[max((rank for rank in ranks if rank <= wanted), default=ranks[0])]


def _adaptive(asked: ThinkingControl, quirks: Quirks) -> tuple[ThinkingControl, tuple[str, ...]]:
    if asked.is_off:
        return _off(asked, quirks), ()
    asked = replace(asked, display=_DISPLAYS.get(asked.display, ""))
    effort = nearest_effort(_effort(asked), quirks.efforts)
    changes = ("dropped:effort",) if asked.effort and not effort else ()
    if asked.mode == "adaptive" or (asked.mode is None and not effort):
        return replace(asked, effort=effort), changes
    return replace(asked, mode="adaptive", effort=effort, budget_tokens=None), changes


def _off(asked: ThinkingControl, quirks: Quirks) -> ThinkingControl:
    """Effort governs an answer without thinking too, so a word that was said is kept.

    A model that cannot be told not to think is told to think little: platform.claude.com/docs/en/models/
    opus-5-5/whats-new-opus-5-5, "Thinking can't be disabled".
    """
    word = "" if asked.effort == "none" else asked.effort
    if quirks.thinking_off == "never":
        return ThinkingControl(effort=nearest_effort(word or "none", quirks.efforts))
    taken = quirks.efforts if quirks.unthinking_efforts is None else quirks.unthinking_efforts
    mode: ThinkingMode = "between_tools" if quirks.thinking_off == "between_tools" else "off"
    return ThinkingControl(mode, effort=nearest_effort(word, taken))


def _budget(
    asked: ThinkingControl, quirks: Quirks, most_output: int | None
) -> tuple[ThinkingControl, tuple[str, ...]]:
    effort = nearest_effort(asked.effort, quirks.efforts)
    asked = replace(asked, display=_DISPLAYS.get(asked.display, ""))
    if asked.is_off:
        return _off(asked, quirks), ()
    budget = asked.budget_tokens
    if budget is None:
        word = asked.effort or ("high" if asked.mode == "adaptive" else "")
        budget = EFFORT_BUDGETS.get(word)
    if budget is None:
        return replace(asked, effort=effort), ()
    least = quirks.least_thinking_tokens or 0
    if most_output is not None and budget >= most_output:
        # It counts as output: half of it is left for the answer.
        budget = most_output // _HALF
    if budget < least:
        budget = least
        if most_output is not None and least >= most_output:
            return ThinkingControl(), ("thinking:output_limit",)
    return replace(asked, mode="on", effort=effort, budget_tokens=budget), ()


def _obstacle(conversation: Conversation, fitted: ThinkingControl, quirks: Quirks) -> str:
    """What the target refuses beside thinking; "" when nothing stands against it."""
    if not quirks.thinking_needs_free_choice:
        return ""
    choice = conversation.tool_choice
    if choice is not None and choice.is_forced:
        return "thinking:tool_choice"
    if fitted.mode == "on" and _ends_in_foreign_turn(conversation.messages):
        return "thinking:history"
    return ""


def _ends_in_foreign_turn(messages: tuple[Message, ...]) -> bool:
    """Whether the calls that wait for an answer were made without Claude's own thinking.

    With a budget the API wants the turn under way to begin with a thinking block of its model:
    platform.claude.com/docs/en/build-with-claude/extended-thinking#extended-thinking-with-tool-use.
    """
    for message in reversed(messages):
        if message.role != "assistant":
            continue
        if not any(isinstance(part, ToolCall) for part in message.parts):
            return False
        first = message.parts[0]
        return not (isinstance(first, Thinking) and is_sealed_in(first, "anthropic_messages"))
    return False
