"""What a thread holds: texts, files, calls and their results, each at its place."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.matrix.declared import ALL, Feature, Json, Side, silent
from tests.matrix.transcripts import Item, transcript_of
from turnout.capabilities import Dialect

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4KJSVFT0YK"
PNG_LINK = f"data:image/png;base64,{PNG}"
PDF_LINK = f"data:application/pdf;base64,{PDF}"
PICTURE_URL = "https://example.com/plan.png"
PAPER_URL = "https://example.com/paper.pdf"
ODD = 'Grüße, 世界 — \U0001f9ed, e\u0301, \u2028 "quoted" \\ and\ttabs'
"""Text that is easily spoilt: two-unit characters, combining ones, what JSON escapes."""

Wires = dict[Dialect, Json]


def row(
    name: str,
    title: str,
    value: Sequence[Item],
    wires: Wires,
    why: Mapping[Dialect, str] | None = None,
) -> Feature:
    """A row whose value is the whole transcript."""
    sides = {
        dialect: Side(wires.get(dialect), transcript_of(dialect), why=(why or {}).get(dialect, ""))
        for dialect in ALL
    }
    return Feature(name, title, list(value), sides)


def turns(*contents: Any) -> dict[Dialect, list[Json]]:
    """Nothing but the user's and the assistant's words, in turn."""
    roles = ["assistant" if n % 2 else "user" for n in range(len(contents))]
    return {
        "anthropic_messages": [
            {"role": role, "content": c} for role, c in zip(roles, contents, strict=True)
        ],
        "openai_chat": [
            {"role": role, "content": c} for role, c in zip(roles, contents, strict=True)
        ],
        "openai_responses": [
            {
                "type": "message",
                "role": role,
                "content": [
                    {"type": "output_text" if role == "assistant" else "input_text", "text": c}
                ],
            }
            for role, c in zip(roles, contents, strict=True)
        ],
        "gemini_generate": [
            {"role": "model" if role == "assistant" else "user", "parts": [{"text": c}]}
            for role, c in zip(roles, contents, strict=True)
        ],
    }


TALK = turns("go", "gone", ODD)

TEXTS = row(
    "text",
    "user and assistant text, any Unicode",
    [("user", "go"), ("assistant", "gone"), ("user", ODD)],
    {
        "anthropic_messages": {"messages": TALK["anthropic_messages"]},
        "openai_chat": {"messages": TALK["openai_chat"]},
        "openai_responses": {"input": TALK["openai_responses"]},
        "gemini_generate": {"contents": TALK["gemini_generate"]},
    },
)

SYSTEM = row(
    "system",
    "system prompt in front",
    [("system", "Be brief."), ("user", "go")],
    {
        "anthropic_messages": {"system": [{"type": "text", "text": "Be brief."}]},
        "openai_chat": {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "go"},
            ]
        },
        "openai_responses": {"instructions": "Be brief."},
        "gemini_generate": {"systemInstruction": {"parts": [{"text": "Be brief."}]}},
    },
)

_BETWEEN = turns("go", "gone", "on")


def _with_system(dialect: Dialect, message: Json) -> list[Json]:
    return [*_BETWEEN[dialect], message]


SYSTEM_INSIDE = row(
    "system_inside",
    "system message in the middle, at its place",
    [("user", "go"), ("assistant", "gone"), ("user", "on"), ("system", "Two hours left.")],
    {
        "anthropic_messages": {
            "messages": _with_system(
                "anthropic_messages", {"role": "system", "content": "Two hours left."}
            )
        },
        "openai_chat": {
            "messages": _with_system(
                "openai_chat", {"role": "developer", "content": "Two hours left."}
            )
        },
        "openai_responses": {
            "input": _with_system(
                "openai_responses",
                {
                    "type": "message",
                    "role": "developer",
                    "content": [{"type": "input_text", "text": "Two hours left."}],
                },
            )
        },
    },
    {"gemini_generate": "Gemini's clients have a system instruction in front and no other"},
)


def _user(anthropic: Json, chat: Json | None, responses: Json, gemini: Json) -> Wires:
    """One user turn of a text and a file."""
    found: Wires = {
        "anthropic_messages": {
            "messages": [{"role": "user", "content": [{"type": "text", "text": "see"}, anthropic]}]
        },
        "openai_responses": {
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "see"}, responses],
                }
            ]
        },
        "gemini_generate": {"contents": [{"role": "user", "parts": [{"text": "see"}, gemini]}]},
    }
    if chat is not None:
        content = [{"type": "text", "text": "see"}, chat]
        found["openai_chat"] = {"messages": [{"role": "user", "content": content}]}
    return found


def base64_block(kind: str, media_type: str, data: str) -> Json:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": kind, "source": source}


IMAGE = row(
    "image",
    "images in user turns, base64",
    [("user", "see"), ("image", PNG_LINK)],
    _user(
        base64_block("image", "image/png", PNG),
        {"type": "image_url", "image_url": {"url": PNG_LINK}},
        {"type": "input_image", "image_url": PNG_LINK, "detail": "auto"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
    ),
)

IMAGE_URL = row(
    "image_url",
    "images in user turns, by link",
    [("user", "see"), ("image", PICTURE_URL)],
    _user(
        {"type": "image", "source": {"type": "url", "url": PICTURE_URL}},
        {"type": "image_url", "image_url": {"url": PICTURE_URL}},
        {"type": "input_image", "image_url": PICTURE_URL, "detail": "auto"},
        {"fileData": {"mimeType": "image/png", "fileUri": PICTURE_URL}},
    ),
)

_SMALL = _user(
    {},
    {"type": "image_url", "image_url": {"url": PICTURE_URL, "detail": "low"}},
    {"type": "input_image", "image_url": PICTURE_URL, "detail": "low"},
    {},
)

IMAGE_DETAIL = Feature(
    "image_detail",
    "detail in which an image is looked at",
    "low",
    {
        "anthropic_messages": silent("has no word for it"),
        "openai_chat": Side(
            _SMALL["openai_chat"],
            lambda body: body["messages"][0]["content"][1]["image_url"]["detail"],
        ),
        "openai_responses": Side(
            _SMALL["openai_responses"], lambda body: body["input"][0]["content"][1]["detail"]
        ),
        "gemini_generate": silent("has no word for it"),
    },
)

DOCUMENT = row(
    "document",
    "PDF documents in user turns",
    [("user", "see"), ("document", PDF_LINK)],
    _user(
        base64_block("document", "application/pdf", PDF),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_LINK}},
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF_LINK},
        {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
    ),
)

_DOCUMENT_URL = row(
    "document_url",
    "PDF documents by link",
    [("user", "see"), ("document", PAPER_URL)],
    _user(
        {"type": "document", "source": {"type": "url", "url": PAPER_URL}},
        None,
        {"type": "input_file", "file_url": PAPER_URL},
        {"fileData": {"mimeType": "application/pdf", "fileUri": PAPER_URL}},
    ),
    {"openai_chat": "chat takes the bytes of a file and no link to one"},
)
DOCUMENT_URL = Feature(
    _DOCUMENT_URL.name,
    _DOCUMENT_URL.title,
    _DOCUMENT_URL.value,
    _DOCUMENT_URL.sides,
    refused={(client, "openai_chat"): "documents" for client in ALL if client != "openai_chat"},
)

_NOTES = {"type": "text", "media_type": "text/plain", "data": "Plain notes."}

DOCUMENT_TEXT = row(
    "document_text",
    "documents given as plain text",
    [("user", "Plain notes.")],
    {
        "anthropic_messages": {
            "messages": [{"role": "user", "content": [{"type": "document", "source": _NOTES}]}]
        }
    },
    dict.fromkeys(
        ("openai_chat", "openai_responses", "gemini_generate"),
        "have text for text, and documents for bytes",
    ),
)

SEARCH_RESULT = row(
    "search_result",
    "search results as sources, with title and place",
    [("user", "Trams\n\nhttps://example.org\n\nLine 1 runs.")],
    {
        "anthropic_messages": {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "search_result",
                            "title": "Trams",
                            "source": "https://example.org",
                            "content": [{"type": "text", "text": "Line 1 runs."}],
                        }
                    ],
                }
            ]
        }
    },
    dict.fromkeys(
        ("openai_chat", "openai_responses", "gemini_generate"), "have text for what was found"
    ),
)

A_CALL = ("call", "call_7", "look", {"at": "plan"})


def _results(anthropic: list[Json], responses: list[Json], gemini: Json) -> Wires:
    """A call whose result holds more than a text."""
    call = {"type": "tool_use", "id": "call_7", "name": "look", "input": {"at": "plan"}}
    result = {"type": "tool_result", "tool_use_id": "call_7", "content": anthropic}
    return {
        "anthropic_messages": {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
            ]
        },
        "openai_responses": {
            "input": [
                {"type": "message", "role": "user", "content": "go"},
                {
                    "type": "function_call",
                    "call_id": "call_7",
                    "name": "look",
                    "arguments": '{"at":"plan"}',
                },
                {"type": "function_call_output", "call_id": "call_7", "output": responses},
            ]
        },
        "gemini_generate": {
            "contents": [
                {"role": "user", "parts": [{"text": "go"}]},
                {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"id": "call_7", "name": "look", "args": {"at": "plan"}}}
                    ],
                },
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"id": "call_7", "name": "look", **gemini}}],
                },
            ]
        },
    }


_ONLY_TEXT: dict[Dialect, str] = {
    "openai_chat": "chat's own clients have nothing but text in results"
}

IMAGE_IN_RESULT = row(
    "image_in_result",
    "images in tool results",
    [("user", "go"), A_CALL, ("result", "call_7", [("text", "seen"), ("image", PNG_LINK)])],
    _results(
        [{"type": "text", "text": "seen"}, base64_block("image", "image/png", PNG)],
        [
            {"type": "input_text", "text": "seen"},
            {"type": "input_image", "image_url": PNG_LINK, "detail": "auto"},
        ],
        {
            "response": {"output": "seen"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
        },
    ),
    _ONLY_TEXT,
)

DOCUMENT_IN_RESULT = row(
    "document_in_result",
    "PDF documents in tool results",
    [("user", "go"), A_CALL, ("result", "call_7", [("text", "read"), ("document", PDF_LINK)])],
    _results(
        [{"type": "text", "text": "read"}, base64_block("document", "application/pdf", PDF)],
        [
            {"type": "input_text", "text": "read"},
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF_LINK},
        ],
        {
            "response": {"output": "read"},
            "parts": [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}],
        },
    ),
    _ONLY_TEXT,
)

HISTORY: tuple[Feature, ...] = (
    SYSTEM,
    SYSTEM_INSIDE,
    TEXTS,
    IMAGE,
    IMAGE_URL,
    IMAGE_DETAIL,
    DOCUMENT,
    DOCUMENT_URL,
    DOCUMENT_TEXT,
    SEARCH_RESULT,
    IMAGE_IN_RESULT,
    DOCUMENT_IN_RESULT,
)
