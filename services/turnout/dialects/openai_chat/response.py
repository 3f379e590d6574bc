"""A whole chat answer from its events.

Rules: an answer that failed or did not end is no answer, its error is raised; every field that a
client may read without looking is there, also when it is null.
"""

from collections.abc import Sequence

import msgspec

from turnout.dialects.calls import made_call_id
from turnout.dialects.conversation import Opaque, Refusal, Text, Thinking, ToolCall
from turnout.dialects.openai_chat.answer_order import A_CALL
from turnout.dialects.openai_chat.logprobs import encode_annotation, encode_logprobs
from turnout.dialects.openai_chat.reasoning_details import FIELD as DETAILS
from turnout.dialects.openai_chat.reasoning_details import encode_entry
from turnout.dialects.openai_chat.stop import encode_stop
from turnout.dialects.openai_chat.usage import encode_usage
from turnout.dialects.stream import Answer, StreamEvent, accumulate_whole
from turnout.dialects.usage import final_usage

_Json = dict[str, object]


def encode_response(
    events: Sequence[StreamEvent],
    *,
    response_id: str,
    model: str,
    created_at: int,
    input_estimate: int,
) -> bytes:
    """Raises the error that the events end in, `UpstreamFailed` when they do not end."""
    answer, stop = accumulate_whole(events)
    message = _message(answer, response_id)
    reason = encode_stop(
        stop, has_calls="tool_calls" in message, has_refusal=bool(message["refusal"])
    )
    choice = {"index": 0, "message": message, "logprobs": _logprobs(answer)}
    choice["finish_reason"] = reason
    return msgspec.json.encode(
        {
            "id": response_id,
            "object": "chat.completion",
            "created": created_at,
            "model": model,
            "choices": [choice],
            "usage": encode_usage(
                final_usage(
                    answer.usage, input_estimate=input_estimate, output_bytes=answer.said_bytes
                )
            ),
        }
    )


def _message(answer: Answer, response_id: str) -> _Json:
    texts: list[str] = []
    thoughts: list[str] = []
    details: list[bytes] = []
    annotations: list[bytes] = []
    refusals: list[str] = []
    calls: list[_Json] = []
    before: list[int] = []
    for part in answer.parts:
        match part:
            case Text(text=text):
                texts.append(text)
                before.append(len(text))
                annotations += filter(None, map(encode_annotation, part.annotations))
            case Thinking(text=text):
                thoughts.append(text)
                entry = encode_entry(
                    part.provenance,
                    text=text,
                    signature=part.signature,
                    redacted=part.redacted,
                    index=len(details),
                    before=tuple(before),
                )
                if entry:
                    # Each is a list of its own.
                    details.append(entry[1:-1])
                    before.clear()
            case Refusal(text=text):
                refusals.append(text)
            case ToolCall():
                calls.append(_call(part, response_id, len(calls)))
                before.append(A_CALL)
            case Opaque():
                pass
    message: _Json = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) or None,
    }
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if details:
        message[DETAILS] = msgspec.Raw(b"[%b]" % b",".join(details))
    if annotations:
        message["annotations"] = msgspec.Raw(b"[%b]" % b",".join(annotations))
    if calls:
        message["tool_calls"] = calls
    return message


def _logprobs(answer: Answer) -> object:
    told = [one for part in answer.parts if isinstance(part, Text) for one in part.logprobs]
    return encode_logprobs(told) if told else None


def _call(call: ToolCall, response_id: str, number: int) -> _Json:
    text = "input" if call.kind == "custom" else "arguments"
    return {
        "id": call.call_id or made_call_id(response_id, number),
        "type": call.kind,
        call.kind: {"name": call.name, text: call.arguments},
    }
