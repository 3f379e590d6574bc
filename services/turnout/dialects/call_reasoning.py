"""What stands for reasoning that a target misses in the history and cannot be given.

DeepSeek and Moonshot refuse a message with calls that comes without the reasoning that led to them.
What another model has called has no reasoning of theirs, and is not shown that of its maker.

Rules: only where `Quirks.call_reasoning` says so; a message that has reasoning, or no calls, keeps its
bytes; a request that turns thinking off is left alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.passthrough import DropField, splice
from turnout.dialects.reading import MALFORMED
from turnout.quirks import Quirks

_BLOCK: Final = b'{"type":"thinking","thinking":"%b","signature":""}'


class _Switch(msgspec.Struct):
    type: str | None = None


class _Body(msgspec.Struct):
    messages: msgspec.Raw
    thinking: _Switch | None = None


class _ChatMessage(msgspec.Struct):
    tool_calls: list[msgspec.Raw] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Message(msgspec.Struct):
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw()


class _Block(msgspec.Struct):
    type: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_CHAT_MESSAGE: Final = msgspec.json.Decoder(_ChatMessage)
_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BLOCKS: Final = msgspec.json.Decoder(list[_Block])


def with_stand_ins(body: bytes, quirks: Quirks, *, dialect: Dialect) -> bytes:
    """The very object that came in where nothing is missing, or where the body is none."""
    change: Callable[[bytes], bytes]
    is_blank = quirks.call_reasoning == "blank"
    match dialect, quirks.call_reasoning:
        case "openai_chat", "empty" | "blank":
            change = partial(_chat_message, is_blank=is_blank)
        case "anthropic_messages", "empty" | "blank":
            change = partial(_message, stand_in=_BLOCK % (b" " if is_blank else b""))
        case _:
            return body
    try:
        asked = _BODY.decode(body)
        if asked.thinking is not None and asked.thinking.type == "disabled":
            return body
        messages = [bytes(raw) for raw in _LIST.decode(asked.messages)]
        changed = [change(message) for message in messages]
    except MALFORMED:
        # Its provider's to complain about.
        return body
    if changed == messages:
        return body
    return body.replace(bytes(asked.messages), b"[%b]" % b",".join(changed), 1)


def _chat_message(message: bytes, *, is_blank: bool) -> bytes:
    if b'"tool_calls"' not in message:
        return message
    said = _CHAT_MESSAGE.decode(message)
    told = said.reasoning_content if said.reasoning_content is not None else said.reasoning
    if not said.tool_calls or told or (told is not None and not is_blank):
        return message
    rest = splice(message, (DropField("reasoning_content"),)).lstrip()
    return b'{"reasoning_content":"%b",%b' % (b" " if is_blank else b"", rest[1:])


def _message(message: bytes, *, stand_in: bytes) -> bytes:
    if b'"tool_use"' not in message:
        return message
    said = _MESSAGE.decode(message)
    content = bytes(said.content)
    if said.role != "assistant" or not content.startswith(b"["):
        return message
    kinds = {block.type for block in _BLOCKS.decode(content)}
    if "tool_use" not in kinds or not kinds.isdisjoint({"thinking", "redacted_thinking"}):
        return message
    return message.replace(content, b"[%b,%b" % (stand_in, content[1:]), 1)
