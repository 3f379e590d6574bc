"""Neutral events into a chat stream.

Rules, from what strict clients need: the first chunk carries the role; a tool call begins with its
index, id, type and name and goes on with its index; every stream that ends well has a finish
reason, then the usage chunk for whoever asked, then `[DONE]`; one that does not ends in an error
chunk and nothing else; all chunks carry the same id, time and the name that the client asked for.
"""

from typing import Final, assert_never

import msgspec

from turnout.dialects.calls import made_call_id
from turnout.dialects.openai_chat.answer_order import A_CALL
from turnout.dialects.openai_chat.errors import encode_stream_error
from turnout.dialects.openai_chat.logprobs import encode_annotation, encode_logprobs
from turnout.dialects.openai_chat.reasoning_details import encode_entry
from turnout.dialects.openai_chat.stop import encode_stop
from turnout.dialects.openai_chat.usage import encode_usage
from turnout.dialects.sse import encode_event
from turnout.dialects.stream import (
    AnnotationAdded,
    Finished,
    LogprobsAdded,
    OpaqueStarted,
    PartEnded,
    RefusalDelta,
    RefusalStarted,
    SignatureDelta,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
)
from turnout.dialects.usage import Usage, final_usage

_JSON: Final = msgspec.json.Encoder()


class ChatStreamEncoder:
    """One per answer."""

    def __init__(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        include_usage: bool,
    ) -> None:
        self._response_id = response_id
        head = _JSON.encode(
            {
                "id": response_id,
                "object": "chat.completion.chunk",
                "created": created_at,
                "model": model,
            }
        )
        self._head = head[:-1]
        # While a stream runs, whoever asked for usage is told that there is none yet.
        self._tail = b',"usage":null}' if include_usage else b"}"
        self._include_usage = include_usage
        self._input_estimate = max(1, input_estimate)
        self._output_bytes = 0
        self._usage: Usage | None = None
        self._calls: dict[int, _OpenCall] = {}
        self._thoughts: dict[int, _OpenThought] = {}
        self._thought_count = 0
        # What has begun since the last reasoning that has an entry.
        self._before: list[int] = []
        self._has_refusal = False
        self._begun = False

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta(text=text):
                self._goes_on(len(text))
                return self._text(b"content", text)
            case ToolArgumentsDelta():
                return self._arguments(event)
            case ThinkingDelta():
                return self._thinking(event)
            case RefusalDelta(text=text):
                return self._text(b"refusal", text)
            case ToolCallStarted():
                return self._call(event)
            case PartEnded(index=index):
                return self._part_ended(index)
            case StreamStarted(usage=usage):
                self._usage = usage or self._usage
                return self._begin()
            case UsageReported(usage=usage):
                self._usage = usage
                return b""
            case Finished():
                return self._finish(event)
            case StreamFailed(error=error):
                return encode_stream_error(error)
            case RefusalStarted():
                self._has_refusal = True
                return b""
            case ThinkingStarted():
                self._thoughts[event.index] = _OpenThought(event, tuple(self._before))
                return b""
            case SignatureDelta(index=index, signature=signature):
                self._thoughts[index].signature += signature
                return b""
            case AnnotationAdded(annotation=annotation):
                shown = encode_annotation(annotation)
                return self._chunk(b'{"annotations":[%b]}' % shown) if shown else b""
            case LogprobsAdded(logprobs=logprobs):
                told = _JSON.encode(encode_logprobs(logprobs))
                return self._begin() + self._chunk(b'{"content":""}', logprobs=told)
            case TextStarted():
                self._before.append(0)
                return b""
            case OpaqueStarted():
                # Foreign parts have no place on this wire.
                return b""
            case _:
                assert_never(event)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._chunk(b'{"role":"assistant","content":""}')

    def _text(self, name: bytes, text: str) -> bytes:
        if not text:
            return b""
        encoded = _JSON.encode(text)
        self._output_bytes += len(encoded) - 2
        return self._begin() + self._chunk(b'{"%b":%b}' % (name, encoded))

    def _goes_on(self, length: int) -> None:
        if self._before and self._before[-1] != A_CALL:
            self._before[-1] += length
        else:
            self._before.append(length)

    def _thinking(self, event: ThinkingDelta) -> bytes:
        self._thoughts[event.index].pieces.append(event.text)
        return self._text(b"reasoning_content", event.text)

    def _thought_ended(self, thought: "_OpenThought") -> bytes:
        """What has to come back of it, for clients that send it back."""
        entry = thought.entry(self._thought_count)
        if not entry:
            return b""
        self._thought_count += 1
        del self._before[: len(thought.before)]
        return self._begin() + self._chunk(b'{"reasoning_details":%b}' % entry)

    def _call(self, event: ToolCallStarted) -> bytes:
        self._before.append(A_CALL)
        number = len(self._calls)
        is_custom = event.kind == "custom"
        self._calls[event.index] = _OpenCall(number, is_custom=is_custom)
        call_id = event.call_id or made_call_id(self._response_id, number)
        inner = {"name": event.name, "input" if is_custom else "arguments": ""}
        call = {"index": number, "id": call_id, "type": event.kind, event.kind: inner}
        return self._begin() + self._chunk(_JSON.encode({"tool_calls": [call]}))

    def _arguments(self, event: ToolArgumentsDelta) -> bytes:
        call = self._calls[event.index]
        if not event.fragment:
            return b""
        call.has_arguments = call.has_arguments or bool(event.fragment.strip())
        encoded = _JSON.encode(event.fragment)
        self._output_bytes += len(encoded) - 2
        return self._chunk(call.fragment(encoded))

    def _part_ended(self, index: int) -> bytes:
        thought = self._thoughts.pop(index, None)
        if thought is not None:
            return self._thought_ended(thought)
        call = self._calls.get(index)
        if call is None or call.has_arguments or call.is_custom:
            return b""
        # A call without arguments has an empty object; clients parse what they have joined.
        call.has_arguments = True
        return self._chunk(call.fragment(b'"{}"'))

    def _finish(self, event: Finished) -> bytes:
        begin = self._begin()
        word = encode_stop(event.stop, has_calls=bool(self._calls), has_refusal=self._has_refusal)
        finish = self._chunk(b"{}", finish=b'"%b"' % word.encode())
        usage = b""
        if self._include_usage:
            report = _JSON.encode(
                encode_usage(
                    final_usage(
                        self._usage,
                        input_estimate=self._input_estimate,
                        output_bytes=self._output_bytes,
                    )
                )
            )
            usage = encode_event(None, b'%b,"choices":[],"usage":%b}' % (self._head, report))
        return begin + finish + usage + b"data: [DONE]\n\n"

    def _chunk(self, delta: bytes, finish: bytes = b"null", logprobs: bytes = b"null") -> bytes:
        return (
            b'data: %b,"choices":[{"index":0,"delta":%b,"logprobs":%b,"finish_reason":%b}]%b\n\n'
            % (self._head, delta, logprobs, finish, self._tail)
        )


class _OpenThought:
    __slots__ = ("_opening", "before", "pieces", "signature")

    def __init__(self, opening: ThinkingStarted, before: tuple[int, ...]) -> None:
        self._opening = opening
        self.before = before
        self.pieces: list[str] = []
        self.signature = ""

    def entry(self, number: int) -> bytes:
        return encode_entry(
            self._opening.provenance,
            text="".join(self.pieces),
            signature=self.signature,
            redacted=self._opening.redacted,
            index=number,
            before=self.before,
        )


class _OpenCall:
    __slots__ = ("has_arguments", "is_custom", "number")

    def __init__(self, number: int, *, is_custom: bool) -> None:
        self.number = number
        self.is_custom = is_custom
        self.has_arguments = False

    def fragment(self, encoded: bytes) -> bytes:
        if self.is_custom:
            return b'{"tool_calls":[{"index":%d,"custom":{"input":%b}}]}' % (self.number, encoded)
        return b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (self.number, encoded)
