"""Where the time went by the spans of traces: each span's own time, its children's taken out.

Pure. Own times of one trace add up to the time of its first span, where nothing overlaps; work that
goes on after the answer (telemetry's insert) is linked and not below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.figures import Spread
from turnout.observe.trace_dump import ReceivedSpan

NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class SpanTime:
    """All spans of one name in one service, in milliseconds."""

    service: str
    name: str
    spans: int
    whole: Spread
    own: Spread


def by_name(spans: Sequence[ReceivedSpan]) -> list[SpanTime]:
    """The names with the most time of their own first."""
    below: dict[tuple[str, str], list[ReceivedSpan]] = {}
    for span in spans:
        if span.parent_id:
            below.setdefault((span.trace_id, span.parent_id), []).append(span)
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for span in spans:
        whole = (span.ended - span.started) / NANOSECONDS
        own = own_seconds(span, below.get((span.trace_id, span.span_id), ()))
        key = (span.scope.removeprefix("turnout."), title(span.name))
        times.setdefault(key, []).append((whole, own))
    ranked = sorted(times.items(), key=lambda pair: -sum(own for _, own in pair[1]))
    return [
        SpanTime(
            service=service,
            name=name,
            spans=len(found),
            whole=Spread.of_seconds([whole for whole, _ in found]),
            own=Spread.of_seconds([own for _, own in found]),
        )
        for (service, name), found in ranked
    ]


def title(name: str) -> str:
    """Span names of upstream calls hold the model; here all models are one."""
    return "chat MODEL" if name.startswith("chat ") else name


def own_seconds(span: ReceivedSpan, children: Sequence[ReceivedSpan]) -> float:
    """Time of a span in which none of its children ran."""
    covered, reached = 0, span.started
    for child in sorted(children, key=lambda one: one.started):
        begin, end = max(child.started, reached), min(child.ended, span.ended)
        if end > begin:
            covered += end - begin
            reached = end
    return (span.ended - span.started - covered) / NANOSECONDS
