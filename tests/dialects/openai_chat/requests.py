"""Requests of this wire, as tests of surveys write them."""

from tests.dialects.surveyed import Json, Wire, content_of

TOOLS: list[Json] = [
    {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}},
    {"type": "custom", "custom": {"name": "patch"}},
]


def content(*parts: str | Json) -> object:
    return content_of(parts, text="text")


def user(*parts: str | Json) -> Json:
    return {"role": "user", "content": content(*parts)}


def called(*ids: str) -> Json:
    calls = [
        {"id": i, "type": "function", "function": {"name": "read", "arguments": "{}"}} for i in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str, *parts: str | Json) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content(*(parts or ("ok",)))}


WIRE = Wire(
    dialect="openai_chat",
    field="messages",
    user=user,
    called=called,
    result=result,
    image=lambda size: {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * size},
    },
    document=lambda size: {
        "type": "file",
        "file": {"file_data": "data:application/pdf;base64," + "A" * size},
    },
    system=lambda text: ([{"role": "system", "content": text}], {}),
    tools=TOOLS,
)
