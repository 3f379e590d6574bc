"""Why an answer ended, in each wire's own word."""

from tests.matrix import answer_readers as read
from tests.matrix.answer_rows import Wires, calling, row, says
from tests.matrix.answer_wires import completion, generated, message, response, said_item
from tests.matrix.declared import Feature
from tests.matrix.request_tools import TWO

_ASKS_STOPS: Wires = {
    "anthropic_messages": {"stop_sequences": ["END"]},
    "openai_chat": {"stop": ["END"]},
    "gemini_generate": {"generationConfig": {"stopSequences": ["END"]}},
}
_ONE_WORD = "says no more than that the answer ended"
_NO_WORD = "has no word for it"

STOPS: tuple[Feature, ...] = (
    row(
        "stop_end",
        "stop reason: done",
        "",
        read.stop,
        says("Done."),
        values={
            "anthropic_messages": "end_turn",
            "openai_chat": "stop",
            "openai_responses": "completed",
            "gemini_generate": "STOP",
        },
    ),
    row(
        "stop_tools",
        "stop reason: tools",
        "",
        read.stop,
        calling(),
        values={
            "anthropic_messages": "tool_use",
            "openai_chat": "tool_calls",
            "openai_responses": "completed",
            "gemini_generate": "STOP",
        },
        asks=TWO,
    ),
    row(
        "stop_length",
        "stop reason: output limit",
        "",
        read.stop,
        {
            "anthropic_messages": message([{"type": "text", "text": "And so"}], "max_tokens"),
            "openai_chat": completion({"content": "And so"}, "length"),
            "openai_responses": response([said_item("And so")], "max_output_tokens"),
            "gemini_generate": generated([{"text": "And so"}], "MAX_TOKENS"),
        },
        values={
            "anthropic_messages": "max_tokens",
            "openai_chat": "length",
            "openai_responses": "max_output_tokens",
            "gemini_generate": "MAX_TOKENS",
        },
    ),
    row(
        "stop_context",
        "stop reason: context window full",
        "",
        read.stop,
        {
            "anthropic_messages": message(
                [{"type": "text", "text": "And so"}], "model_context_window_exceeded"
            )
        },
        values={
            "anthropic_messages": "model_context_window_exceeded",
            "openai_chat": "length",
            "openai_responses": "max_output_tokens",
            "gemini_generate": "MAX_TOKENS",
        },
        why=dict.fromkeys(("openai_chat", "openai_responses", "gemini_generate"), _NO_WORD),
    ),
    row(
        "stop_sequence",
        "stop reason: stop sequence",
        "",
        read.stop,
        {"anthropic_messages": message([{"type": "text", "text": "one "}], "stop_sequence", "END")},
        values={
            "anthropic_messages": "stop_sequence",
            "openai_chat": "stop",
            "openai_responses": "completed",
            "gemini_generate": "STOP",
        },
        why=dict.fromkeys(("openai_chat", "openai_responses", "gemini_generate"), _ONE_WORD),
        asks=_ASKS_STOPS,
    ),
    row(
        "stop_watched",
        "answer cut at a stop sequence that the upstream cannot be told",
        "one ",
        read.text,
        {"openai_responses": response([said_item("one END two")])},
        why=dict.fromkeys(
            ("anthropic_messages", "openai_chat", "gemini_generate"), "can be told (see above)"
        ),
        deaf={"openai_responses": "has no such field"},
        asks=_ASKS_STOPS,
        differs=True,
    ),
    row(
        "filtered",
        "stop reason: content filter",
        "",
        read.stop,
        {
            "openai_chat": completion({"content": "And"}, "content_filter"),
            "openai_responses": response([said_item("And")], "content_filter"),
            "gemini_generate": generated([{"text": "And"}], "SAFETY"),
        },
        values={
            "anthropic_messages": "refusal",
            "openai_chat": "content_filter",
            "openai_responses": "content_filter",
            "gemini_generate": "SAFETY",
        },
        why={"anthropic_messages": "Anthropic calls it a refusal"},
    ),
    row(
        "refused",
        "stop reason: refusal without words",
        "",
        read.stop,
        {"anthropic_messages": message([{"type": "text", "text": "And"}], "refusal")},
        values={
            "anthropic_messages": "refusal",
            "openai_chat": "content_filter",
            "openai_responses": "content_filter",
            "gemini_generate": "SAFETY",
        },
        why=dict.fromkeys(
            ("openai_chat", "openai_responses", "gemini_generate"), "refuses in words or filters"
        ),
    ),
    row(
        "refusal",
        "refusal in words",
        "I cannot.",
        read.refusal,
        {
            "openai_chat": completion({"refusal": "I cannot."}),
            "openai_responses": response(
                [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "refusal", "refusal": "I cannot."}],
                    }
                ]
            ),
        },
        why=dict.fromkeys(("anthropic_messages", "gemini_generate"), "marks no words as a refusal"),
    ),
)
