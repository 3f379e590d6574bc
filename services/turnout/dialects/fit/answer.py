"""An answer of a fitted target in the words of its client: names, kinds of tools, form, stop sequences.

Rules: what was not fitted passes as the very event that came; nothing is held back longer than it
takes to know what it means; the contract of `turnout.dialects.stream` holds for what goes out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from turnout.dialects.fit.custom_tools import TextOfInput
from turnout.dialects.fit.in_object import OutOfObject
from turnout.dialects.stream import (
    Finished,
    OpaqueStarted,
    PartEnded,
    RefusalStarted,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
)


class AnswerFitter:
    """One answer; `back` takes its events in order."""

    __slots__ = ("_custom", "_names", "_object", "_stops", "_texts")

    def __init__(
        self,
        names: Mapping[str, str],
        custom: Collection[str],
        stops: Sequence[str],
        *,
        is_in_object: bool = False,
    ) -> None:
        """`names` from the target's to the client's, `custom` in the client's."""
        self._object = OutOfObject() if is_in_object else None
        self._names = names
        self._custom = custom
        self._texts: dict[int, TextOfInput] = {}
        self._stops = _StopWatch(stops) if stops else None

    def back(self, events: Iterable[StreamEvent]) -> Sequence[StreamEvent]:
        if self._object is not None:
            events = [told for event in events for told in self._object.back(event)]
        named = [told for event in events for told in self._back(event)]
        if self._stops is None:
            return named
        return [told for event in named for told in self._stops.back(event)]

    def _back(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case ToolCallStarted(index=index, name=name):
                known = self._names.get(name, name)
                if known in self._custom and event.kind == "function":
                    self._texts[index] = TextOfInput()
                    yield replace(event, name=known, kind="custom")
                elif known != name:
                    yield replace(event, name=known)
                else:
                    yield event
            case ToolArgumentsDelta(index=index, fragment=fragment) if index in self._texts:
                text = self._texts[index].feed(fragment)
                if text:
                    yield ToolArgumentsDelta(index, text)
            case PartEnded(index=index) if index in self._texts:
                text = self._texts.pop(index).close()
                if text:
                    yield ToolArgumentsDelta(index, text)
                yield event
            case _:
                yield event


class _StopWatch:
    """Ends the answer at a stop sequence for a target that cannot be told of it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held: dict[int, str] = {}
        self._open: set[int] = set()
        self._met: str | None = None

    def back(self, event: StreamEvent) -> Iterator[StreamEvent]:
        if self._met is not None:
            yield from self._behind(event)
            return
        match event:
            case TextDelta(index=index, text=text):
                yield from self._watched(index, text)
                return
            case (
                TextStarted(index=index)
                | RefusalStarted(index=index)
                | ThinkingStarted(index=index)
                | ToolCallStarted(index=index)
                | OpaqueStarted(index=index)
            ):
                self._open.add(index)
            case PartEnded(index=index):
                self._open.discard(index)
                held = self._held.pop(index, "")
                if held:
                    yield TextDelta(index, held)
            case _:
                pass
        yield event

    def _watched(self, index: int, text: str) -> Iterator[StreamEvent]:
        held = self._held.pop(index, "") + text
        found = [(held.index(stop), stop) for stop in self._stops if stop in held]
        if found:
            at, self._met = min(found)
            told = held[:at]
        else:
            kept = max((_overlap(held, stop) for stop in self._stops), default=0)
            told = held[: len(held) - kept]
            if kept:
                self._held[index] = held[len(held) - kept :]
        if told:
            yield TextDelta(index, told)

    def _behind(self, event: StreamEvent) -> Iterator[StreamEvent]:
        """The provider goes on writing; of that only its bill is of interest."""
        match event:
            case PartEnded(index=index) if index in self._open:
                self._open.discard(index)
                yield event
            case StreamStarted() | UsageReported() | StreamFailed():
                yield event
            case Finished():
                for index in sorted(self._open):
                    yield PartEnded(index)
                self._open.clear()
                yield Finished("stop_sequence", self._met)
            case _:
                pass


def _overlap(text: str, stop: str) -> int:
    """How much of the end of `text` is a beginning of `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
