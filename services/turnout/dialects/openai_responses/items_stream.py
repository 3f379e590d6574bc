"""One output item of a stream: its events from `added` to `done`.

Rules: a writer is opened with its first content and closed once; what it has said is what `done` and
the final response repeat; a call is opened at once, because clients show it; its arguments go out as
they come, except those of a search, which this wire knows whole only.
"""

from typing import Protocol, TypeAlias

from turnout.dialects.conversation import Annotation, Opaque, Thinking, TokenLogprob
from turnout.dialects.openai_responses.numbering import JSON, Numbering, PreparedDelta
from turnout.dialects.openai_responses.output import (
    Json,
    Status,
    call_item,
    encode_annotation,
    encode_logprobs,
    item_id,
    message_item,
    opaque_item,
    reasoning_item,
    refusal_part,
    seal_of,
    text_part,
)
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH
from turnout.dialects.seal import seal
from turnout.dialects.stream import (
    AnnotationAdded,
    LogprobsAdded,
    OpaqueStarted,
    RefusalDelta,
    RefusalStarted,
    SignatureDelta,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
)

Opening: TypeAlias = (
    TextStarted | RefusalStarted | ThinkingStarted | ToolCallStarted | OpaqueStarted
)
Addition: TypeAlias = (
    TextDelta
    | RefusalDelta
    | ThinkingDelta
    | SignatureDelta
    | ToolArgumentsDelta
    | AnnotationAdded
    | LogprobsAdded
)


class ItemWriter(Protocol):
    """Attributes:
    item: the item as `done` has told it; None as long as it has not, and when there was nothing.
    """

    item: Json | None

    def begin(self) -> bytes: ...
    def add(self, event: Addition) -> bytes: ...
    def end(self, status: Status) -> bytes: ...


def writer_of(
    opening: Opening, numbering: Numbering, *, response_id: str, number: int
) -> ItemWriter:
    match opening:
        case TextStarted():
            return _TextWriter(numbering, response_id, number)
        case RefusalStarted():
            return _RefusalWriter(numbering, response_id, number)
        case ThinkingStarted():
            return _ReasoningWriter(opening, numbering, response_id, number)
        case ToolCallStarted(name=name, kind="function") if name == TOOL_SEARCH:
            return _SearchWriter(opening, numbering, response_id, number)
        case ToolCallStarted():
            return _CallWriter(opening, numbering, response_id, number)
        case OpaqueStarted(part=part):
            return _OpaqueWriter(part, numbering, number)


class _Writer:
    """What all items have in common: where they stand and what begins and ends them."""

    __slots__ = ("item", "numbering", "place")

    def __init__(self, numbering: Numbering, number: int) -> None:
        self.numbering = numbering
        self.place: Json = {"output_index": number}
        self.item: Json | None = None

    def _added(self, item: Json) -> bytes:
        return self.numbering.event("response.output_item.added", self.place | {"item": item})

    def _done(self, item: Json) -> bytes:
        self.item = item
        return self.numbering.event("response.output_item.done", self.place | {"item": item})


