"""Scripts of a chat provider: one that does its work, and the ways in which one does not."""

from tests.upstream_dispatcher.samples import (
    CHAT_ERROR,
    CHAT_MORE,
    CHAT_ROLE,
    CHAT_STREAM,
    CHAT_TEXT,
    CHAT_WHOLE,
    EVENTS,
    JSON,
)
from tests.upstream_dispatcher.scripted import Exchange, Script

FIRST = "openai/gpt-5.4@env"
SECOND = "deepseek/deepseek-chat@env"


async def whole_stream(exchange: Exchange) -> None:
    await exchange.stream(*CHAT_STREAM)


def refusing(status: int, body: bytes = b"{}", *headers: tuple[str, str]) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, *(headers or (JSON,)))

    return script


async def reset_at_once(exchange: Exchange) -> None:
    exchange.reset()


async def reset_after_head(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    exchange.reset()


async def reset_before_content(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_ROLE)
    exchange.reset()


async def nothing_in_stream(exchange: Exchange) -> None:
    await exchange.stream()


async def half_a_head(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
    exchange.close()


async def no_http(exchange: Exchange) -> None:
    await exchange.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    exchange.close()


async def html(exchange: Exchange) -> None:
    await exchange.answer(200, b"<html>captive</html>", ("content-type", "text/html"))


async def error_in_stream(exchange: Exchange) -> None:
    await exchange.stream(CHAT_ROLE, CHAT_ERROR)


async def error_in_json(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"error":{"message":"no","type":"server_error"}}', JSON)


async def truncated_json(exchange: Exchange) -> None:
    await exchange.answer(200, CHAT_WHOLE[:100], JSON)


async def silence(exchange: Exchange) -> None:
    await exchange.until_closed()


async def silence_after_role(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_ROLE)
    await exchange.until_closed()


async def ended_early(exchange: Exchange) -> None:
    await exchange.stream(CHAT_TEXT)


async def ended_inside_an_event(exchange: Exchange) -> None:
    await exchange.stream(CHAT_TEXT, CHAT_MORE[:-1])


async def silent_after_content(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_TEXT)
    await exchange.until_closed()
