"""Tool calls as wires write them whose arguments are an object, and ids of calls that came without."""

from typing import Final

import msgspec

from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def arguments_object(arguments: str, *, is_custom: bool) -> object:
    """Arguments as an object, in the model's own characters."""
    if is_custom:
        return {"input": arguments}
    if not arguments.strip():
        return {}
    try:
        _OBJECT.decode(arguments)
    except MALFORMED:
        # Cut or malformed: the client's own validation then tells the model what it wrote.
        return {"arguments": arguments}
    return msgspec.Raw(arguments.encode())


def text_of(value: object) -> str:
    """Arguments as text; some servers of OpenAI's wires write the object itself."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def made_call_id(response_id: str, number: int) -> str:
    """For a call that came without an id: clients refuse an empty one."""
    return "call_" + digest(response_id.encode(), str(number).encode())
