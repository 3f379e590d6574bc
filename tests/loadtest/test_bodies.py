"""Requests of the load: sizes, and that turnout takes them for what they are meant to be."""

import json
from typing import get_args

import pytest

from loadtest import bodies
from loadtest.answers import LoadDialect
from loadtest.bodies import SIZES, Size
from turnout.dialects.registry import DIALECTS


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
@pytest.mark.parametrize("size", get_args(Size))
def test_sizes_are_within_a_tenth(dialect: LoadDialect, size: Size) -> None:
    made = len(bodies.body(dialect, size, stream=False, agent=0))
    if SIZES[size]:
        assert abs(made / SIZES[size] - 1) < 0.1
    else:
        assert made < 1000


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
@pytest.mark.parametrize("size", get_args(Size))
def test_the_same_request_twice_has_the_same_bytes(dialect: LoadDialect, size: Size) -> None:
    made = [bodies.body(dialect, size, stream=True, agent=3) for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
@pytest.mark.parametrize("size", get_args(Size))
def test_agents_differ_in_their_typed_text_alone(dialect: LoadDialect, size: Size) -> None:
    read = [
        DIALECTS[dialect].survey_request(bodies.body(dialect, size, stream=True, agent=agent))
        for agent in (1, 2)
    ]
    assert read[0].first_typed_text != read[1].first_typed_text
    assert read[0].head_digest == read[1].head_digest


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_a_large_request_is_a_tool_continuation(dialect: LoadDialect) -> None:
    read = DIALECTS[dialect].survey_request(bodies.body(dialect, "60 kB", stream=True, agent=0))
    assert read.stream
    assert (read.tool_count, read.tool_result_count) == (bodies.TOOL_COUNT, bodies.STEPS)
    assert len(read.outcomes) == 1


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_the_stream_field_stands_where_the_upstream_looks(dialect: LoadDialect) -> None:
    body = bodies.body(dialect, "600 kB", stream=True, agent=0)
    assert json.loads(body)["stream"] is True
    assert b'"stream":true' in body[:2048]


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_a_thread_grows_at_its_end(dialect: LoadDialect) -> None:
    first, second = (
        DIALECTS[dialect].survey_request(
            bodies.body(dialect, "60 kB", stream=True, agent=0, step=step)
        )
        for step in (0, 1)
    )
    assert second.message_digests[: first.message_count] == first.message_digests
    assert second.message_count == first.message_count + 2
    assert second.head_digest == first.head_digest


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
@pytest.mark.parametrize("size", get_args(Size))
def test_a_body_of_any_agent_becomes_that_of_one(dialect: LoadDialect, size: Size) -> None:
    made = bodies.body(dialect, size, stream=True, agent=bodies.ANY_AGENT, step=1)
    assert bodies.by_agent(made, 12) == bodies.body(dialect, size, stream=True, agent=12, step=1)


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_a_long_body_grows_by_its_calls(dialect: LoadDialect) -> None:
    sizes = [len(bodies.long_body(dialect, 50_000, agent=1, step=step)) for step in (0, 3)]
    assert abs(sizes[0] / 50_000 - 1) < 0.1
    assert 2_000 < sizes[1] - sizes[0] < 5_000


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
def test_agents_of_long_bodies_ask_alike(dialect: LoadDialect) -> None:
    read = [
        DIALECTS[dialect].survey_request(bodies.long_body(dialect, 50_000, agent=agent, step=0))
        for agent in (1, 2)
    ]
    assert read[0].first_typed_text == read[1].first_typed_text
    assert read[0].system_digest != read[1].system_digest
