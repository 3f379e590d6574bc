"""The tap on a response."""

import pytest

from tests.dialects.golden import Golden

GOLDEN = Golden("openai_responses")
read = GOLDEN.read


def test_beginnings_and_empty_deltas_are_no_content() -> None:
    stream = GOLDEN.stream_of("openai_reasoning")
    first = stream.index(b'"delta":"**Look')
    before = stream[: stream.rindex(b"\n\n", 0, first) + 2]
    assert not read([before]).has_content
    assert read([before]).at_boundary
    assert read([stream[: stream.index(b"\n\n", first) + 2]]).has_content
    empty = b'data: {"type":"response.output_text.delta","delta":""}\n\n'
    assert not read([empty]).has_content


def test_a_call_is_content_by_its_name() -> None:
    stream = GOLDEN.stream_of("openai_parallel_tools")
    added = stream.index(b"\n\n", stream.index(b"event: response.output_item.added")) + 2
    assert read([stream[:added]]).has_content


@pytest.mark.parametrize(
    ("case", "size"),
    [
        ("openai_text", len("Grüße, world\n".encode())),
        ("openai_custom_tool", len("*** Begin Patch\n*** End Patch\n")),
        ("final_output_only", 2 * len('{"path":"a.py"}')),
    ],
)
def test_bytes_of_the_answer_are_counted_once(case: str, size: int) -> None:
    assert read([GOLDEN.stream_of(case)]).output_bytes == size


@pytest.mark.parametrize(
    ("case", "word"),
    [("openai_text", "completed"), ("openai_incomplete", "max_output_tokens"), ("cut_off", "")],
)
def test_why_it_ended(case: str, word: str) -> None:
    assert read([GOLDEN.stream_of(case)]).finish_reason == word
