"""The answer to a client of Gemini's API that asks for a stream without `alt=sse`: a JSON array.

It stands between the proxy, which knows of streams of events alone, and the client.
"""

from starlette.types import Message, Send

from turnout.dialects.gemini_generate.array import CONTENT_TYPE, ArrayOfEvents, array_of_error


class ArrayAnswer:
    """The client's side of one answer; what is no stream is held until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._stream: ArrayOfEvents | None = None
        self._held: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
            return
        data: object = message.get("body", b"")
        assert isinstance(data, bytes)
        is_more: bool = message.get("more_body", False)
        if self._stream is None:
            self._held.append(data)
            if not is_more:
                await self._send_held()
            return
        out = self._stream.feed(data) if data else b""
        if not is_more:
            out += self._stream.close()
        if out:
            await self._send({"type": "http.response.body", "body": out, "more_body": is_more})

    async def _begin(self, message: Message) -> None:
        headers: list[tuple[bytes, bytes]] = message["headers"]
        if not any(k == b"content-type" and b"event-stream" in v for k, v in headers):
            self._start = message
            return
        self._stream = ArrayOfEvents()
        told = [(k, v) for k, v in headers if k not in {b"content-type", b"content-length"}]
        told.append((b"content-type", CONTENT_TYPE.encode()))
        await self._send({**message, "headers": told})

    async def _send_held(self) -> None:
        body = array_of_error(b"".join(self._held))
        headers: list[tuple[bytes, bytes]] = self._start["headers"]
        told = [(k, v) for k, v in headers if k != b"content-length"]
        told.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": told})
        await self._send({"type": "http.response.body", "body": body})
