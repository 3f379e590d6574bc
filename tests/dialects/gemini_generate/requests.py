"""Requests of this wire, as tests of surveys write them."""

from tests.dialects.surveyed import Json, Wire

PATH = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
TOOLS: list[Json] = [
    {"functionDeclarations": [{"name": "read_file"}, {"name": "ls", "parametersJsonSchema": {}}]}
]


def user(*parts: str | Json) -> Json:
    return {"role": "user", "parts": [{"text": p} if isinstance(p, str) else p for p in parts]}


def called(*names: str) -> Json:
    parts = [{"functionCall": {"name": name, "args": {}}} for name in names]
    return {"role": "model", "parts": parts}


def answered(name: str, response: Json | None = None, **more: object) -> Json:
    """The part that answers a call."""
    return {"functionResponse": {"name": name, "response": response or {"output": "ok"}} | more}


def result(name: str, *parts: Json) -> Json:
    return user(answered(name, None, **({"parts": parts} if parts else {})))


def attached(media_type: str, size: int) -> Json:
    return {"inline_data": {"mime_type": media_type, "data": "A" * size}}


WIRE = Wire(
    dialect="gemini_generate",
    field="contents",
    user=user,
    called=called,
    result=result,
    image=lambda size: attached("image/png", size),
    document=lambda size: attached("application/pdf", size),
    system=lambda text: ([], {"systemInstruction": {"role": "user", "parts": [{"text": text}]}}),
    tools=TOOLS,
    path=PATH,
)
