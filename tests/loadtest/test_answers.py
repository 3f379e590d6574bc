"""The scripted answers, judged by turnout's own dialects."""

from typing import get_args

import pytest

from loadtest import answers
from loadtest.answers import CACHED_TOKENS, PROMPT_TOKENS, LoadDialect
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS

EVENTS = 20


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_turnout_reads_a_whole_answer_with_its_usage(dialect: Dialect, stream: bool) -> None:
    told = answers.script(dialect, event_count=EVENTS)
    tap = DIALECTS[dialect].tap(stream=stream)
    tap.feed(b"".join((*told.events, told.closing)) if stream else told.whole)
    assert tap.reading.is_complete
    assert tap.reading.usage is not None
    assert tap.reading.usage.input_total == PROMPT_TOKENS
    assert tap.reading.usage.cache_read == CACHED_TOKENS
    assert tap.reading.usage.output == EVENTS


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_a_stream_ends_with_its_mark_and_only_then(dialect: LoadDialect) -> None:
    told = answers.script(dialect, event_count=EVENTS)
    assert len(told.events) == EVENTS
    assert answers.STREAM_END[dialect] in told.closing[-200:]
    assert answers.STREAM_END[dialect] not in b"".join(told.events)
