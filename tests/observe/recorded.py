"""A tracer that keeps what it is told: the fake of `observe.spans.Tracer`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.observe.spans import Attributes, Kind, Part, Span, is_sampled

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"


@dataclass(slots=True)
class RecordedSpan:
    """What a service said of one span. `ends` has a moment, or None for now."""

    name: str
    part: Part
    kind: Kind
    parent: str
    links: tuple[str, ...]
    began: float | None
    traceparent: str
    is_recording: bool
    attributes: dict[str, object] = field(default_factory=dict)
    error: str = ""
    ends: list[float | None] = field(default_factory=list)

    def tell(self, attributes: Attributes) -> None:
        assert not self.ends, "nothing is said of a span that has ended"
        self.attributes.update({str(name): value for name, value in attributes.items()})

    def fail(self, error_type: str) -> None:
        assert not self.ends, "nothing is said of a span that has ended"
        self.error = error_type

    def end(self, *, at: float | None = None) -> None:
        self.ends.append(at)


class RecordedTracer:
    """Numbers its spans; samples as the parent was, and what begins a trace."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    def start(
        self,
        name: str,
        *,
        part: Part,
        kind: Kind,
        parent: str,
        links: Sequence[str] = (),
        at: float | None = None,
    ) -> Span:
        is_kept = is_sampled(parent) if parent else True
        trace = parent.split("-")[1] if parent else f"{len(self.spans) + 1:032x}"
        traceparent = f"00-{trace}-{len(self.spans) + 1:016x}-0{int(is_kept)}"
        span = RecordedSpan(name, part, kind, parent, tuple(links), at, traceparent, is_kept)
        self.spans.append(span)
        return span

    def one(self, name: str) -> RecordedSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found
