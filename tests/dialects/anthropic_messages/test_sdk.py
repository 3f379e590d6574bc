"""Encoded streams and bodies through Anthropic's own SDK types, strictly validated."""

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.parsed_message import ParsedMessage
from hypothesis import given, settings
from pydantic import TypeAdapter

from tests.dialects.anthropic_messages.answers import answers, streams
from tests.dialects.anthropic_messages.grammar import events_in
from tests.dialects.anthropic_messages.test_stream import encode
from tests.dialects.events import events_of
from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.conversation import Text, ToolCall
from turnout.dialects.stream import Answer, StreamEvent

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


@settings(max_examples=50)
@given(streams())
def test_the_sdk_puts_the_same_answer_together(made: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = made
    assert answer.usage is not None
    snapshot: ParsedMessage[None] | None = None
    buffers: dict[int, bytes] = {}
    for raw in events_in(encode(events)):
        event = EVENT.validate_python(raw)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    texts = [block.text for block in snapshot.content if block.type == "text"]
    assert texts == [part.text for part in answer.parts if isinstance(part, Text)]
    calls = [block.id for block in snapshot.content if block.type == "tool_use"]
    assert calls == [part.call_id for part in answer.parts if isinstance(part, ToolCall)]
    assert snapshot.usage.output_tokens == answer.usage.output
    assert snapshot.usage.cache_read_input_tokens == answer.usage.cache_read


@settings(max_examples=50)
@given(answers())
def test_the_sdk_takes_the_body(answer: Answer) -> None:
    body = ANTHROPIC_MESSAGES.encode_response(
        events_of(answer), response_id="msg_1", model="alias", created_at=0
    )
    message = Message.model_validate_json(body)
    assert message.model == "alias"
