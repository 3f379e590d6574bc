"""The one function that fits a conversation to a target, and what it gives.

Rules: the same conversation fitted to the same target is the same again, and one more message leaves
the fitted ones before it alone, because a cached prefix is lost by one byte; fitted to its own
dialect's vendor without quirks a conversation is the very object that came in; every change is told by a word out of
a small set, which never holds a name or a path of the client's; what cannot be said at all is
refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Conversation,
    Document,
    Image,
    Opaque,
    Part,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout.dialects.fit.answer import AnswerFitter
from turnout.dialects.fit.blank import with_blank_turns
from turnout.dialects.fit.custom_tools import as_functions, custom_names
from turnout.dialects.fit.deferred import offered_unsearched, without_deferral
from turnout.dialects.fit.elsewhere import as_elsewhere
from turnout.dialects.fit.ending import ending_in_the_user
from turnout.dialects.fit.failed import with_failures
from turnout.dialects.fit.images import with_details
from turnout.dialects.fit.in_object import in_object
from turnout.dialects.fit.made_files import with_made_files
from turnout.dialects.fit.names import names_to_change, with_call_ids, with_names
from turnout.dialects.fit.own_fields import told_fields
from turnout.dialects.fit.parameters import (
    fit_output_format,
    fit_parameters,
    fit_stop_sequences,
    fit_strictness,
    fit_tool_choice,
)
from turnout.dialects.fit.schemas import with_schemas
from turnout.dialects.fit.server_tools import without_server_tools
from turnout.dialects.fit.strange import field_of_history, told_strange
from turnout.dialects.fit.system_messages import with_one_system_message
from turnout.dialects.fit.text_documents import with_plain_texts
from turnout.dialects.fit.thinking import fit_thinking
from turnout.dialects.fit.unique_ids import with_unique_ids
from turnout.dialects.fit.walk import part_types
from turnout.dialects.offered_tools import changes_tools
from turnout.errors import Unsupported
from turnout.quirks import Quirks

_HOLD_DOCUMENTS: Final = frozenset({Document, Opaque})
_HOLD_FILES: Final = frozenset({Document, Image, Opaque})
_MAY_BE_STRANGE: Final = frozenset({Document, Image, Opaque, Thinking})


@dataclass(frozen=True, slots=True)
class Fitted:
    """A conversation as the target takes it.

    Attributes:
        changes: what was done, each word once, in the order of the steps.
        names: tools by the target's name, to the client's.
        custom: tools of the client that take plain text and became functions.
        stops: stop sequences that are looked for in the answer.
        is_in_object: the answer was asked for in an object of its own.
    """

    conversation: Conversation
    changes: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    custom: frozenset[str] = frozenset()
    stops: tuple[str, ...] = ()
    is_in_object: bool = False

    def answer(self) -> AnswerFitter | None:
        """For one answer; None where it needs nothing."""
        if not (self.names or self.custom or self.stops or self.is_in_object):
            return None
        return AnswerFitter(
            self.names or {}, self.custom, self.stops, is_in_object=self.is_in_object
        )


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
    holds = part_types(conversation)
    fitted = _with_words(conversation, holds, to, quirks, has, changes, is_original=is_original)
    if not fitted.messages:
        where = field_of_history(conversation.dialect)
        raise Unsupported(f"{where}: nothing in it is for this model; ask in a message with text")
    if conversation.dialect != to or not is_original:
        fitted = _noted(fitted, offered_unsearched(fitted), "deferred_tools", changes)
    if not (quirks.deferred_tools and conversation.dialect == to) or (
        # They stand in such messages, and models without these know none.
        quirks.system_anywhere is False and changes_tools(conversation)
    ):
        fitted = _noted(fitted, without_deferral(fitted, holds), "deferred_tools", changes)
    if quirks.one_system_message:
        fitted = _noted(fitted, with_one_system_message(fitted), "system_role", changes)
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
    fitted = _noted(fitted, with_details(fitted, quirks.image_details), "image_detail", changes)
    asked = fitted
    if conversation.dialect != to or not is_original:
        fitted = _noted(fitted, in_object(fitted, quirks), "output_format:object", changes)
    is_in_object = fitted is not asked
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
    if quirks.answers_begun is False:
        fitted = _noted(fitted, ending_in_the_user(fitted), "answer_begun", changes)
    return Fitted(
        fitted,
        tuple(dict.fromkeys(changes)),
        names={new: old for old, new in names.items()},
        custom=custom,
        stops=stops,
        is_in_object=is_in_object,
    )


def _with_words(
    conversation: Conversation,
    holds: set[type[Part]],
    to: Dialect,
    quirks: Quirks,
    has: Capabilities,
    changes: list[str],
    *,
    is_original: bool,
) -> Conversation:
    """With what its own dialect alone has a form for said in forms that the target knows."""
    fitted = conversation
    if conversation.dialect != to or not is_original:
        if Opaque in holds:
            fitted = _noted(fitted, as_elsewhere(fitted), "as_text", changes)
        if fitted.bound or not holds.isdisjoint(_MAY_BE_STRANGE):
            changes += told_strange(fitted, to=to, is_original=is_original)
    if conversation.dialect != to:
        changes += told_fields(conversation, to=to)
        if ToolCall in holds:
            fitted = _noted(fitted, with_unique_ids(fitted), "call_id", changes)
        may_be_space = quirks.blank_texts is not False
        blanks = with_blank_turns(fitted, may_be_space=may_be_space)
        fitted = _noted(fitted, blanks, "blank_text", changes)
    # A part that is said elsewhere may be one.
    if not holds.isdisjoint(_HOLD_DOCUMENTS) and (conversation.dialect != to or not has.documents):
        fitted = _noted(fitted, with_plain_texts(fitted), "as_text", changes)
    # Behind the texts, which stay where they are.
    if to not in {conversation.dialect, "gemini_generate"} and not holds.isdisjoint(_HOLD_FILES):
        fitted, told = with_made_files(fitted)
        changes += told
    if quirks.failed_results is False and ToolResult in holds:
        fitted = _noted(fitted, with_failures(fitted), "failed_result", changes)
    return fitted


def _noted(old: Conversation, new: Conversation, change: str, changes: list[str]) -> Conversation:
    if new is not old:
        changes.append(change)
    return new
