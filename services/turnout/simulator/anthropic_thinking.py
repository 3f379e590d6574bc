"""Which thinking and which tool choices a Claude model refuses, in the words of Anthropic's API.

Rules of this module: pure; a model is known by its name, and what is said of a model here holds for its
successors. Words that are not documented are put in the form of those that are, and say so.
Sources: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (what each model
refuses), .../api/errors (forced tool use, Sonnet 5.5), .../models/opus-5-5/whats-new-opus-5-5 and
.../models/sonnet-5-5/migration-guide.
"""

import re
from typing import Final

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, text_of

MIN_BUDGET: Final = 1_024

_NO_BUDGETS: Final = re.compile(r"claude-(opus-4-[78]|(opus|sonnet|haiku|fable|mythos)-[5-9]).*")
_UNASKED: Final = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-[5-9].*")
_ALWAYS: Final = re.compile(r"claude-(opus-5-[5-9]|(fable|mythos)-[5-9]).*")
_BETWEEN: Final = re.compile(r"claude-sonnet-5-[5-9].*")
_OFF_BELOW_XHIGH: Final = re.compile(r"claude-(opus-5(-2.*)?|(sonnet|haiku)-5-[5-9].*)")
_NEVER_FORCED: Final = re.compile(r"claude-((opus|sonnet)-5-[5-9]|(fable|mythos)-5-[1-9]).*")
_NEVER_FORCED_BEFORE: Final = re.compile(r"claude-(fable|mythos)-5(-2.*)?")
_STRONGEST: Final = ("xhigh", "max")


def check_thinking(
    model: str, thinking: JsonObject, *, effort: str, choice: str, max_tokens: int
) -> None:
    """`choice` is the type of the tool choice. Raises `Refused`."""
    kind = text_of(thinking.get("type"))
    _check_kind(model, kind, thinking)
    is_off = kind in {"disabled", "between_tools"}
    if is_off and effort in _STRONGEST and _OFF_BELOW_XHIGH.fullmatch(model):
        # That it is refused is documented, how is not.
        raise Refused(
            f'"thinking.type.{kind}" is not supported at effort "{effort}" for this model.'
        )
    if choice in {"any", "tool"}:
        _check_forced(model, kind)
    if kind == "enabled":
        _check_budget(thinking.get("budget_tokens"), max_tokens)


def _check_kind(model: str, kind: str, thinking: JsonObject) -> None:
    if kind == "disabled" and _BETWEEN.fullmatch(model):
        raise Refused(
            'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of'
            ' {"type": "disabled"}. The model does not think before responding. The short updates it'
            " writes between tool calls come back as thinking blocks."
        )
    refused = (
        (kind == "disabled" and _ALWAYS.fullmatch(model))
        or (kind == "enabled" and _NO_BUDGETS.fullmatch(model))
        # That it is refused is documented, how is not.
        or (kind == "between_tools" and not _BETWEEN.fullmatch(model))
    )
    if refused:
        raise Refused(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and'
            ' "output_config.effort" to control thinking behavior.'
        )
    if kind == "between_tools" and (others := sorted(thinking.keys() - {"type"})):
        # Likewise.
        raise Refused(f"thinking.between_tools.{others[0]}: Extra inputs are not permitted")


def _check_forced(model: str, kind: str) -> None:
    if _NEVER_FORCED.fullmatch(model):
        raise Refused('tool_choice: type "tool" and "any" are not supported for this model.')
    if _NEVER_FORCED_BEFORE.fullmatch(model):
        # github.com/Yeachan-Heo/gajae-code/pull/482
        raise Refused("tool_choice forces tool use is not compatible with this model.")
    if kind in {"enabled", "adaptive"} or (not kind and _UNASKED.fullmatch(model)):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def _check_budget(budget: object, max_tokens: int) -> None:
    if not isinstance(budget, int) or budget < MIN_BUDGET:
        raise Refused(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    if max_tokens and budget >= max_tokens:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
