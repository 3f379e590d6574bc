"""One HTTP request out of bytes, asked of an ASGI application, and what any answer to it must be.

The bytes are a request line without version, header lines, an empty line and the body, so that a finding
reads like what caused it. Rules: what no HTTP server lets through is left out: names that are no
tokens, values with control characters; paths arrive decoded, as servers give them.
"""

import asyncio
import json
import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp

from turnout.ingress.paths import asks_for_array, speaks_at

WAIT_SECONDS: Final = 10.0

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_METHOD: Final = re.compile(rb"[A-Z]{1,20}")
_ALLOWED_HOST: Final = (b"host", b"127.0.0.1:8080")


@dataclass(slots=True)
class Exchange:
    """A request and what has come of it so far."""

    method: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int = 0
    told: bytearray = field(default_factory=bytearray)
    is_whole: bool = False
    _is_sent: bool = False

    @classmethod
    def of(cls, data: bytes) -> "Exchange":
        head, _, body = data.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        method, _, target = first.partition(b" ")
        path, _, query = target.partition(b"?")
        headers = [_ALLOWED_HOST]
        for line in lines:
            name, _, value = line.partition(b":")
            if _TOKEN.fullmatch(name) and not _CONTROL.search(value):
                headers.append((name.lower(), value.strip(b" \t")))
        return cls(
            method=method.decode() if _METHOD.fullmatch(method) else "POST",
            raw_path=b"/" + _CONTROL.sub(b"", path.lstrip(b"/")),
            query=query,
            headers=headers,
            body=body,
        )

    @property
    def path(self) -> str:
        return unquote(self.raw_path.decode("latin-1"))

    async def ask(self, app: ASGIApp) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.raw_path,
            "root_path": "",
            "query_string": self.query,
            "headers": self.headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
        }
        async with asyncio.timeout(WAIT_SECONDS):
            await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, object]:
        if self._is_sent:
            # A client that stays until it has its answer.
            await asyncio.Event().wait()
        self._is_sent = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def _send(self, message: MutableMapping[str, object]) -> None:
        match message:
            case {"type": "http.response.start", "status": int(status), "headers": list(headers)}:
                assert not self.status, "one start"
                for name, value in headers:
                    assert _TOKEN.fullmatch(name)
                    assert not _CONTROL.search(value)
                self.status = status
            case {"type": "http.response.body"}:
                assert self.status, "the start comes first"
                assert not self.is_whole, "nothing after the end"
                data = message.get("body", b"")
                assert isinstance(data, bytes)
                self.told += data
                self.is_whole = not message.get("more_body", False)
            case _:
                raise AssertionError(message)

    def check(self) -> None:
        """Assert a whole answer that is no fault of ours, an error in the words of the caller's dialect."""
        assert self.is_whole
        assert 200 <= self.status < 500, self.status
        if self.status < 400 or self.method == "HEAD":
            return
        answer = json.loads(self.told)
        if isinstance(answer, list):
            # A stream of Gemini's that is an array is one when it fails, too.
            assert asks_for_array(self.path, self.query.decode("latin-1"))
            (answer,) = answer
        told = answer["error"]
        assert told["message"]
        path = self.path
        headers = {name.decode("latin-1"): "" for name, _ in self.headers}
        match speaks_at(path, self.query.decode("latin-1"), headers):
            case "anthropic_messages" if path.startswith("/v1/messages"):
                assert answer["type"] == "error"
            case "gemini_generate" if path.startswith("/v1beta/"):
                assert told["code"] == self.status
                assert told["status"]
            case _:
                pass
