"""What a conversation through any of the SDKs is: how it is asked, and what it is told.

Rules: what a model said goes back exactly as the SDK gave it, because that is what an agent built on
the SDK does; nothing is retried; what is told of an answer is what a person would ask about it.
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import BaseModel

MAX_TOKENS: Final = 2_000

LOOK, RUN = "Look", "Run"
SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {"what": {"type": "string"}, "times": {"type": "integer"}},
    "required": ["what", "times"],
    "additionalProperties": False,
}
"""Strict, because openai's helpers stream no other tools."""

PICTURE_SIDE: Final = 64


class Weather(BaseModel):
    """What is asked for where the answer has to have a form."""

    place: str
    degrees: int
    is_raining: bool


def picture() -> bytes:
    """Noise, which no encoding makes smaller: a body is long exactly when it holds this."""

    def part(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    row = 1 + 3 * PICTURE_SIDE
    noise = bytearray(hashlib.shake_128(b"noise").digest(row * PICTURE_SIDE))
    noise[::row] = bytes(PICTURE_SIDE)  # each row begins with the filter that leaves it as it is
    header = struct.pack(">IIBBBBB", PICTURE_SIDE, PICTURE_SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(noise))
    whole = part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


PNG: Final = picture()
PNG_TEXT: Final = base64.b64encode(PNG).decode()


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool as the SDK tells it."""

    id: str
    name: str
    arguments: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer. `thoughts` says that reasoning came with it, `shown` that it can be read. `first_input` is the prompt's size as the first event tells it, None where the
    SDK's protocol has usage at the end alone.
    """

    model: str
    text: str
    stop: str
    calls: tuple[Called, ...]
    thoughts: bool
    shown: bool
    input_count: int
    output_count: int
    first_input: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How the next answer is asked for; `simulate` scripts it."""

    model: str
    stream: bool = False
    simulate: str = ""
    tools: bool = False
    thinking: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"x-simulate": self.simulate} if self.simulate else {}


class Talk(Protocol):
    """One conversation through one SDK."""

    def say(self, text: str, *, with_picture: bool = False) -> None: ...

    def answer(self, asked: Asked) -> Told:
        """Ask, and keep the answer in the conversation."""
        ...

    def pieces(self, asked: Asked) -> Generator[object]:
        """The events of a streamed answer, which is not kept; closing it leaves the stream."""
        ...

    def give(self, called: Called, text: str, *, with_picture: bool = False) -> None:
        """What a tool said."""
        ...

    def weather(self, asked: Asked) -> Weather | None:
        """An answer in a form, read by the SDK itself."""
        ...
