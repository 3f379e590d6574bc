"""A whole answer from its events.

Rules: an answer that failed or did not end is no answer, its error is raised; neighbouring texts stay
parts of their own, because clients join them anyway.
"""

from collections.abc import Sequence

import msgspec

from turnout.dialects.conversation import Opaque, Refusal, Text, Thinking, TokenLogprob, ToolCall
from turnout.dialects.gemini_generate.answer import PartWriter
from turnout.dialects.gemini_generate.grounding import GroundingEncoder, encode_logprobs
from turnout.dialects.gemini_generate.parts_encode import Json
from turnout.dialects.gemini_generate.stop import encode_stop
from turnout.dialects.gemini_generate.usage import encode_usage
from turnout.dialects.stream import Answer, StreamEvent, accumulate_whole
from turnout.dialects.usage import final_usage


def encode_response(
    events: Sequence[StreamEvent], *, response_id: str, model: str, input_estimate: int
) -> bytes:
    """Raises the error that the events end in, `UpstreamFailed` when they do not end."""
    answer, stop = accumulate_whole(events)
    grounding = GroundingEncoder()
    parts = _parts(answer, response_id, grounding)
    has_refusal = any(isinstance(part, Refusal) for part in answer.parts)
    logprobs: list[TokenLogprob] = []
    for part in answer.parts:
        if isinstance(part, Text):
            logprobs += part.logprobs
    candidate: Json = {}
    if parts:
        candidate["content"] = {"parts": [msgspec.Raw(part) for part in parts], "role": "model"}
    candidate["finishReason"] = encode_stop(stop, has_refusal=has_refusal)
    candidate |= grounding.fields() | encode_logprobs(logprobs)
    candidate["index"] = 0
    return msgspec.json.encode(
        {
            "candidates": [candidate],
            "usageMetadata": encode_usage(
                final_usage(
                    answer.usage, input_estimate=input_estimate, output_bytes=answer.said_bytes
                )
            ),
            "modelVersion": model,
            "responseId": response_id,
        }
    )


def _parts(answer: Answer, response_id: str, grounding: GroundingEncoder) -> list[bytes]:
    writer = PartWriter(response_id)
    written: list[bytes] = []
    before = ""
    for part in answer.parts:
        match part:
            case Text(text=text) | Refusal(text=text):
                if text:
                    written.append(writer.text(text))
                if isinstance(part, Text):
                    grounding.add(part.annotations, text, before=before)
                before += text
            case Thinking(text=text):
                if text:
                    written.append(writer.thought(text, part, is_first=True))
                writer.think(part)
            case ToolCall():
                is_custom = part.kind == "custom"
                written.append(
                    writer.call(part.call_id, part.name, part.arguments, is_custom=is_custom)
                )
            case Opaque():
                if part.dialect == "gemini_generate":
                    written.append(part.json.encode())
    return written + writer.rest()
