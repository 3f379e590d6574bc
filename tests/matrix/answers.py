"""All rows of answers: what a provider says and what a client of another wire hears."""

from collections.abc import Mapping

from tests.matrix import answer_readers as read
from tests.matrix.answer_wires import completion, generated, message, response, said_item
from tests.matrix.declared import ALL, Feature, Json, Side
from tests.matrix.driving import ASKED
from tests.matrix.request_history import ODD
from tests.matrix.request_tools import CUSTOM, PATCH, TWO
from turnout.capabilities import Dialect

Wires = Mapping[Dialect, Json]


def row(
    name: str,
    title: str,
    value: object,
    reader: read.Reader,
    wires: Wires,
    *,
    values: Mapping[Dialect, object] | None = None,
    why: Mapping[Dialect, str] | None = None,
    deaf: Mapping[Dialect, str] | None = None,
    asks: Wires | None = None,
    only: str = "",
) -> Feature:
    """`why`: providers that do not say it; `deaf`: clients that cannot be told."""
    sides: dict[Dialect, Side] = {}
    for dialect in ALL:
        reads = None if dialect in (deaf or {}) else read.of(dialect, reader)
        own = (values or {}).get(dialect, value)
        reason = (why or {}).get(dialect, "") or (deaf or {}).get(dialect, "")
        sides[dialect] = Side(wires.get(dialect), reads, value=own, why=reason)
    return Feature(name, title, value, sides, asks=asks or {}, only=only)


def says(text: str) -> Wires:
    return {
        "anthropic_messages": message([{"type": "text", "text": text}]),
        "openai_chat": completion({"content": text}),
        "openai_responses": response([said_item(text)]),
        "gemini_generate": generated([{"text": text}]),
    }


_ARGUMENTS = '{"path":"a\\"b","depth":2}'
_ARGS = {"path": 'a"b', "depth": 2}


def calling() -> Wires:
    """Two calls at once, the second without arguments."""
    return {
        "anthropic_messages": message(
            [
                {"type": "tool_use", "id": "call_a1", "name": "look", "input": _ARGS},
                {"type": "tool_use", "id": "call_b2", "name": "list_all", "input": {}},
            ],
            "tool_use",
        ),
        "openai_chat": completion(
            {
                "tool_calls": [
                    {
                        "id": "call_a1",
                        "type": "function",
                        "function": {"name": "look", "arguments": _ARGUMENTS},
                    },
                    {
                        "id": "call_b2",
                        "type": "function",
                        "function": {"name": "list_all", "arguments": ""},
                    },
                ]
            },
            "tool_calls",
        ),
        "openai_responses": response(
            [
                {
                    "type": "function_call",
                    "call_id": "call_a1",
                    "name": "look",
                    "arguments": _ARGUMENTS,
                },
                {"type": "function_call", "call_id": "call_b2", "name": "list_all", "arguments": ""},
            ]
        ),
        "gemini_generate": generated(
            [
                {"functionCall": {"id": "call_a1", "name": "look", "args": _ARGS}},
                {"functionCall": {"id": "call_b2", "name": "list_all"}},
            ]
        ),
    }


_CUSTOM: Wires = {
    "anthropic_messages": message(
        [{"type": "tool_use", "id": "call_p", "name": "apply_patch", "input": {"input": PATCH}}],
        "tool_use",
    ),
    "openai_chat": completion(
        {
            "tool_calls": [
                {"id": "call_p", "type": "custom", "custom": {"name": "apply_patch", "input": PATCH}}
            ]
        },
        "tool_calls",
    ),
    "openai_responses": response(
        [{"type": "custom_tool_call", "call_id": "call_p", "name": "apply_patch", "input": PATCH}]
    ),
    "gemini_generate": generated(
        [{"functionCall": {"id": "call_p", "name": "apply_patch", "args": {"input": PATCH}}}]
    ),
}

_THOUGHT = "Weighing both ways."

_THINKING: Wires = {
    "anthropic_messages": message(
        [
            {"type": "thinking", "thinking": _THOUGHT, "signature": "c2lnbmVk"},
            {"type": "text", "text": "Left."},
        ]
    ),
    "openai_chat": completion({"reasoning_content": _THOUGHT, "content": "Left."}),
    "openai_responses": response(
        [
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": _THOUGHT}],
                "encrypted_content": "c2VhbGVk",
            },
            said_item("Left."),
        ]
    ),
    "gemini_generate": generated(
        [{"text": _THOUGHT, "thought": True}, {"text": "Left.", "thoughtSignature": "c2lnbmVk"}]
    ),
}

