"""Own times of spans, by hand."""

import pytest

from loadtest import spans
from turnout.observe.trace_dump import ReceivedSpan


def span(
    name: str, started: float, ended: float, *, at: str = "a", parent: str = ""
) -> ReceivedSpan:
    return ReceivedSpan(
        service="turnout",
        scope="turnout.ingress",
        trace_id="1",
        span_id=at,
        parent_id=parent,
        name=name,
        kind="server",
        started=int(started * 1e6),
        ended=int(ended * 1e6),
        is_error=False,
        attributes={},
        links=(),
    )


def test_a_spans_own_time_is_where_no_child_ran() -> None:
    """Children that overlap count once, and only while their parent ran."""
    root = span("request", 0, 100)
    children = [
        span("route", 10, 30, at="b", parent="a"),
        span("look", 20, 40, at="c", parent="a"),
        span("note", 90, 130, at="d", parent="a"),
    ]
    assert spans.own_seconds(root, children) == pytest.approx(0.060)
    assert spans.own_seconds(root, ()) == pytest.approx(0.100)


def test_names_are_ranked_by_their_own_time_and_models_are_one() -> None:
    told = spans.by_name(
        [
            span("POST", 0, 100),
            span("chat gpt-5.5", 10, 90, at="b", parent="a"),
            span("chat kimi-k2.6", 90, 95, at="c", parent="a"),
        ]
    )
    assert [(one.service, one.name, one.spans) for one in told] == [
        ("ingress", "chat MODEL", 2),
        ("ingress", "POST", 1),
    ]
    assert told[1].own.p50 == pytest.approx(15.0)
    assert told[1].whole.p50 == pytest.approx(100.0)
