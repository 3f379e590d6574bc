"""The scripted provider at real sockets, in the clear and with certificates.

Rules: the first piece of a path names the script, the rest tells the dialect, and the body whether a stream is
asked for.
"""

import asyncio
import ssl
import subprocess
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.faults.provider_words import ANTHROPIC, CHAT
from tests.faults.scripted_provider import SCRIPTS, Asked
from tests.upstream_dispatcher.scripted import Exchange, ScriptedProvider, provider


class _Body(msgspec.Struct):
    model: str
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of a test, and certificates for 127.0.0.1: `foreign` is of another authority."""

    authority: Path
    key: Path
    by_name: Mapping[str, Path]


def certificates(directory: Path) -> Certificates:
    """With the openssl program, which every Linux has; without it these tests cannot be run."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", *curve, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=provider")
    for authority in ("ours", "theirs"):
        openssl(
            *("req", "-x509", *curve, "-keyout", f"{authority}.key", "-out", f"{authority}.pem"),
            *("-subj", f"/CN={authority}"),
        )
    signed = (("good", "ours", "2"), ("expired", "ours", "-1"), ("foreign", "theirs", "2"))
    for name, authority, days in signed:
        openssl(
            *("x509", "-req", "-in", "own.csr", "-CA", f"{authority}.pem"),
            *("-CAkey", f"{authority}.key", "-CAcreateserial", "-out", f"{name}.pem"),
            *("-days", days, "-extfile", "names"),
        )
    return Certificates(
        authority=directory / "ours.pem",
        key=directory / "own.key",
        by_name={name: directory / f"{name}.pem" for name, _, _ in signed},
    )


@dataclass(slots=True)
class FailingProvider:
    """Where it can be reached: by every script in the clear, by one that is fine with certificates.

    Attributes:
        heard: by model, whether a client has heard a first word; set by clients.
        answering: scripts that are not over.
    """

    plain: ScriptedProvider = field(init=False)
    tls: dict[str, str] = field(default_factory=dict)
    heard: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )

    answering: int = 0

    def url(self, script: str) -> str:
        return f"{self.plain.url}/{script}"

    async def answer(self, exchange: Exchange) -> None:
        path = exchange.seen.line.split()[1]
        words = ANTHROPIC if path.endswith("/messages") else CHAT
        body = msgspec.json.decode(exchange.seen.body, type=_Body)
        script = SCRIPTS[path.split("/")[1]]
        self.answering += 1
        try:
            await script(Asked(exchange, words, body.stream, self.heard[body.model]))
        finally:
            self.answering -= 1


@asynccontextmanager
async def failing_provider(made: Certificates) -> AsyncGenerator[FailingProvider]:
    failing = FailingProvider()
    async with provider(failing.answer) as failing.plain, AsyncExitStack() as stack:
        for name, certificate in made.by_name.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, made.key)
            server = await asyncio.start_server(failing.plain.serve, "127.0.0.1", 0, ssl=context)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
            failing.tls[name] = f"https://127.0.0.1:{port}/fine-and-closed"
        yield failing
