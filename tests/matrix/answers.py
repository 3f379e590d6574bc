"""All rows of answers: what a provider says and what a client of another wire hears."""

from tests.matrix import answer_readers as read
from tests.matrix.answer_rows import ARGS, Wires, calling, row, says
from tests.matrix.answer_stops import STOPS
from tests.matrix.answer_wires import completion, generated, message, response, said_item
from tests.matrix.declared import ALL, Feature, Json
from tests.matrix.driving import ASKED
from tests.matrix.request_custom import CUSTOM, PATCH
from tests.matrix.request_history import ODD
from tests.matrix.request_tools import TWO

_CUSTOM: Wires = {
    "anthropic_messages": message(
        [{"type": "tool_use", "id": "call_p", "name": "apply_patch", "input": {"input": PATCH}}],
        "tool_use",
    ),
    "openai_chat": completion(
        {
            "tool_calls": [
                {
                    "id": "call_p",
                    "type": "custom",
                    "custom": {"name": "apply_patch", "input": PATCH},
                }
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
    "openai_chat": completion({"content": "Yes."}, logprobs={"content": _TOKENS, "refusal": None}),
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

ANSWERS: tuple[Feature, ...] = (
    row("text", "text, any Unicode", ODD, read.text, says(ODD)),
    row(
        "calls",
        "parallel calls, ids and arguments; `{}` where there are none",
        [("call_a1", "look", ARGS), ("call_b2", "list_all", {})],
        read.calls,
        calling(),
        asks=TWO,
        # Providers leave out what is empty.
        differs=True,
    ),
    row(
        "fragments",
        "arguments in fragments, as they arrive",
        True,
        read.fragments,
        {d: w for d, w in calling().items() if d != "gemini_generate"},
        why={"gemini_generate": "Gemini's calls come whole"},
        deaf={"gemini_generate": "Gemini's calls come whole"},
        asks=TWO,
        only="stream",
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
                name: value
                for name, value in (CUSTOM.sides[dialect].wire or {}).items()
                if name == "tools"
            }
            for dialect in ALL
        },
    ),
    row("thinking", "reasoning that is shown", _THOUGHT, read.thinking, _THINKING),
    *STOPS,
    row(
        "citations",
        "citations of pages",
        [_PAGE],
        read.citations,
        _CITED,
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
    row("model", "model as the client named it", ASKED, read.model, says("Done."), differs=True),
)
