"""Chat requests that are written like Responses requests, as Cursor sends them to a base URL of one's own.

Its agent sends a whole Responses body to `/chat/completions` and expects a chat answer; its other modes
send a chat body with some tools in Responses' flat form among them (BerriAI/litellm#34029 describes both).
OpenAI's own chat endpoint refuses either.

Rules: only a body that cannot be read as a chat request is looked at; what becomes of it is a chat
request, the same bytes for the same body; what is no Responses request either stays as it is, and the
client hears what was wrong with it as a chat request.
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import WireDialect
from turnout.dialects.passthrough import members
from turnout.dialects.reading import MALFORMED
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest

EVERYTHING: Final = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
"""Nothing may be left out here: what the target cannot take is seen to where it is known."""


class _Body(msgspec.Struct):
    model: str = ""
    messages: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    tools: list[msgspec.Raw] | None = None


class _Tool(msgspec.Struct):
    type: str | None = None
    name: str | None = None


class _Tools(msgspec.Struct):
    tools: list[msgspec.Raw] = []


_BODY: Final = msgspec.json.Decoder(_Body)
_TOOL: Final = msgspec.json.Decoder(_Tool)
_TOOLS: Final = msgspec.json.Decoder(_Tools)


def as_chat(body: bytes) -> bytes | None:
    """The body as a chat request; None when it is not one of the two shapes."""
    try:
        told = _BODY.decode(body)
        if not bytes(told.messages) and bytes(told.input):
            return _chat(DIALECTS["openai_responses"].decode_request(body))
        flat = [number for number, raw in enumerate(told.tools or ()) if _TOOL.decode(raw).name]
        if not bytes(told.messages) or not flat:
            return None
        tools = [bytes(raw) for raw in told.tools or ()]
        nested = _nested([tools[number] for number in flat])
    except (*MALFORMED, InvalidRequest):
        return None
    for number, tool in zip(flat, nested, strict=True):
        tools[number] = tool
    return _with_tools(body, b"[%b]" % b",".join(tools))


def _chat(conversation: Conversation) -> bytes:
    chat: WireDialect = DIALECTS["openai_chat"]
    # Chat takes metadata with what is stored only.
    told = replace(conversation, metadata=())
    return chat.encode_request(told, model=conversation.model, has=EVERYTHING)


def _nested(flat: list[bytes]) -> list[bytes]:
    """Flat tools in chat's form."""
    alone = b'{"model":"","input":"","tools":[%b]}' % b",".join(flat)
    encoded = _chat(DIALECTS["openai_responses"].decode_request(alone))
    return [bytes(raw) for raw in _TOOLS.decode(encoded).tools]


def _with_tools(body: bytes, tools: bytes) -> bytes:
    for member in reversed(members(body)):
        if member.name == "tools":
            body = body[: member.value_start] + tools + body[member.value_end :]
    return body
