"""Contents and declarations as agents mostly write them, each read in one step.

Rules: what is read here is what `request_decode` and `contents_decode` read field by field; whatever
holds a field more, a rarer part, another spelling or a value of another type gives None and is left to
them, who keep what stands beside and name what is wrong.
"""

from typing import Final, Literal

import msgspec

from turnout.dialects.conversation import JsonText, Tool
from turnout.dialects.reading import ABSENT, MALFORMED, json_text

TEXT_KEYS: Final = frozenset({"output", "result", "error"})
"""Under which of them one text stands, it is the result's text."""


class _Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    id: str = ""
    args: msgspec.Raw = ABSENT

    @property
    def arguments(self) -> JsonText:
        return json_text(self.args) or "{}"


class _Result(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    response: dict[str, str]
    id: str = ""


class UsualPart(msgspec.Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    text: str | None = None
    function_call: _Call | None = None
    function_response: _Result | None = None
    thought_signature: str = ""


class UsualContent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Each part holds a text, a call or a result of one text with its name, and may have a signature."""

    parts: list[UsualPart]
    role: Literal["user", "model"] = "user"


class _Declared(msgspec.Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    name: str
    description: str = ""
    parameters_json_schema: msgspec.Raw = ABSENT


_CONTENT: Final = msgspec.json.Decoder(UsualContent)
_DECLARED: Final = msgspec.json.Decoder(_Declared)


def usual_content(raw: msgspec.Raw) -> UsualContent | None:
    try:
        found = _CONTENT.decode(raw)
        for part in found.parts:
            if not _is_usual(part):
                return None
    except MALFORMED:
        return None
    return found


def _is_usual(part: UsualPart) -> bool:
    """Whether it is one thing alone."""
    call, result = part.function_call, part.function_response
    if part.text is not None:
        return call is None and result is None
    if call is not None:
        # They are taken out as text later, where nothing can be wrong with them any more.
        str(call.args, "utf-8")
        return result is None
    return (
        result is not None
        and result.name != ""
        and len(result.response) == 1
        and not TEXT_KEYS.isdisjoint(result.response)
    )


def usual_tool(raw: msgspec.Raw) -> Tool | None:
    try:
        found = _DECLARED.decode(raw)
        return Tool(found.name, found.description, json_text(found.parameters_json_schema))
    except MALFORMED:
        return None
