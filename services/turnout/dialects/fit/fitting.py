"""The one function that fits a conversation to a target, and what it gives.

Rules: the same conversation fitted to the same target is the same again, and one more message leaves
the fitted ones before it alone, because a cached prefix is lost by one byte; fitted to a target
without quirks a conversation is the very object that came in; every change is told by a word out of
a small set, which never holds a name or a path of the client's; what cannot be said at all is
refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Conversation
from turnout.dialects.fit.answer import AnswerFitter
from turnout.dialects.fit.blank import with_blank_turns
from turnout.dialects.fit.custom_tools import as_functions, custom_names
from turnout.dialects.fit.deferred import without_deferral
from turnout.dialects.fit.elsewhere import as_elsewhere
from turnout.dialects.fit.failed import with_failures
from turnout.dialects.fit.names import names_to_change, with_call_ids, with_names
from turnout.dialects.fit.own import refuse_own
from turnout.dialects.fit.parameters import (
    fit_output_format,
    fit_parameters,
    fit_stop_sequences,
    fit_strictness,
    fit_tool_choice,
)
from turnout.dialects.fit.schemas import with_schemas
from turnout.dialects.fit.server_tools import without_server_tools
from turnout.dialects.fit.strange import refuse_strange
from turnout.dialects.fit.thinking import fit_thinking
from turnout.dialects.fit.unique_ids import with_unique_ids
from turnout.dialects.fit.untold import untold
from turnout.dialects.offered_tools import changes_tools
from turnout.quirks import Quirks


@dataclass(frozen=True, slots=True)
class Fitted:
    """A conversation as the target takes it.

    Attributes:
        changes: what was done, each word once, in the order of the steps.
        names: tools by the target's name, to the client's.
        custom: tools of the client that take plain text and became functions.
        stops: stop sequences that are looked for in the answer.
    """

    conversation: Conversation
    changes: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    custom: frozenset[str] = frozenset()
    stops: tuple[str, ...] = ()

    def answer(self) -> AnswerFitter | None:
        """For one answer; None where it needs nothing."""
        if not (self.names or self.custom or self.stops):
            return None
        return AnswerFitter(self.names or {}, self.custom, self.stops)


def fit(
    conversation: Conversation,
    *,
    to: Dialect,
    quirks: Quirks,
    has: Capabilities,
    is_original: bool = True,
) -> Fitted:
    """Raises `Unsupported` naming what the target cannot be asked.

    `is_original` says that the target is the dialect's own vendor, which runs its server tools.
    """
    changes: list[str] = []
    fitted = conversation
    if conversation.dialect != to or not is_original:
        fitted = _noted(fitted, as_elsewhere(fitted), "as_text", changes)
        refuse_own(fitted)
    if conversation.dialect != to:
        changes += [f"dropped:{name}" for name in untold(conversation)]
        fitted = _noted(fitted, with_unique_ids(fitted), "call_id", changes)
        may_be_space = quirks.blank_texts is not False
        blanks = with_blank_turns(fitted, may_be_space=may_be_space)
        fitted = _noted(fitted, blanks, "blank_text", changes)
    if quirks.failed_results is False:
        fitted = _noted(fitted, with_failures(fitted), "failed_result", changes)
    refuse_strange(fitted, to=to)
    if not (quirks.deferred_tools and conversation.dialect == to) or (
        # They stand in such messages, and models without these know none.
        quirks.system_anywhere is False and changes_tools(conversation)
    ):
        fitted = _noted(fitted, without_deferral(fitted), "deferred_tools", changes)
    fitted, kinds = without_server_tools(fitted, to=to, is_original=is_original)
    changes += [f"dropped:{kind}" for kind in kinds]
    custom = frozenset[str]()
    if quirks.custom_tools is False:
        custom = custom_names(fitted)
        fitted = _noted(fitted, as_functions(fitted, custom), "custom_tool", changes)
    names = names_to_change(fitted, quirks.tool_name_pattern)
    fitted = _noted(fitted, with_names(fitted, names), "tool_name", changes)
    fitted, has_new_ids = with_call_ids(fitted, quirks.call_id_pattern, quirks.call_id_characters)
    if has_new_ids:
        changes.append("call_id")
    fitted, told = fit_output_format(fitted, quirks, has)
    changes += told
    if conversation.dialect != to or not is_original:
        fitted, told = with_schemas(fitted, quirks)
        changes += told
    fitted, told = fit_strictness(fitted, to=to)
    changes += told
    fitted, told = fit_tool_choice(fitted, quirks)
    changes += told
    fitted, told = fit_thinking(fitted, quirks, has)
    changes += told
    fitted, told = fit_parameters(fitted, to=to, quirks=quirks, has=has)
    changes += told
    fitted, stops = fit_stop_sequences(fitted, quirks, has)
    if stops:
        changes.append("stop_sequences")
    return Fitted(
        fitted,
        tuple(dict.fromkeys(changes)),
        names={new: old for old, new in names.items()},
        custom=custom,
        stops=stops,
    )


def _noted(old: Conversation, new: Conversation, change: str, changes: list[str]) -> Conversation:
    if new is not old:
        changes.append(change)
    return new
