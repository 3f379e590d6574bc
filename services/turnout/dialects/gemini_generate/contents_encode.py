"""A neutral history as contents.

Rules, from what the API insists on: roles alternate, so neighbours of one role are joined; the results
of an answer's calls follow it at once, one for each call, in the order of the calls and in a content
of their own; a call whose result is missing gets one that says so, a result whose call is gone is told
as text of the user; system messages in front are the system instruction, one in the middle stays at
its place as marked text of the user. Images in results go inside them where the model takes that, else
beside them. The same history gives the same bytes, and one more message leaves those before it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    Message,
    Part,
    Text,
    ToolCall,
    ToolResult,
    joined_text,
)
from turnout.dialects.gemini_generate.parts_encode import Json, PartEncoder
from turnout.dialects.reading import raw_fields
from turnout.dialects.reminder import reminder

NO_RESULT: Final = "(no result)"
"""For a call that the history leaves without one."""


@dataclass(slots=True)
class _Turn:
    role: Literal["user", "model"]
    parts: list[Part] = field(default_factory=list)
    extras: Fields = ()
    are_results: bool = False


def encode_contents(
    conversation: Conversation, *, model: str, has: Capabilities
) -> tuple[Json | None, list[Json]]:
    """The system instruction, None without one, and the contents."""
    own = conversation.dialect == "gemini_generate"
    encoder = PartEncoder(conversation, model=model, has=has)
    leading = _leading_system(conversation.messages, own=own)
    system = _system(conversation.messages[:leading], encoder, own=own)
    rest = conversation.messages[leading:]
    turns = _own_turns(rest) if own else _arranged(rest)
    contents: list[Json] = []
    for turn in turns:
        parts = encoder.parts(turn.parts, is_answer=turn.role == "model")
        if parts or own:
            content: Json = {"role": turn.role, "parts": parts}
            contents.append(content | raw_fields(turn.extras) if turn.extras else content)
    return system, contents


def _leading_system(messages: Sequence[Message], *, own: bool) -> int:
    """How many messages at the front are the system prompt; at least one message is left over."""
    count = next((n for n, m in enumerate(messages) if m.role != "system"), len(messages))
    return count if own else min(count, len(messages) - 1)


def _system(messages: Sequence[Message], encoder: PartEncoder, *, own: bool) -> Json | None:
    parts: list[Json] = []
    extras: Fields = ()
    for message in messages:
        if own:
            parts += encoder.parts(message.parts, is_answer=False)
            extras = message.extras
        else:
            text = joined_text(message.parts)
            if text.strip():
                parts.append({"text": text})
    return {"parts": parts} | raw_fields(extras) if parts else None


def _own_turns(messages: Sequence[Message]) -> list[_Turn]:
    """As the client arranged them."""
    turns: list[_Turn] = []
    for message in messages:
        role: Literal["user", "model"] = "model" if message.role == "assistant" else "user"
        parts = list(reminder(message.parts)) if message.role == "system" else list(message.parts)
        turns.append(_Turn(role, parts, message.extras))
    return turns


def _arranged(messages: Sequence[Message]) -> list[_Turn]:
    turns: list[_Turn] = []
    waiting: list[ToolCall] = []
    results: dict[str, ToolResult] = {}
    held: list[Part] = []

    def end_step() -> None:
        """Put the results of the answer before, and what the user said among them."""
        nonlocal waiting, results, held
        if waiting:
            parts = [results.get(call.call_id) or _missing(call) for call in waiting]
            turns.append(_Turn("user", list(parts), are_results=True))
        _add(turns, "user", held)
        waiting, results, held = [], {}, []

    for message in messages:
        match message.role:
            case "assistant":
                # Neighbours are one answer, with the results of all its calls behind it.
                if results or held:
                    end_step()
                _add(turns, "model", message.parts)
                waiting = [part for part in turns[-1].parts if isinstance(part, ToolCall)]
            case "system":
                held += reminder(message.parts)
            case "user":
                for part in message.parts:
                    if not isinstance(part, ToolResult):
                        held.append(part)
                    elif part.call_id not in results and _is_awaited(part, waiting):
                        results[part.call_id] = part
                    else:
                        held += _orphan(part)
    end_step()
    return [turn for turn in turns if turn.parts]


def _add(turns: list[_Turn], role: Literal["user", "model"], parts: Sequence[Part]) -> None:
    """Join to the turn before where that has the same role and holds no results."""
    if turns and turns[-1].role == role and not turns[-1].are_results:
        turns[-1].parts += parts
    elif parts or role == "model":
        turns.append(_Turn(role, list(parts)))


def _is_awaited(result: ToolResult, waiting: Sequence[ToolCall]) -> bool:
    return any(call.call_id == result.call_id for call in waiting)


def _missing(call: ToolCall) -> ToolResult:
    return ToolResult(call.call_id, (Text(NO_RESULT),), is_plain=True)


def _orphan(result: ToolResult) -> list[Part]:
    rest = [part for part in result.parts if not isinstance(part, Text)]
    note = f"[result of {result.call_id}] {joined_text(result.parts)}".rstrip()
    return [Text(note), *rest]
