"""A foreign history in the order that Anthropic's API insists on.

Rules: roles alternate, so neighbours of one role are joined; the results of a turn's calls open the
next user turn, each call exactly once; a call whose result is missing gets an empty one that says
so, a result whose call is missing becomes plain content where it stood. A system message in the middle
stays at its place, as marked text of the user: older models refuse the role there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Message,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    joined_text,
)

_MISSING_RESULT: Final = "No result."
"""The API refuses a call without a result; a turn that was interrupted leaves one."""

SYSTEM_TAG: Final = "system-reminder"
"""The tag in which Claude's own harness puts system text into a user turn."""


@dataclass(slots=True)
class Turn:
    role: Literal["user", "assistant"]
    parts: list[Part] = field(default_factory=list)


def leading_system(messages: Sequence[Message]) -> int:
    """How many messages at the front are the system prompt; at least one message is left over."""
    count = next((n for n, m in enumerate(messages) if m.role != "system"), len(messages))
    return min(count, len(messages) - 1)


def arrange(messages: Sequence[Message]) -> list[Turn]:
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        role: Literal["user", "assistant"] = "user"
        parts: list[Part] = [part for part in message.parts if not _is_blank(part)]
        match message.role:
            case "assistant":
                role = "assistant"
            case "system" if number > 0:
                text = joined_text(parts)
                parts = [Text(f"<{SYSTEM_TAG}>\n{text}\n</{SYSTEM_TAG}>")] if text else []
            case "system" | "user":
                # A system message in front of nothing is all that the client says.
                pass
        if not parts:
            continue
        if turns and turns[-1].role == role:
            turns[-1].parts += parts
        else:
            turns.append(Turn(role, parts))
    _pair(turns)
    _trim_prefill(turns)
    return [turn for turn in turns if turn.parts]


def _is_blank(part: Part) -> bool:
    """The API refuses text without a character to read."""
    return isinstance(part, Text | Refusal) and not part.text.strip()


def _pair(turns: list[Turn]) -> None:
    """Give every call its result at the start of the next turn."""
    number = 0
    while number < len(turns):
        turn = turns[number]
        if turn.role == "user":
            # The turn of an assistant before it has taken its own results out of it already.
            turn.parts = _without_orphans(turn.parts)
            number += 1
            continue
        ids = [part.call_id for part in turn.parts if isinstance(part, ToolCall)]
        if ids:
            if number + 1 == len(turns):
                turns.append(Turn("user"))
            following = turns[number + 1]
            results, rest = _take_results(following.parts, ids)
            following.parts = [*results, *_without_orphans(rest)]
            number += 1
        number += 1


def _take_results(parts: Sequence[Part], ids: Sequence[str]) -> tuple[list[Part], list[Part]]:
    """One result for each call, in call order, and the parts that are left."""
    rest = list(parts)
    results: list[Part] = []
    for call_id in ids:
        place = next(
            (
                n
                for n, part in enumerate(rest)
                if isinstance(part, ToolResult) and part.call_id == call_id
            ),
            None,
        )
        if place is None:
            missing = (Text(_MISSING_RESULT),)
            results.append(ToolResult(call_id, missing, is_error=True, is_plain=True))
        else:
            results.append(rest.pop(place))
    return results, rest


def _without_orphans(parts: Sequence[Part]) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, ToolResult):
            told = [inner for inner in part.parts if not _is_blank(inner)]
            kept.extend(told or [Text(f"[result of {part.call_id}]")])
        else:
            kept.append(part)
    return kept


def _trim_prefill(turns: Sequence[Turn]) -> None:
    """The API refuses a last assistant turn that ends in white space."""
    if not turns or turns[-1].role != "assistant" or not turns[-1].parts:
        return
    last = turns[-1].parts[-1]
    if isinstance(last, Text):
        turns[-1].parts[-1] = replace(last, text=last.text.rstrip())
