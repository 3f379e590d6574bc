"""A whole message from its events.

Rules: an answer that failed or did not end is no answer, its error is raised; every field that a
client may read without looking is there, also when it is null; `input` is an object, whatever the
model wrote.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.anthropic_messages.citations import encode_citations
from turnout.dialects.anthropic_messages.stop import encode_stop
from turnout.dialects.anthropic_messages.usage import encode_usage
from turnout.dialects.calls import arguments_object
from turnout.dialects.conversation import (
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from turnout.dialects.prefix import digest
from turnout.dialects.reading import raw_fields
from turnout.dialects.seal import seal
from turnout.dialects.stream import AnswerPart, StreamEvent, accumulate_whole
from turnout.dialects.usage import final_usage

_Json = dict[str, object]
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def made_call_id(response_id: str, number: int) -> str:
    """For a call that came without an id: clients refuse an empty one."""
    return "toolu_" + digest(response_id.encode(), str(number).encode())


def opaque_block(part: Opaque) -> _Json | None:
    """A block that only this dialect understands, its values raw; None for those of others."""
    if part.dialect != "anthropic_messages":
        return None
    return dict(_OBJECT.decode(part.json))


def encode_response(
    events: Sequence[StreamEvent], *, response_id: str, model: str, input_estimate: int
) -> bytes:
    """Raises the error that the events end in, `UpstreamFailed` when they do not end."""
    answer, stop = accumulate_whole(events)
    content: list[_Json] = []
    for part in _without_silent_end(answer.parts):
        block = _block(part, response_id, len(content))
        if block is not None:
            content.append(block)
    word = encode_stop(stop, has_calls=answer.has_tool_calls)
    return msgspec.json.encode(
        {
            "id": response_id,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": word,
            "stop_sequence": answer.stop_sequence if word == "stop_sequence" else None,
            "usage": encode_usage(
                final_usage(
                    answer.usage, input_estimate=input_estimate, output_bytes=answer.said_bytes
                )
            ),
        }
    )


def _without_silent_end(parts: Sequence[AnswerPart]) -> Sequence[AnswerPart]:
    """Without reasoning that says nothing behind a text, as Gemini signs its answers: what Claude Code
    prints is the last block.
    """
    end = len(parts)
    while end and isinstance(last := parts[end - 1], Thinking) and not last.text:
        end -= 1
    return parts[:end] if any(isinstance(part, Text) for part in parts[:end]) else parts


def _block(part: AnswerPart, response_id: str, number: int) -> _Json | None:
    match part:
        case Text(text=text, annotations=annotations):
            cited = raw_fields(encode_citations(annotations))
            return {"type": "text", "text": text} | cited if text else None
        case Refusal(text=text):
            return {"type": "text", "text": text} if text else None
        case Thinking():
            return _thinking(part)
        case ToolCall():
            return {
                "type": "tool_use",
                "id": part.call_id or made_call_id(response_id, number),
                "name": part.name,
                "input": arguments_object(part.arguments, is_custom=part.kind == "custom"),
            }
        case Opaque():
            return opaque_block(part)


def _thinking(part: Thinking) -> _Json | None:
    signature = part.signature
    if part.provenance.dialect == "anthropic_messages":
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted}
    elif part.text or signature or part.redacted:
        signature = seal(part.provenance, signature=signature, redacted=part.redacted)
    if not part.text and not signature:
        return None
    return {"type": "thinking", "thinking": part.text, "signature": signature}
