"""Ids of calls that one history gives twice, as ids that stand for one call each.

Some servers begin to count anew in every answer (call_0, call_1, ...), which wires that find a result's
call by its id alone refuse. Rules: the first call keeps its id; the id of a later one is a function of
the history before it, so every replay and every longer history has the same ids again; a result is of
the oldest call that waits for it in the newest answer with that id.
"""

from dataclasses import dataclass, field

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Message, Part, ToolCall, ToolResult


def with_unique_ids(conversation: Conversation) -> Conversation:
    call_ids = [
        part.call_id
        for message in conversation.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    ]
    if len(set(call_ids)) == len(call_ids):
        return conversation
    history = _History()
    return replace(conversation, messages=tuple(map(history.message, conversation.messages)))


@dataclass(slots=True)
class _Calls:
    """Of one id in one answer, by the ids that they go by.

    Attributes:
        answer: number of the answer.
        waiting: calls without a result, oldest first.
        newest: whose result came last, or the last call.
    """

    answer: int
    waiting: list[str] = field(default_factory=list)
    newest: str = ""


class _History:
    """The messages in order, gone through once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._calls: dict[str, _Calls] = {}
        self._answer = 0

    def message(self, message: Message) -> Message:
        if message.role != "assistant":
            # Neighbours are one answer.
            self._answer += 1
        parts = tuple(map(self._part, message.parts))
        return message if parts == message.parts else replace(message, parts=parts)

    def _part(self, part: Part) -> Part:
        match part:
            case ToolCall(call_id=call_id):
                return replace(part, call_id=self._call(call_id))
            case ToolResult(call_id=call_id) if call_id in self._calls:
                calls = self._calls[call_id]
                if calls.waiting:
                    calls.newest = calls.waiting.pop(0)
                return replace(part, call_id=calls.newest)
            case _:
                return part

    def _call(self, call_id: str) -> str:
        unique, number = call_id, 1
        while unique in self._taken:
            number += 1
            unique = f"{call_id}-{number}"
        self._taken.add(unique)
        calls = self._calls.get(call_id)
        if calls is None or calls.answer != self._answer:
            calls = self._calls[call_id] = _Calls(self._answer)
        calls.waiting.append(unique)
        calls.newest = unique
        return unique