class _TextWriter(_Writer):
    __slots__ = ("_annotations", "_delta", "_id", "_logprobs", "_pieces", "_place", "_untold")

    def __init__(self, numbering: Numbering, response_id: str, number: int) -> None:
        super().__init__(numbering, number)
        self._id = item_id("msg", response_id, number)
        self._place: Json = {"item_id": self._id, "output_index": number, "content_index": 0}
        self._delta: PreparedDelta | None = None
        self._pieces: list[str] = []
        self._annotations: list[Json] = []
        self._logprobs: list[TokenLogprob] = []
        self._untold: list[TokenLogprob] = []

    def begin(self) -> bytes:
        return b""

    def add(self, event: Addition) -> bytes:
        match event:
            case TextDelta(text=text) if text:
                return self._text(text)
            case LogprobsAdded(logprobs=logprobs):
                # They go with the next piece of text; `done` has them all.
                self._logprobs += logprobs
                self._untold += logprobs
                return b""
            case AnnotationAdded(annotation=annotation):
                return self._annotate(annotation)
            case _:
                return b""

    def _text(self, text: str) -> bytes:
        delta = self._delta
        if delta is None:
            opened = self._open()
            return opened + self._text(text)
        self._pieces.append(text)
        if not self._untold:
            return self.numbering.delta(delta, text)
        untold, self._untold = self._untold, []
        return self.numbering.delta(delta, text, JSON.encode(encode_logprobs(untold)))

    def _open(self) -> bytes:
        self._delta = PreparedDelta("response.output_text.delta", self._place, has_logprobs=True)
        return self._added(message_item(self._id, [], "in_progress")) + self.numbering.event(
            "response.content_part.added", self._place | {"part": text_part("", (), ())}
        )

    def _annotate(self, annotation: Annotation) -> bytes:
        shown = encode_annotation(annotation, length=sum(map(len, self._pieces)))
        if shown is None:
            return b""
        opened = b"" if self._delta is not None else self._open()
        number = len(self._annotations)
        self._annotations.append(shown)
        fields = self._place | {"annotation_index": number, "annotation": shown}
        return opened + self.numbering.event("response.output_text.annotation.added", fields)

    def end(self, status: Status) -> bytes:
        if self._delta is None:
            return b""
        text = "".join(self._pieces)
        part = text_part(text, self._annotations, self._logprobs)
        done: Json = {"text": text, "logprobs": part["logprobs"]}
        return (
            self.numbering.event("response.output_text.done", self._place | done)
            + self.numbering.event("response.content_part.done", self._place | {"part": part})
            + self._done(message_item(self._id, [part], status))
        )


class _RefusalWriter(_Writer):
    __slots__ = ("_delta", "_id", "_pieces", "_place")

    def __init__(self, numbering: Numbering, response_id: str, number: int) -> None:
        super().__init__(numbering, number)
        self._id = item_id("msg", response_id, number)
        self._place: Json = {"item_id": self._id, "output_index": number, "content_index": 0}
        self._delta: PreparedDelta | None = None
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        return b""

    def add(self, event: Addition) -> bytes:
        if not isinstance(event, RefusalDelta) or not event.text:
            return b""
        opened = b""
        if self._delta is None:
            self._delta = PreparedDelta("response.refusal.delta", self._place, has_logprobs=False)
            opened = self._added(message_item(self._id, [], "in_progress")) + self.numbering.event(
                "response.content_part.added", self._place | {"part": refusal_part("")}
            )
        self._pieces.append(event.text)
        return opened + self.numbering.delta(self._delta, event.text)

    def end(self, status: Status) -> bytes:
        if self._delta is None:
            return b""
        text = "".join(self._pieces)
        part = refusal_part(text)
        return (
            self.numbering.event("response.refusal.done", self._place | {"refusal": text})
            + self.numbering.event("response.content_part.done", self._place | {"part": part})
            + self._done(message_item(self._id, [part], status))
        )


class _ReasoningWriter(_Writer):
    __slots__ = ("_delta", "_id", "_is_open", "_opening", "_pieces", "_place", "_signature")

    def __init__(
        self, opening: ThinkingStarted, numbering: Numbering, response_id: str, number: int
    ) -> None:
        super().__init__(numbering, number)
        self._opening = opening
        self._id = item_id("rs", response_id, number)
        self._place: Json = {"item_id": self._id, "output_index": number, "summary_index": 0}
        self._is_open = False
        self._delta: PreparedDelta | None = None
        self._pieces: list[str] = []
        self._signature: list[str] = []

    def begin(self) -> bytes:
        return b""

    def add(self, event: Addition) -> bytes:
        match event:
            case ThinkingDelta(text=text) if text:
                return self._text(text)
            case SignatureDelta(signature=signature):
                # It goes out whole, with the item.
                self._signature.append(signature)
                return b""
            case _:
                return b""

    def _text(self, text: str) -> bytes:
        opened = b""
        if self._delta is None:
            self._delta = PreparedDelta(
                "response.reasoning_summary_text.delta", self._place, has_logprobs=False
            )
            part: Json = {"type": "summary_text", "text": ""}
            opened = self._open() + self.numbering.event(
                "response.reasoning_summary_part.added", self._place | {"part": part}
            )
        self._pieces.append(text)
        return opened + self.numbering.delta(self._delta, text)

    def _open(self) -> bytes:
        if self._is_open:
            return b""
        self._is_open = True
        # Whose it is is known from the start, what they have sealed only at the end.
        made_by = self._opening.provenance
        sealed = "" if made_by.dialect == "openai_responses" else seal(made_by)
        return self._added(reasoning_item(self._id, "", sealed))

    def end(self, status: Status) -> bytes:
        del status
        text = "".join(self._pieces)
        thinking = Thinking(
            text,
            self._opening.provenance,
            signature="".join(self._signature),
            redacted=self._opening.redacted,
        )
        sealed = seal_of(thinking)
        if not text and not sealed:
            return b""
        out = self._open()
        if text:
            part: Json = {"type": "summary_text", "text": text}
            out += self.numbering.event(
                "response.reasoning_summary_text.done", self._place | {"text": text}
            ) + self.numbering.event(
                "response.reasoning_summary_part.done", self._place | {"part": part}
            )
        return out + self._done(reasoning_item(self._id, text, sealed))


