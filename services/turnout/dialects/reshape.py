"""The bytes of a request, native or just encoded, as an endpoint takes them.

Rules: only what `turnout.quirks` names is changed, by the span edits of `passthrough`; a body that
holds none of it is the very object that came in; what was left out is told, a field that goes by
another name means what it meant and is not.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.answered_results import with_answers
from turnout.dialects.conversation import ThinkingControl, ThinkingMode
from turnout.dialects.fit.parameters import refused_fields
from turnout.dialects.fit.thinking import (
    fit_thinking_control,
    nearest_effort,
    not_thinking,
    will_think,
)
from turnout.dialects.passthrough import (
    AddField,
    DropField,
    DropMessageField,
    Edit,
    RenameField,
    RenameRole,
    SetField,
    members,
    splice,
)
from turnout.dialects.reading import MALFORMED
from turnout.dialects.reminder import reminder_blocks
from turnout.quirks import Quirks

THINKING_FIELDS: Final[dict[Dialect, str]] = {
    "anthropic_messages": "thinking",
    "openai_chat": "reasoning_effort",
    "openai_responses": "reasoning",
}
"""Refused by models that cannot think."""

LIMITS: Final[dict[Dialect, tuple[str, ...]]] = {
    "anthropic_messages": ("max_tokens",),
    "openai_chat": ("max_completion_tokens", "max_tokens"),
    "openai_responses": ("max_output_tokens",),
}

MESSAGE_CONTROLS: Final = ("output_config", "clear_at")
"""What Claude Code says of single messages, to models that take system messages anywhere."""

_DISABLED: Final = b'{"type":"disabled"}'
_NONE: Final = b'"none"'
_FORCED: Final = frozenset({"any", "tool"})
"""Anthropic's words for a call that is demanded."""
_FREE: Final = frozenset({b"null", b'"auto"', b'"none"'})
"""OpenAI's choices that demand none."""

_BLOCKS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_VOCABULARY: Final = "logit_bias"
"""Its numbers are tokens of the model that was asked for."""

_INTEGER: Final = msgspec.json.Decoder(int)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Block(msgspec.Struct):
    text: str = ""


class _Thinking(msgspec.Struct):
    type: str = ""
    budget_tokens: int | None = None
    display: str = ""


class _Config(msgspec.Struct):
    effort: str = ""


class _Choice(msgspec.Struct, omit_defaults=True):
    type: str = ""
    disable_parallel_tool_use: bool | None = None


_MODES: Final[dict[str, ThinkingMode]] = {
    "adaptive": "adaptive",
    "enabled": "on",
    "disabled": "off",
    "between_tools": "between_tools",
}
_BLOCK: Final = msgspec.json.Decoder(_Block)
_THINKING: Final = msgspec.json.Decoder(_Thinking)
_CONFIG: Final = msgspec.json.Decoder(_Config)
_CHOICE: Final = msgspec.json.Decoder(_Choice)


def reshaped(
    body: bytes, quirks: Quirks, *, dialect: Dialect, thinks: bool
) -> tuple[bytes, tuple[str, ...]]:
    """In the roles that the endpoint knows, without the fields and system texts that it refuses, with
    the other fields under their names there, with the answers that it misses, with what makes it
    read the reasoning that it gets, and with what keeps it from thinking.
    """
    refused = refused_fields(quirks, thinks=thinks)
    renames = quirks.renames or ()
    no_system = dialect == "anthropic_messages" and quirks.system_anywhere is False
    no_developer = dialect == "openai_chat" and quirks.developer_role is False
    private = quirks.system_refuses or ()
    reads = quirks.reads_reasoning if thinks else None
    wants_answers = quirks.results_want_answer is True
    unthinking = quirks.effort_none if dialect == "openai_chat" else None
    has_work = refused or renames or no_system or no_developer or private or wants_answers
    if not (has_work or reads or unthinking):
        return body, ()
    present = {member.name: body[member.value_start : member.value_end] for member in members(body)}
    edits: list[Edit] = []
    if unthinking is not None and present.get("reasoning_effort") == _NONE:
        del present["reasoning_effort"]
        edits += [DropField("reasoning_effort"), AddField(unthinking[0], unthinking[1].encode())]
    dropped = [name for name in present if name in refused]
    edits += [DropField(name) for name in dropped]
    edits += [RenameField(name, becomes) for name, becomes in renames if name in present]
    changes = [f"dropped:{name}" for name in sorted(dropped)]
    if private and (kept := _without(private, present.get("system", b""))) is not None:
        edits.append(SetField("system", msgspec.json.encode(kept)) if kept else DropField("system"))
        changes.append("dropped:system_block")
    messages = present.get("messages", b"")
    if wants_answers and (answered := with_answers(messages)) is not messages:
        edits.append(SetField("messages", answered))
        changes.append("answered_results")
    if no_system and b'"system"' in messages:
        edits.append(RenameRole("system", "user", reminder_blocks))
        edits += map(DropMessageField, MESSAGE_CONTROLS)
        changes.append("system_role")
    if no_developer and b'"developer"' in messages:
        edits.append(RenameRole("developer", "system"))
        changes.append("developer_role")
    if reads is not None:
        edits.append(AddField(reads[0], reads[1].encode()))
    return splice(body, edits), tuple(changes)


