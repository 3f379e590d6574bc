"""What stands between results and what the user says, for a chat server that wants an answer there.

A user who breaks in, and pictures of a result, which chat has in a message of the user's, stand right
behind results in what agents send.
"""

from itertools import pairwise
from typing import Final

import msgspec

from turnout.dialects.reading import MALFORMED

_ANSWER: Final = b'{"role":"assistant","content":"I have read the results."}'
"""A server that insists on an answer takes an empty one for none."""


class _Message(msgspec.Struct):
    role: str | None = None


_MESSAGES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE: Final = msgspec.json.Decoder(_Message)


def with_answers(messages: bytes) -> bytes:
    """The very object that came in where none is missing, or where it is no list of messages."""
    try:
        items = _MESSAGES.decode(messages)
        roles = [_MESSAGE.decode(item).role for item in items]
    except MALFORMED:
        return messages
    missing = {n for n, pair in enumerate(pairwise(roles)) if pair == ("tool", "user")}
    if not missing:
        return messages
    out: list[bytes] = []
    for number, item in enumerate(items):
        out.append(bytes(item))
        if number in missing:
            out.append(_ANSWER)
    return b"[%b]" % b",".join(out)
