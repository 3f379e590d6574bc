"""One output item of an upstream's answer, as neutral parts.

Rules: what streams is passed on as it comes; what an item holds beyond that when it is done is made
up for then, so a server may leave out any event but one that holds the whole item; a part is opened
with its first content; a search that the client runs, and everything that is nobody else's, is told
when it is whole. Reasoning is told with its seal: in front where nothing has streamed, else behind.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from turnout.dialects.calls import text_of
from turnout.dialects.conversation import Opaque, Provenance, Thinking, ToolKind
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, joined_name
from turnout.dialects.openai_responses.wire import (
    WireItem,
    WireLogprob,
    WirePart,
    decode_annotation,
    decode_logprobs,
    decode_parts,
)
from turnout.dialects.prefix import digest
from turnout.dialects.seal import unseal
from turnout.dialects.stream import (
    AnnotationAdded,
    LogprobsAdded,
    OpaqueStarted,
    PartEnded,
    RefusalDelta,
    RefusalStarted,
    SignatureDelta,
    StreamEvent,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
)


class Told:
    """What the answer's items have told so far, and the numbers of their parts."""

    __slots__ = ("events", "has_calls", "has_refusal", "model", "next_index", "response_id")

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.next_index = 0
        self.has_calls = False
        self.has_refusal = False
        self.model = ""
        self.response_id = ""

    def take_index(self) -> int:
        index = self.next_index
        self.next_index += 1
        return index


class ReadItem(Protocol):
    """Attributes:
    kind: the wire's type name.
    call_id: "" where it is no call.
    is_done: all of it has been told.
    """

    kind: str
    call_id: str
    is_done: bool

    def done(self, item: WireItem, raw: bytes) -> None: ...
    def end(self) -> None: ...


def reader_of(item: WireItem, told: Told) -> ReadItem:
    match item.type:
        case "message":
            return MessageReader(told)
        case "reasoning":
            return ReasoningReader(told, item)
        case "function_call" | "custom_tool_call" as kind:
            reader = CallReader(told, "custom" if kind == "custom_tool_call" else "function")
            reader.name_it(item)
            return reader
        case "tool_search_call" if item.execution == "client" and item.call_id:
            return SearchReader(told, item.call_id)
        case kind:
            return OpaqueReader(told, kind or "")


class _Content:
    """A content part of a message."""

    __slots__ = ("annotations", "has_logprobs", "index", "is_open", "is_refusal", "pieces")

    def __init__(self, index: int, *, is_refusal: bool) -> None:
        self.index = index
        self.is_refusal = is_refusal
        self.is_open = True
        self.pieces: list[str] = []
        self.annotations = 0
        self.has_logprobs = False


class MessageReader:
    kind = "message"
    call_id = ""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._contents: dict[int, _Content] = {}
        self.is_done = False

    def text(self, number: int, text: str, logprobs: Sequence[WireLogprob]) -> None:
        if not text and not logprobs:
            return
        content = self._content(number, is_refusal=False)
        if content is None:
            return
        if text:
            content.pieces.append(text)
            self._told.events.append(TextDelta(content.index, text))
        decoded = decode_logprobs(logprobs)
        if decoded:
            content.has_logprobs = True
            self._told.events.append(LogprobsAdded(content.index, decoded))

    def refusal(self, number: int, text: str) -> None:
        content = self._content(number, is_refusal=True) if text else None
        if content is not None:
            content.pieces.append(text)
            self._told.events.append(RefusalDelta(content.index, text))

    def annotate(self, number: int, raw: msgspec.Raw) -> None:
        content = self._content(number, is_refusal=False)
        if content is not None:
            content.annotations += 1
            self._told.events.append(AnnotationAdded(content.index, decode_annotation(raw)))

    def part_done(self, number: int, part: WirePart) -> None:
        """Tell what has not streamed of a part, and end it."""
        known = self._contents.get(number)
        said = "" if known is None else "".join(known.pieces)
        if part.type == "refusal":
            self.refusal(number, _beyond(said, part.refusal or ""))
        elif part.text is not None:
            has_logprobs = known is not None and known.has_logprobs
            self.text(number, _beyond(said, part.text), () if has_logprobs else part.logprobs or ())
            told = 0 if known is None else known.annotations
            for raw in (part.annotations or [])[told:]:
                self.annotate(number, raw)
        self._end(number)

    def done(self, item: WireItem, raw: bytes) -> None:
        del raw
        for number, part in enumerate(decode_parts(item.content)):
            self.part_done(number, part)
        self.end()

    def end(self) -> None:
        for number in self._contents:
            self._end(number)
        self.is_done = True

    def _content(self, number: int, *, is_refusal: bool) -> _Content | None:
        """None where nothing can be added any more."""
        content = self._contents.get(number)
        if content is None:
            index = self._told.take_index()
            content = self._contents[number] = _Content(index, is_refusal=is_refusal)
            if is_refusal:
                self._told.has_refusal = True
                self._told.events.append(RefusalStarted(index))
            else:
                self._told.events.append(TextStarted(index))
        return content if content.is_open and content.is_refusal == is_refusal else None

    def _end(self, number: int) -> None:
        content = self._contents.get(number)
        if content is not None and content.is_open:
            content.is_open = False
            self._told.events.append(PartEnded(content.index))


