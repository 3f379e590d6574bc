"""The tap on a chat answer."""

from tests.dialects.golden import Golden
from turnout.dialects.usage import Usage

GOLDEN = Golden("openai_chat")
read = GOLDEN.read


def test_role_chunks_pings_and_empty_deltas_are_no_content() -> None:
    stream = GOLDEN.stream_of("deepseek_reasoning")
    first = stream.index(b"Think")
    before = stream[: stream.rindex(b"\n\n", 0, first) + 2]
    assert not read([before]).has_content
    assert read([before]).at_boundary
    assert read([stream[: stream.index(b"\n\n", first) + 2]]).has_content


def test_bytes_of_the_answer_are_counted() -> None:
    assert read([GOLDEN.stream_of("openai_text")]).output_bytes == len("Grüße, world\n".encode())
    assert read([GOLDEN.stream_of("stop_although_tools")]).output_bytes == 2


def test_usage_before_the_end_is_partial() -> None:
    stream = GOLDEN.stream_of("openrouter_comments").replace(
        b'"delta":', b'"usage":{"x":1},"delta":', 1
    )
    early = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5}}\n\n'
    reading = read([early])
    assert (reading.usage, reading.source) == (Usage(fresh_input=5), "partial")
    assert read([early, stream]).source == "reported"
