"""What a provider does that fails, in every way that has a name.

Rules: a script writes bytes and not events, for most of what goes wrong is no event; it serves both dialects,
streams and bodies; whoever is to stay silent does so until the other side hangs up.
"""

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final, TypeAlias

from tests.faults.provider_words import BACKUP, BACKUP_STREAM, BACKUP_WHOLE, Words
from tests.upstream_dispatcher.scripted import Exchange

SILENT_SECONDS: Final = 30.0
"""Longer than any deadline of the product under test."""

LATE_SECONDS: Final = 1.2
"""A connection that is lost later than this had been used (`limits.STALE_SECONDS`)."""

PIECE: Final = 64 * 1024
EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a script.

    Attributes:
        heard: set once its client has heard a first word.
    """

    exchange: Exchange
    words: Words
    stream: bool
    heard: asyncio.Event

    @property
    def kind(self) -> str:
        return EVENTS if self.stream else JSON

    async def head(self, *headers: tuple[str, str], length: int | None = None) -> None:
        await self.exchange.head(200, ("content-type", self.kind), *headers, length=length)

    async def begin(self) -> None:
        """As far as anything can come before content: the first event, half of a body."""
        await self.head()
        await self.exchange.chunk(
            self.words.start if self.stream else self.words.whole[: len(self.words.whole) // 2]
        )

    async def speak(self) -> None:
        """The first content of a stream; of a body half of it."""
        await self.begin()
        if self.stream:
            await self.exchange.chunk(self.words.text)

    async def relayed(self) -> None:
        """What a lost connection overtakes is lost: wait until a stream's first content has arrived."""
        if self.stream:
            async with asyncio.timeout(SILENT_SECONDS):
                await self.heard.wait()

    async def silence(self) -> None:
        await self.exchange.until_closed(seconds=SILENT_SECONDS)

    @property
    def answer(self) -> bytes:
        return self.words.stream if self.stream else self.words.whole

    async def refuse(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        await self.exchange.answer(status, body, *headers)


Script: TypeAlias = Callable[[Asked], Awaitable[None]]


async def fine(asked: Asked) -> None:
    await asked.head()
    await asked.exchange.chunk(asked.answer)
    await asked.exchange.end()


async def backup(asked: Asked) -> None:
    await asked.head()
    await asked.exchange.chunk(BACKUP_STREAM if asked.stream else BACKUP_WHOLE)
    await asked.exchange.end()


async def fine_and_closed(asked: Asked) -> None:
    """For connections that no pool is to keep."""
    await asked.head(("connection", "close"), length=len(asked.answer))
    await asked.exchange.write(asked.answer)
    asked.exchange.close()


async def silent(asked: Asked) -> None:
    await asked.silence()


async def closed_at_once(asked: Asked) -> None:
    asked.exchange.close()


async def reset_at_once(asked: Asked) -> None:
    asked.exchange.reset()


async def reset_late(asked: Asked) -> None:
    await asyncio.sleep(LATE_SECONDS)
    asked.exchange.reset()


async def half_a_head(asked: Asked) -> None:
    await asked.exchange.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
    asked.exchange.close()


async def no_http(asked: Asked) -> None:
    await asked.exchange.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    asked.exchange.close()


async def endless_head(asked: Asked) -> None:
    await asked.exchange.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await asked.exchange.write(b"x-a: " + b"y" * PIECE + b"\r\n")


def refusing(status: int, *headers: tuple[str, str], body: bytes = b"") -> Script:
    """With the dialect's own error body, or with another one."""

    async def script(asked: Asked) -> None:
        told = body or asked.words.error_body
        await asked.refuse(status, told, *(headers or (("content-type", JSON),)))

    return script


async def throttled_until(asked: Asked) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    await asked.refuse(429, asked.words.error_body, ("content-type", JSON), ("retry-after", at))


async def throttled_unreadably(asked: Asked) -> None:
    """The status and the time can be read, the body cannot."""
    headers = (("content-type", JSON), ("content-encoding", "br"), ("retry-after", "7"))
    await asked.refuse(429, b"\x0b\x02\x80{}\x03", *headers)


async def error_inside(asked: Asked) -> None:
    if asked.stream:
        await asked.begin()
        await asked.exchange.chunk(asked.words.error_event)
        await asked.exchange.end()
    else:
        await asked.refuse(200, asked.words.error_body, ("content-type", JSON))


async def silent_before_content(asked: Asked) -> None:
    await asked.begin()
    await asked.silence()


async def reset_before_content(asked: Asked) -> None:
    await asked.begin()
    asked.exchange.reset()


async def closed_before_content(asked: Asked) -> None:
    await asked.begin()
    asked.exchange.close()


async def empty(asked: Asked) -> None:
    await asked.head()
    await asked.exchange.end()


async def html(asked: Asked) -> None:
    await asked.refuse(200, b"<html>captive</html>", ("content-type", "text/html"))


async def cut_json(asked: Asked) -> None:
    await asked.refuse(200, asked.words.whole[:-20], ("content-type", JSON))


async def too_little(asked: Asked) -> None:
    """Less than its length says: a stream breaks off in its content."""
    body = asked.words.start + asked.words.text if asked.stream else asked.answer
    await asked.head(length=len(body) + 100)
    await asked.exchange.write(body)
    await asked.relayed()
    asked.exchange.close()


async def too_much(asked: Asked) -> None:
    """More than its length says, in one piece: what is behind it is no part of this answer or the next."""
    head = f"HTTP/1.1 200 X\r\ncontent-type: {asked.kind}\r\ncontent-length: {len(asked.answer)}"
    await asked.exchange.write(head.encode() + b"\r\n\r\n" + 2 * asked.answer)
    await asked.silence()


async def no_chunks(asked: Asked) -> None:
    await asked.speak()
    await asked.relayed()
    await asked.exchange.write(b"this is no size of a chunk\r\n")
    await asked.silence()


def encoded(encoding: str, body: Callable[[bytes], bytes]) -> Script:
    async def script(asked: Asked) -> None:
        data = body(asked.answer)
        await asked.head(("content-encoding", encoding), length=len(data))
        await asked.exchange.write(data)

    return script


def raw_deflate(data: bytes) -> bytes:
    """Without zlib's own head, as some servers say `deflate`."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


def half_gzip(data: bytes) -> bytes:
    """Whole by its length, and cut inside."""
    return gzip.compress(data)[:-30]


async def endless_body(asked: Asked) -> None:
    """Never an event, never an object."""
    await asked.head()
    await asked.exchange.chunk(b'data: {"' if asked.stream else b'{"')
    while True:
        await asked.exchange.chunk(b"x" * PIECE)


async def endless_pings(asked: Asked) -> None:
    await asked.begin()
    lines = b": " + b"p" * (PIECE - 4) + b"\n\n"
    while True:
        await asked.exchange.chunk(lines)


async def endless_error(asked: Asked) -> None:
    await asked.exchange.head(500, ("content-type", JSON))
    while True:
        await asked.exchange.chunk(b"x" * PIECE)


async def endless_content(asked: Asked) -> None:
    await asked.speak()
    while True:
        await asked.exchange.chunk(asked.words.more * 50)
        await asyncio.sleep(0.005)


async def silent_in_the_middle(asked: Asked) -> None:
    await asked.speak()
    await asked.silence()


async def reset_in_the_middle(asked: Asked) -> None:
    await asked.speak()
    await asked.relayed()
    asked.exchange.reset()


async def closed_in_the_middle(asked: Asked) -> None:
    await asked.speak()
    await asked.relayed()
    asked.exchange.close()


async def over_in_the_middle(asked: Asked) -> None:
    await asked.speak()
    await asked.exchange.end()


async def over_inside_an_event(asked: Asked) -> None:
    await asked.speak()
    await asked.exchange.chunk(asked.words.more[:-10])
    await asked.exchange.end()


async def error_in_the_middle(asked: Asked) -> None:
    await asked.speak()
    await asked.exchange.chunk(asked.words.error_event)
    await asked.exchange.end()


async def slow(asked: Asked) -> None:
    """A few bytes at a time, over in time."""
    await asked.head()
    for start in range(0, len(asked.answer), 97):
        await asked.exchange.chunk(asked.answer[start : start + 97])
        await asyncio.sleep(0.05)
    await asked.exchange.end()


async def dripping(asked: Asked) -> None:
    """Never silent for long, and never over."""
    await asked.speak()
    while True:
        await asked.exchange.chunk(asked.words.more if asked.stream else b" ")
        await asyncio.sleep(0.2)


async def content_after_stop(asked: Asked) -> None:
    await asked.head()
    await asked.exchange.chunk(asked.answer)
    await asked.exchange.chunk(asked.words.more)
    await asked.exchange.end()


async def tool_arguments_no_json(asked: Asked) -> None:
    await asked.head()
    await asked.exchange.chunk(asked.words.tool_stream if asked.stream else asked.words.tool_whole)
    await asked.exchange.end()


CHAT_ONLY: Final = "chat-only-"
"""Before the name of a script whose provider speaks one dialect: for the clients of the other it is translated."""

_BOTH: Final[Mapping[str, Script]] = {
    "warm-up": fine,
    "fine": fine,
    BACKUP: backup,
    "fine-and-closed": fine_and_closed,
    "closed-at-once": closed_at_once,
    "reset-at-once": reset_at_once,
    "reset-late": reset_late,
    "half-a-head": half_a_head,
    "no-http": no_http,
    "silent": silent,
    "429": refusing(429),
    "429-seconds": refusing(429, ("content-type", JSON), ("retry-after", "7")),
    "429-far": refusing(429, ("content-type", JSON), ("retry-after", "3600")),
    "429-date": throttled_until,
    "429-br": throttled_unreadably,
    "529": refusing(529),
    "500-html": refusing(500, ("content-type", "text/html"), body=b"<html>oops</html>"),
    "redirect": refusing(302, ("location", "http://127.0.0.1:9/")),
    "error-inside": error_inside,
    "silent-before-content": silent_before_content,
    "reset-before-content": reset_before_content,
    "closed-before-content": closed_before_content,
    "empty": empty,
    "html": html,
    "cut-json": cut_json,
    "too-little": too_little,
    "too-much": too_much,
    "no-chunks": no_chunks,
    "gzip": encoded("gzip", gzip.compress),
    "deflate": encoded("deflate", zlib.compress),
    "raw-deflate": encoded("deflate", raw_deflate),
    "gzip-half": encoded("gzip", half_gzip),
    "gzip-not": encoded("gzip", bytes),
    "br": encoded("br", bytes),
    "silent-in-the-middle": silent_in_the_middle,
    "reset-in-the-middle": reset_in_the_middle,
    "closed-in-the-middle": closed_in_the_middle,
    "over-in-the-middle": over_in_the_middle,
    "over-inside-an-event": over_inside_an_event,
    "error-in-the-middle": error_in_the_middle,
    "slow": slow,
    "dripping": dripping,
    "content-after-stop": content_after_stop,
    "tool-arguments-no-json": tool_arguments_no_json,
    "endless-head": endless_head,
    "endless-body": endless_body,
    "endless-pings": endless_pings,
    "endless-error": endless_error,
    "endless-content": endless_content,
}

SCRIPTS: Final[Mapping[str, Script]] = {
    **_BOTH,
    **{f"{CHAT_ONLY}{name}": script for name, script in _BOTH.items()},
}