def _without(beginnings: tuple[str, ...], system: bytes) -> list[msgspec.Raw] | None:
    """The blocks of a system prompt that begin otherwise; None where none is to go."""
    if not any(words.encode() in system for words in beginnings):
        return None
    try:
        blocks = _BLOCKS.decode(system)
        kept = [raw for raw in blocks if not _BLOCK.decode(raw).text.startswith(beginnings)]
    except MALFORMED:
        return None
    return kept if len(kept) < len(blocks) else None


def switched(
    body: bytes, quirks: Quirks, *, dialect: Dialect, has: Capabilities
) -> tuple[bytes, tuple[str, ...]]:
    """A client's own body for another model than it was written for, in the same dialect."""
    fields = {member.name: body[member.value_start : member.value_end] for member in members(body)}
    edits: list[Edit] = []
    changes: list[str] = []
    thinking = THINKING_FIELDS.get(dialect, "")
    if thinking in fields and not has.thinking:
        edits.append(DropField(thinking))
        changes.append("dropped:thinking")
    for name in LIMITS.get(dialect, ()):
        if has.max_output_tokens is not None and _above(fields.get(name), has.max_output_tokens):
            edits.append(SetField(name, str(has.max_output_tokens).encode()))
            changes.append("limited:max_output_tokens")
    if dialect == "anthropic_messages" and has.thinking:
        edits += _fitted_thinking(fields, quirks, has, changes)
    if quirks.forced_tool_choice is False:
        edits += _free_choice(fields, dialect, changes)
    if _VOCABULARY in fields:
        edits.append(DropField(_VOCABULARY))
        changes.append(f"dropped:{_VOCABULARY}")
    if dialect == "openai_chat" and has.thinking and "reasoning_effort" in fields:
        edits += _effort_word(fields["reasoning_effort"], quirks, changes)
    body = splice(body, edits)
    body, told = reshaped(body, quirks, dialect=dialect, thinks=has.thinking)
    return body, (*changes, *told)


def _above(value: bytes | None, most: int) -> bool:
    try:
        return value is not None and _INTEGER.decode(value) > most
    except msgspec.DecodeError:
        return False


def _effort_word(value: bytes, quirks: Quirks, changes: list[str]) -> Iterable[Edit]:
    word = value.strip(b'"').decode()
    effort = nearest_effort(word, quirks.efforts)
    if effort == word:
        return
    changes.append("effort" if effort else "dropped:effort")
    yield (
        SetField("reasoning_effort", f'"{effort}"'.encode())
        if effort
        else DropField("reasoning_effort")
    )


def _fitted_thinking(
    fields: dict[str, bytes], quirks: Quirks, has: Capabilities, changes: list[str]
) -> Iterable[Edit]:
    try:
        asked = _THINKING.decode(fields.get("thinking", b"{}"))
        effort = _CONFIG.decode(fields.get("output_config", b"{}")).effort
        limit = _INTEGER.decode(fields.get("max_tokens", b"0"))
        choice = _CHOICE.decode(fields.get("tool_choice", b"{}"))
    except msgspec.DecodeError:
        return
    told = ThinkingControl(
        mode=_MODES.get(asked.type),
        budget_tokens=asked.budget_tokens,
        effort=effort,
        display=asked.display,
    )
    most = min(limit, has.max_output_tokens or limit) or None
    fitted, _ = fit_thinking_control(told, quirks, most)
    change = "thinking"
    is_forced = choice.type in _FORCED and quirks.forced_tool_choice is not False
    if is_forced and quirks.thinking_needs_free_choice and will_think(fitted, quirks):
        fitted, change = not_thinking(quirks), "thinking:tool_choice"
    if fitted == told:
        return
    changes.append(change)
    if fitted.effort != effort:
        yield from _config(fields.get("output_config"), fitted.effort)
    if fitted.mode == "between_tools":
        # Effort must not change on the way then.
        yield DropMessageField("output_config")
    if "thinking" in fields:
        yield _thinking(fitted)
    elif fitted.mode == "off":
        yield AddField("thinking", _DISABLED)


def _free_choice(fields: dict[str, bytes], dialect: Dialect, changes: list[str]) -> Iterable[Edit]:
    """A call that is demanded, left to the model instead."""
    value = fields.get("tool_choice", b"null")
    match dialect:
        case "anthropic_messages":
            try:
                choice = _CHOICE.decode(value)
            except msgspec.DecodeError:
                return
            if choice.type not in _FORCED:
                return
            choice.type = "auto"
            free = msgspec.json.encode(choice)
        case "openai_chat" if value not in _FREE:
            free = b'"auto"'
        case _:
            return
    changes.append("tool_choice:auto")
    yield SetField("tool_choice", free)


def _config(value: bytes | None, effort: str) -> Iterable[Edit]:
    config = dict(_OBJECT.decode(value or b"{}"))
    config.pop("effort", None)
    if effort:
        config["effort"] = msgspec.Raw(msgspec.json.encode(effort))
    if value is not None:
        yield SetField("output_config", msgspec.json.encode(config))
    elif config:
        yield AddField("output_config", msgspec.json.encode(config))


def _thinking(fitted: ThinkingControl) -> Edit:
    match fitted.mode:
        case None:
            return DropField("thinking")
        case "off":
            return SetField("thinking", _DISABLED)
        case "between_tools":
            return SetField("thinking", b'{"type":"between_tools"}')
        case "adaptive":
            shown: dict[str, object] = {"type": "adaptive"}
        case "on":
            shown = {"type": "enabled", "budget_tokens": fitted.budget_tokens}
    if fitted.display:
        shown["display"] = fitted.display
    return SetField("thinking", msgspec.json.encode(shown))
