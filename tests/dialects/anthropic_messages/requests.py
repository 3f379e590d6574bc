"""Requests of this wire, as tests of surveys write them."""

from tests.dialects.surveyed import Json, Wire, content_of


def said(content: object, role: str = "user") -> Json:
    return {"role": role, "content": content}


def text(value: str, **fields: object) -> Json:
    return {"type": "text", "text": value} | fields


def call(call_id: str, name: str = "Bash") -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": {"c": "ls"}}


def result(call_id: str, content: object = "ok", **fields: object) -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content} | fields


def user(*parts: str | Json) -> Json:
    return said(content_of(parts, text="text"))


def attached(kind: str, media_type: str, size: int) -> Json:
    source = {"type": "base64", "media_type": media_type, "data": "A" * size}
    return {"type": kind, "source": source}


WIRE = Wire(
    dialect="anthropic_messages",
    field="messages",
    user=user,
    called=lambda *ids: said([call(call_id) for call_id in ids], "assistant"),
    result=lambda call_id, *parts: said([result(call_id, [*parts] or "ok")]),
    image=lambda size: attached("image", "image/png", size),
    document=lambda size: attached("document", "application/pdf", size),
    system=lambda value: ([], {"system": value}),
    tools=[{"name": "Bash"}, {"name": "Read"}],
)
