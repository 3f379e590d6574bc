"""Neutral events into a response stream.

Rules, from what strict clients need: `response.created` and `response.in_progress` first; items one
after another, each added, added to and done under one id and one `output_index`; the last event holds
the whole output and full usage. Events of parallel calls may interleave in the neutral stream, and
this wire could say that too; but pi and Codex add every delta to the item that was added last, so the
part that is open goes out as it comes and the others wait for their turn. An item is added with its
first content. A stream that fails ends as `errors` says and in nothing else.

An answer that was cut ends in `response.completed` too, with status `incomplete` and the reason in
the response. `response.incomplete`, which OpenAI sends there, is no end to Codex, which asks for the
same answer five times more, nor to pi, which asks for ever. Both take this form, pi reads the status
and the AI SDK the reason, so who looks sees that the answer was cut.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from turnout.dialects.openai_responses.asked import repeated
from turnout.dialects.openai_responses.errors import failure_events
from turnout.dialects.openai_responses.items_stream import (
    Addition,
    ItemWriter,
    Opening,
    writer_of,
)
from turnout.dialects.openai_responses.numbering import JSON, Numbering
from turnout.dialects.openai_responses.output import (
    Json,
    Status,
    item_id,
    message_item,
    response_object,
    text_part,
)
from turnout.dialects.openai_responses.stop import IncompleteReason, encode_stop
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
from turnout.errors import TurnoutError


class _Part:
    """A part of the answer: what has been said of it, and its writer once it has its turn."""

    __slots__ = ("additions", "has_ended", "opening", "writer")

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.additions: list[Addition] = []
        self.has_ended = False
        self.writer: ItemWriter | None = None


class ResponsesStreamEncoder:
    """One per answer."""

    def __init__(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        asked: bytes,
        clock: Callable[[], float] | None,
    ) -> None:
        self._response_id = response_id
        self._model = model
        self._created_at = created_at
        self._input_estimate = input_estimate
        self._asked = repeated(asked)
        self._clock = clock
        self._numbering = Numbering()
        self._parts: dict[int, _Part] = {}
        self._output: list[Json] = []
        self._has_refusal = False
        self._usage: Usage | None = None
        self._begun = False

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case (
                TextDelta()
                | ToolArgumentsDelta()
                | ThinkingDelta()
                | RefusalDelta()
                | SignatureDelta()
                | AnnotationAdded()
                | LogprobsAdded()
            ):
                return self._add(event)
            case (
                TextStarted()
                | ThinkingStarted()
                | ToolCallStarted()
                | RefusalStarted()
                | OpaqueStarted()
            ):
                self._parts[event.index] = _Part(event)
                return self._begin() + self._advance()
            case PartEnded(index=index):
                part = self._parts.get(index)
                if part is not None:
                    part.has_ended = True
                return self._advance()
            case StreamStarted(usage=usage):
                self._usage = usage
                return self._begin()
            case UsageReported(usage=usage):
                self._usage = usage
                return b""
            case Finished():
                return self._finish(event)
            case StreamFailed(error=error):
                return self._fail(error)
            case _:
                assert_never(event)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        # Tools and instructions are long: they are encoded once for both events.
        response = msgspec.Raw(JSON.encode(self._response("in_progress")))
        return self._numbering.event(
            "response.created", {"response": response}
        ) + self._numbering.event("response.in_progress", {"response": response})

    def _response(self, status: Status, reason: IncompleteReason | None = None) -> Json:
        is_over = status != "in_progress"
        return response_object(
            response_id=self._response_id,
            model=self._model,
            created_at=self._created_at,
            completed_at=self._now() if status == "completed" else None,
            status=status,
            asked=self._asked,
            output=self._output if is_over else (),
            reason=reason,
            usage=self._final_usage() if is_over else None,
        )

    def _now(self) -> int:
        return self._created_at if self._clock is None else int(self._clock())

    def _final_usage(self) -> Usage:
        return final_usage(
            self._usage,
            input_estimate=self._input_estimate,
            output_bytes=self._numbering.output_bytes,
        )

    def _add(self, event: Addition) -> bytes:
        part = self._parts[event.index]
        if isinstance(event, RefusalDelta) and event.text:
            self._has_refusal = True
        if part.writer is not None:
            return part.writer.add(event)
        part.additions.append(event)
        return b""

    def _advance(self, status: Status = "completed") -> bytes:
        """Let out whatever has its turn now: parts go in the order in which they began."""
        out: list[bytes] = []
        while self._parts:
            index, part = next(iter(self._parts.items()))
            if part.writer is None:
                part.writer = writer_of(
                    part.opening,
                    self._numbering,
                    response_id=self._response_id,
                    number=len(self._output),
                )
                out.append(part.writer.begin())
                waiting, part.additions = part.additions, []
                out.extend(part.writer.add(event) for event in waiting)
            if not part.has_ended and status == "completed":
                break
            out.append(part.writer.end("completed" if part.has_ended else status))
            if part.writer.item is not None:
                self._output.append(part.writer.item)
            del self._parts[index]
        return b"".join(out)

    def _finish(self, event: Finished) -> bytes:
        out = self._begin()
        reason = encode_stop(event.stop, has_refusal=self._has_refusal)
        status: Status = "completed" if reason is None else "incomplete"
        for part in self._parts.values():
            part.has_ended = part.has_ended or reason is None
        out += self._advance(status)
        if not self._output:
            out += self._nothing_said(status)
        response = self._response(status, reason)
        return out + self._numbering.event("response.completed", {"response": response})

    def _nothing_said(self, status: Status) -> bytes:
        """An empty message: clients read the first item without looking whether there is one."""
        part_id = item_id("msg", self._response_id, 0)
        part = text_part("", (), ())
        place: Json = {"item_id": part_id, "output_index": 0, "content_index": 0}
        item = message_item(part_id, [part], status)
        events: list[tuple[str, Json]] = [
            ("output_item.added", {"item": message_item(part_id, [], "in_progress")}),
            ("content_part.added", place | {"part": part}),
            ("output_text.done", place | {"text": "", "logprobs": []}),
            ("content_part.done", place | {"part": part}),
            ("output_item.done", {"item": item}),
        ]
        self._output.append(item)
        return b"".join(
            self._numbering.event(f"response.{name}", {"output_index": 0} | fields)
            for name, fields in events
        )

    def _fail(self, error: TurnoutError) -> bytes:
        return failure_events(
            error,
            sequence_number=self._numbering.next_number,
            response_id=self._response_id,
            model=self._model,
            created_at=self._created_at,
            asked=self._asked,
        )