class ReasoningReader:
    kind = "reasoning"
    call_id = ""

    def __init__(self, told: Told, item: WireItem) -> None:
        self._told = told
        self._index = -1
        self._is_summary = False
        self._last_part = 0
        self._pieces: list[str] = []
        self._foreign = unseal("", item.encrypted_content or "")
        self.is_done = False

    def text(self, part: int, text: str, *, is_summary: bool) -> None:
        """A piece of the summary, or of the reasoning itself where a server shows it."""
        if not text or self.is_done:
            return
        if self._index < 0:
            self._is_summary = is_summary
            self._start("")
        elif is_summary != self._is_summary:
            # The same in other words.
            return
        elif part != self._last_part:
            text = f"\n\n{text}"
        self._last_part = part
        self._pieces.append(text)
        self._told.events.append(ThinkingDelta(self._index, text))

    def _start(self, redacted: str) -> None:
        self._index = self._told.take_index()
        made_by = (
            Provenance("openai_responses", self._told.model)
            if self._foreign is None
            else self._foreign.provenance
        )
        self._told.events.append(
            ThinkingStarted(
                self._index,
                made_by,
                redacted=redacted,
                # What Turnout has sealed for a client further up is what somebody else has made.
                is_summary=self._is_summary and self._foreign is None,
            )
        )

    def done(self, item: WireItem, raw: bytes) -> None:
        del raw
        if self.is_done:
            return
        sealed = item.encrypted_content or ""
        shown = _joined(decode_parts(item.summary))
        text = shown or _joined(decode_parts(item.content))
        self._foreign = unseal("", sealed) or self._foreign
        if self._index < 0:
            if not text and not sealed:
                self.is_done = True
                return
            self._is_summary = bool(shown)
            self._start(sealed if self._foreign is None else self._foreign.redacted)
            self._seal(text, _signature(self._foreign))
        else:
            told = "".join(self._pieces)
            behind = sealed if self._foreign is None else _whole_seal(self._foreign)
            self._seal(_beyond(told, text), behind)
        self.end()

    def _seal(self, text: str, signature: str) -> None:
        if text:
            self._told.events.append(ThinkingDelta(self._index, text))
        if signature:
            self._told.events.append(SignatureDelta(self._index, signature))

    def end(self) -> None:
        if self._index >= 0 and not self.is_done:
            self._told.events.append(PartEnded(self._index))
        self.is_done = True


class CallReader:
    """Starts when its name is known: without one it is no call."""

    def __init__(self, told: Told, kind: ToolKind) -> None:
        self._told = told
        self._kind: ToolKind = kind
        self.kind = "custom_tool_call" if kind == "custom" else "function_call"
        self.call_id = ""
        self.is_done = False
        self._index = -1
        self._pieces: list[str] = []

    def name_it(self, item: WireItem) -> None:
        self.call_id = self.call_id or item.call_id or ""
        if self._index >= 0 or not item.name:
            return
        self._told.has_calls = True
        self._index = self._told.take_index()
        name = joined_name(item.namespace or "", item.name) if item.namespace else item.name
        self.call_id = self.call_id or self._made_id(name)
        self._told.events.append(ToolCallStarted(self._index, self.call_id, name, kind=self._kind))
        if self._pieces:
            fragment = "".join(self._pieces)
            self._told.events.append(ToolArgumentsDelta(self._index, fragment))

    def _made_id(self, name: str) -> str:
        """An id where the server gave none: the same for the same answer, and not for others."""
        parts = (self._told.response_id, name, str(self._index))
        return "call_" + digest(*(part.encode() for part in parts))

    def arguments(self, fragment: str) -> None:
        if not fragment or self.is_done:
            return
        self._pieces.append(fragment)
        if self._index >= 0:
            self._told.events.append(ToolArgumentsDelta(self._index, fragment))

    def whole(self, text: str) -> None:
        """Make up for what has not streamed."""
        self.arguments(_beyond("".join(self._pieces), text))

    def done(self, item: WireItem, raw: bytes) -> None:
        del raw
        if not self.is_done:
            self.name_it(item)
            self.whole(text_of(item.input if self._kind == "custom" else item.arguments))
            self.end()

    def end(self) -> None:
        if self._index >= 0 and not self.is_done:
            self._told.events.append(PartEnded(self._index))
        self.is_done = True


class SearchReader:
    kind = "tool_search_call"

    def __init__(self, told: Told, call_id: str) -> None:
        self._told = told
        self.call_id = call_id
        self.is_done = False

    def done(self, item: WireItem, raw: bytes) -> None:
        del raw
        if self.is_done:
            return
        self.is_done = True
        self._told.has_calls = True
        index = self._told.take_index()
        self._told.events += (
            ToolCallStarted(index, self.call_id, TOOL_SEARCH),
            ToolArgumentsDelta(index, text_of(item.arguments) or "{}"),
            PartEnded(index),
        )

    def end(self) -> None:
        self.is_done = True


class OpaqueReader:
    call_id = ""

    def __init__(self, told: Told, kind: str) -> None:
        self._told = told
        self.kind = kind
        self.is_done = False

    def done(self, item: WireItem, raw: bytes) -> None:
        del item
        if self.is_done or not self.kind:
            return
        self.is_done = True
        index = self._told.take_index()
        part = Opaque("openai_responses", self.kind, raw.decode("utf-8", "replace"))
        self._told.events += (OpaqueStarted(index, part), PartEnded(index))

    def end(self) -> None:
        self.is_done = True


def _beyond(said: str, whole: str) -> str:
    """What of the whole has not been said; nothing where it says something else."""
    return whole[len(said) :] if whole.startswith(said) else ""


def _joined(parts: Sequence[WirePart]) -> str:
    return "\n\n".join(part.text for part in parts if part.text)


def _signature(foreign: Thinking | None) -> str:
    return "" if foreign is None else foreign.signature


def _whole_seal(foreign: Thinking) -> str:
    return foreign.signature or foreign.redacted
