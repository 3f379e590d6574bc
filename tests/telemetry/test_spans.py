"""What telemetry says of a batch: links to the spans that told the facts, and a span in each trace."""

from msgspec.structs import replace

from tests.bus import samples
from tests.observe.recorded import CALLER, TRACE, UNSAMPLED, RecordedTracer
from tests.telemetry.test_batch import message, raw
from turnout.telemetry.batch import Block, blocks_of
from turnout.telemetry.spans import MAX_LINKS, tell_inserted

BEGAN, ENDED = samples.NOON, samples.NOON + 0.25


def told(blocks: list[Block]) -> RecordedTracer:
    tracer = RecordedTracer()
    tell_inserted(tracer, blocks, messages=3, began=BEGAN, ended=ENDED)
    return tracer


def other(number: int) -> str:
    return f"00-{TRACE}-{number:016x}-01"


def test_the_insert_links_to_every_kept_context_once() -> None:
    tracer = told(
        blocks_of(
            [
                message(replace(samples.completed("a"), traceparent=CALLER)),
                message(replace(samples.attempt("a"), traceparent=CALLER)),
                message(replace(samples.routed("a"), traceparent=other(7)), sequence=2),
                message(replace(samples.completed("b"), traceparent=UNSAMPLED), sequence=3),
            ]
        )
    )
    insert = tracer.one("insert facts")
    assert (insert.part, insert.kind, insert.parent) == ("telemetry", "consumer", "")
    assert sorted(insert.links) == sorted((CALLER, other(7)))
    assert insert.attributes == {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": 3,
        "turnout.rows": 4,
    }
    assert (insert.began, insert.ends) == (BEGAN, [ENDED])


def test_a_kept_request_gets_the_span_of_its_row() -> None:
    tracer = told(
        blocks_of(
            [
                message(
                    replace(samples.completed("a"), traceparent=CALLER),
                    replace(samples.completed("b"), traceparent=UNSAMPLED),
                )
            ]
        )
    )
    insert, process = tracer.spans
    assert (process.name, process.parent) == ("process turnout.request.completed", CALLER)
    assert process.links == (insert.traceparent,)
    assert (process.began, process.ends) == (BEGAN, [ENDED])
    assert process.attributes["messaging.destination.name"] == "turnout.request.completed"


def test_without_a_kept_trace_there_is_no_span() -> None:
    unsampled = replace(samples.completed("a"), traceparent=UNSAMPLED)
    nothing = replace(samples.completed("b"), traceparent="")
    assert not told(blocks_of([message(unsampled, nothing)])).spans
    assert not told(blocks_of([raw(b"\xff", subject="turnout.request.completed")])).spans


def test_links_are_bounded() -> None:
    many = [
        replace(samples.completed(f"r{n}"), traceparent=other(n)) for n in range(1, MAX_LINKS + 50)
    ]
    tracer = told(blocks_of([message(*many)]))
    assert len(tracer.spans[0].links) == MAX_LINKS
    assert len(tracer.spans) == 1 + len(many), "every trace still has its own span"