_PAGE = ("https://example.com/a", "A page")
_CITED: Wires = {
    "anthropic_messages": message(
        [
            {
                "type": "text",
                "text": "So it is.",
                "citations": [
                    {
                        "type": "web_search_result_location",
                        "url": _PAGE[0],
                        "title": _PAGE[1],
                        "encrypted_index": "RW5j",
                        "cited_text": "It is.",
                    }
                ],
            }
        ]
    ),
    "openai_chat": completion(
        {
            "content": "So it is.",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {
                        "url": _PAGE[0],
                        "title": _PAGE[1],
                        "start_index": 0,
                        "end_index": 9,
                    },
                }
            ],
        }
    ),
    "openai_responses": response(
        [
            said_item(
                "So it is.",
                annotations=[
                    {
                        "type": "url_citation",
                        "url": _PAGE[0],
                        "title": _PAGE[1],
                        "start_index": 0,
                        "end_index": 9,
                    }
                ],
            )
        ]
    ),
    "gemini_generate": generated(
        [{"text": "So it is."}],
        groundingMetadata={
            "groundingChunks": [{"web": {"uri": _PAGE[0], "title": _PAGE[1]}}],
            "groundingSupports": [
                {
                    "segment": {"startIndex": 0, "endIndex": 9, "text": "So it is."},
                    "groundingChunkIndices": [0],
                }
            ],
        },
    ),
}


def _token(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


_TOKENS = [
    _token("Yes", -0.25) | {"top_logprobs": [_token("Yes", -0.25), _token("No", -2.5)]},
    _token(".", -0.5) | {"top_logprobs": [_token(".", -0.5)]},
]
_LOGPROBS: Wires = {
    "openai_chat": completion(
        {"content": "Yes."}, logprobs={"content": _TOKENS, "refusal": None}
    ),
    "openai_responses": response([said_item("Yes.", logprobs=_TOKENS)]),
    "gemini_generate": generated(
        [{"text": "Yes."}],
        logprobsResult={
            "topCandidates": [
                {
                    "candidates": [
                        {"token": "Yes", "logProbability": -0.25},
                        {"token": "No", "logProbability": -2.5},
                    ]
                },
                {"candidates": [{"token": ".", "logProbability": -0.5}]},
            ],
            "chosenCandidates": [
                {"token": "Yes", "logProbability": -0.25},
                {"token": ".", "logProbability": -0.5},
            ],
        },
    ),
}

_ASKS_STOPS: Wires = {
    "anthropic_messages": {"stop_sequences": ["END"]},
    "openai_chat": {"stop": ["END"]},
    "gemini_generate": {"generationConfig": {"stopSequences": ["END"]}},
}
_ONE_WORD = "says no more than that the answer ended"
_NO_WORD = "has no word for it"

ANSWERS: tuple[Feature, ...] = (
    row("text", "text, any Unicode", ODD, read.text, says(ODD)),
    row(
        "calls",
        "parallel calls, ids and arguments; `{}` where there are none",
        [("call_a1", "look", _ARGS), ("call_b2", "list_all", {})],
        read.calls,
        calling(),
        asks=TWO,
    ),
    row(
        "custom_calls",
        "calls of custom tools",
        [("call_p", "apply_patch", PATCH)],
        read.custom_calls,
        _CUSTOM,
        deaf=dict.fromkeys(
            ("anthropic_messages", "gemini_generate"), "their clients have no such tools"
        ),
        asks={
            dialect: {
                name: value for name, value in (CUSTOM.sides[dialect].wire or {}).items() if name == "tools"
            }
            for dialect in ALL
        },
    ),
    row("thinking", "reasoning that is shown", _THOUGHT, read.thinking, _THINKING),
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
        {
            "anthropic_messages": message([{"type": "text", "text": "one "}], "stop_sequence", "END")
        },
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
        why=dict.fromkeys(
            ("anthropic_messages", "gemini_generate"), "marks no words as a refusal"
        ),
    ),
    row(
        "citations",
        "citations of pages",
        [_PAGE],
        read.citations,
        _CITED,
        deaf={
            "anthropic_messages": "Anthropic's citations carry an index that it alone can write"
        },
    ),
    row(
        "logprobs",
        "log probabilities",
        [("Yes", -0.25, ["Yes", "No"]), (".", -0.5, ["."])],
        read.logprobs,
        _LOGPROBS,
        why={"anthropic_messages": "Anthropic gives none"},
        deaf={"anthropic_messages": "has no place for them"},
    ),
    row(
        "usage",
        "usage in the client's arithmetic",
        (180, 50, 40, 10),
        read.usage,
        says("Done."),
    ),
    row(
        "usage_written",
        "tokens written to a cache",
        30,
        read.written,
        {d: w for d, w in says("Done.").items() if d != "gemini_generate"},
        why={"gemini_generate": "Gemini tells of none"},
        deaf={"gemini_generate": "Gemini tells of none"},
    ),
    row(
        "usage_first",
        "first usage of a stream is not zero",
        True,
        read.first_input,
        says("Done."),
        deaf=dict.fromkeys(("openai_chat", "openai_responses"), "tells usage at the end only"),
        only="stream",
    ),
    row("model", "model as the client named it", ASKED, read.model, says("Done.")),
)