class _CallWriter(_Writer):
    __slots__ = ("_delta", "_number", "_opening", "_pieces", "_place", "_response_id")

    def __init__(
        self, opening: ToolCallStarted, numbering: Numbering, response_id: str, number: int
    ) -> None:
        super().__init__(numbering, number)
        self._opening = opening
        self._response_id = response_id
        self._number = number
        self._pieces: list[str] = []
        added = self._item("", "in_progress")
        self._place: Json = {"item_id": added["id"], "output_index": number}
        event = (
            "response.custom_tool_call_input.delta"
            if opening.kind == "custom"
            else "response.function_call_arguments.delta"
        )
        self._delta = PreparedDelta(event, self._place, has_logprobs=False)

    def _item(self, arguments: str, status: Status) -> Json:
        return call_item(
            self._number,
            response_id=self._response_id,
            call_id=self._opening.call_id,
            name=self._opening.name,
            arguments=arguments,
            kind=self._opening.kind,
            status=status,
        )

    def begin(self) -> bytes:
        return self._added(self._item("", "in_progress"))

    def add(self, event: Addition) -> bytes:
        if not isinstance(event, ToolArgumentsDelta) or not event.fragment:
            return b""
        self._pieces.append(event.fragment)
        return self.numbering.delta(self._delta, event.fragment)

    def end(self, status: Status) -> bytes:
        text = "".join(self._pieces)
        out = b""
        if self._opening.kind == "custom":
            event, name = "response.custom_tool_call_input.done", "input"
        else:
            event, name = "response.function_call_arguments.done", "arguments"
            if not text.strip():
                # Clients parse the arguments of a function that has none, too.
                out = self.numbering.delta(self._delta, "{}")
                text += "{}"
        return (
            out
            + self.numbering.event(event, self._place | {name: text})
            + self._done(self._item(text, status))
        )


class _SearchWriter(_Writer):
    __slots__ = ("_number", "_opening", "_pieces", "_response_id")

    def __init__(
        self, opening: ToolCallStarted, numbering: Numbering, response_id: str, number: int
    ) -> None:
        super().__init__(numbering, number)
        self._opening = opening
        self._response_id = response_id
        self._number = number
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        return self._added(self._item("", "in_progress"))

    def _item(self, arguments: str, status: Status) -> Json:
        return call_item(
            self._number,
            response_id=self._response_id,
            call_id=self._opening.call_id,
            name=self._opening.name,
            arguments=arguments,
            kind="function",
            status=status,
        )

    def add(self, event: Addition) -> bytes:
        if isinstance(event, ToolArgumentsDelta):
            self._pieces.append(event.fragment)
            self.numbering.output_bytes += len(event.fragment.encode())
        return b""

    def end(self, status: Status) -> bytes:
        return self._done(self._item("".join(self._pieces), status))


class _OpaqueWriter(_Writer):
    __slots__ = ("_shown",)

    def __init__(self, part: Opaque, numbering: Numbering, number: int) -> None:
        super().__init__(numbering, number)
        self._shown = opaque_item(part)

    def begin(self) -> bytes:
        return b"" if self._shown is None else self._added(self._shown)

    def add(self, event: Addition) -> bytes:
        del event
        return b""

    def end(self, status: Status) -> bytes:
        del status
        return b"" if self._shown is None else self._done(self._shown)
