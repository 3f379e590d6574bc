"""Requests of this wire, as tests of surveys write them."""

from tests.dialects.surveyed import Json, Wire, content_of

TOOLS: list[Json] = [
    {"type": "function", "name": "read", "parameters": {"type": "object"}},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "agents", "description": "d", "tools": []},
    {"type": "tool_search", "execution": "client"},
]


def content(*parts: str | Json) -> object:
    return content_of(parts, text="input_text")


def user(*parts: str | Json) -> Json:
    return {"type": "message", "role": "user", "content": content(*parts)}


def called(call_id: str, name: str = "read", **fields: object) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"} | fields


def result(call_id: str, *parts: str | Json) -> Json:
    output = content(*(parts or ("ok",)))
    return {"type": "function_call_output", "call_id": call_id, "output": output}


WIRE = Wire(
    dialect="openai_responses",
    field="input",
    user=user,
    called=called,
    result=result,
    image=lambda size: {
        "type": "input_image",
        "image_url": "data:image/png;base64," + "A" * size,
    },
    document=lambda size: {
        "type": "input_file",
        "file_data": "data:application/pdf;base64," + "A" * size,
    },
    system=lambda text: ([{"type": "message", "role": "developer", "content": text}], {}),
    tools=TOOLS,
)
