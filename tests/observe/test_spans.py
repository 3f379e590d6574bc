"""The seam of tracing: what is current, what an error makes of a span, and what is not imported."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest

from tests.observe.recorded import CALLER, UNSAMPLED, RecordedTracer
from turnout.errors import Unavailable
from turnout.observe.logs import JsonFormatter
from turnout.observe.spans import (
    current_traceparent,
    enter,
    is_sampled,
    is_traceparent,
    spanning,
    under,
)
from turnout.observe.tracing import RandomIds, traceparent_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("traceparent", "kept"),
    [
        (CALLER, True),
        (UNSAMPLED, False),
        (CALLER.removesuffix("01") + "03", True),
        (CALLER.removesuffix("01") + "02", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_the_lowest_flag_says_whether_a_trace_is_kept(traceparent: str, kept: bool) -> None:
    assert is_sampled(traceparent) is kept


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (CALLER, True),
        (UNSAMPLED, True),
        ("", False),
        (f"{CALLER}\n", False),
        (CALLER.upper(), False),
        (f"00-{'0' * 32}-{'1' * 16}-01", False),
        (f"00-{'1' * 32}-{'0' * 16}-01", False),
        (f"00-{'1' * 31}-{'1' * 16}-01", False),
        (f"00-{'1' * 32}-{'1' * 16}", False),
    ],
)
def test_what_a_context_looks_like(text: str, is_one: bool) -> None:
    assert is_traceparent(text) is is_one


def test_a_span_is_current_inside_of_its_block_and_nothing_is_outside() -> None:
    tracer = RecordedTracer()
    assert current_traceparent() == ""
    with spanning(tracer, "route", part="scorer", kind="server", parent=CALLER) as span:
        assert current_traceparent() == span.traceparent
        with under(CALLER):
            assert current_traceparent() == CALLER
        assert current_traceparent() == span.traceparent
    assert current_traceparent() == ""
    assert tracer.one("route").ends == [None]
    assert tracer.one("route").error == ""


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (Unavailable("the tracker is away"), "unavailable"),
        (ValueError("text of a prompt"), "ValueError"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_an_error_passes_and_leaves_its_kind(error: BaseException, word: str) -> None:
    tracer = RecordedTracer()
    with (
        pytest.raises(type(error)) as raised,
        spanning(tracer, "look", part="session-cache-tracker", kind="server", parent=CALLER),
    ):
        raise error
    assert raised.value is error
    assert tracer.one("look").error == word
    assert tracer.one("look").ends == [None]


async def test_a_context_that_a_task_enters_is_its_own() -> None:
    async def entering() -> str:
        enter(CALLER)
        return current_traceparent()

    assert await asyncio.create_task(entering()) == CALLER
    assert current_traceparent() == ""


def test_a_log_line_inside_of_a_span_names_it() -> None:
    formatter = JsonFormatter(service="ingress")
    record = logging.LogRecord("turnout", logging.INFO, "", 1, "said", None, None)
    assert "trace_id" not in json.loads(formatter.format(record))
    with under(CALLER):
        line = json.loads(formatter.format(record))
    assert f"00-{line['trace_id']}-{line['span_id']}-01" == CALLER


def test_ids_are_not_zero_and_differ() -> None:
    ids = RandomIds()
    made = {ids.generate_trace_id() for _ in range(100)} | {
        ids.generate_span_id() for _ in range(100)
    }
    assert len(made) == 200
    assert 0 not in made
    assert traceparent_of(CALLER, ids).startswith(CALLER[:36])


def test_without_tracing_no_process_imports_the_sdk() -> None:
    """What is not imported cannot cost a request anything."""
    asked = (
        "import sys; import turnout.running, turnout.telemetry.service, turnout.scorer.service;"
        " import turnout.upstream_dispatcher.service, turnout.rpc.channel, turnout.ingress.app;"
        " print([m for m in sys.modules if m.startswith(('opentelemetry.sdk',"
        " 'opentelemetry.exporter'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout
    assert told.strip() == "[]"
