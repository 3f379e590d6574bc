"""A product whose providers fail, asked by every script at once, and what came of each request.

Rules: every request has a model of its own, so that what one target did says nothing of another; models
asked for as `turnout/<model>` are pinned, and nobody else may answer; asked for by their own name they are the
cheapest, and the backup answers for them.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from tests.faults.clients import PATHS, Wire
from tests.faults.failing_provider import FailingProvider, certificates, failing_provider
from tests.faults.open_files import Opened, opened_by
from tests.faults.product import Part, Product, Value
from tests.faults.provider_words import BACKUP, FIRST_WORD
from tests.faults.scripted_provider import CHAT_ONLY, SCRIPTS
from turnout.engines.free_ports import free_ports

BOTH: Final[tuple[Wire, ...]] = ("anthropic_messages", "openai_chat")

INPUT_PRICE: Final = 1.0
OUTPUT_PRICE: Final = 10.0
"""USD per million tokens."""

BACKUP_TIMES: Final = 10
"""What the backup costs; so it is never chosen first."""

ANSWER_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 20.0

AT_ONCE: Final = 4
"""Requests that are answered at once, at a time; those that wait are asked beside them, all together."""

LIMITS: Final[Mapping[str, str]] = {
    "CONNECT_SECONDS": "2",
    "COMMIT_SECONDS": "2.5",
    "FIRST_BYTE_SECONDS": "3.5",
    "IDLE_SECONDS": "3.5",
    "KEEP_ALIVE_SECONDS": "0.5",
    "REQUEST_SECONDS": "6",
}
"""Of the dispatcher. What is slow is as slow as these, and nothing else comes near the first of them."""


RELAYING: Final[tuple[Part, ...]] = ("upstream-dispatcher", "ingress")

ROUTING: Final[Mapping[str, str]] = {
    "MODE": "full",
    "CANDIDATES": json.dumps([BACKUP]),
    "NAMED_MODEL": "baseline",
    "QUALITY_BIAS": "0",
    "EXPLORATION": "0",
    "CONTROL_SHARE": "0",
}
"""The cheapest is first, which is who was asked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: a script, as one client asks for it.

    Attributes:
        backed: whether the backup may answer for it.
    """

    script: str
    wire: Wire
    stream: bool
    backed: bool = False

    @property
    def id(self) -> str:
        return ".".join(
            (
                self.script,
                "anthropic" if self.wire == "anthropic_messages" else "chat",
                "stream" if self.stream else "whole",
                *(("backed",) if self.backed else ()),
            )
        )

    @property
    def begins_with_tokens(self) -> bool:
        """Whether the provider's stream says first how many tokens the prompt has."""
        return self.wire == "anthropic_messages" and not self.script.startswith(CHAT_ONLY)

    @property
    def body(self) -> dict[str, object]:
        return {
            "model": self.id if self.backed else f"turnout/{self.id}",
            "max_tokens": 100,
            "stream": self.stream,
            "messages": [{"role": "user", "content": f"Why is the sky blue? {self.id}"}],
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of `attempts`."""

    provider: str
    kind: str
    outcome: str
    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of `requests`, with those of `attempts`."""

    outcome: str
    status: int
    error: str
    served_model: str
    fresh_input: Value
    output: Value
    cost_usd: Value
    usage_source: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


async def ask(
    client: aiohttp.ClientSession, url: str, request: Request, heard: asyncio.Event
) -> Heard:
    async with client.post(
        url + PATHS[request.wire],
        json=request.body,
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
    ) as answer:
        body = b""
        async for data in answer.content.iter_any():
            body += data
            if FIRST_WORD in body:
                heard.set()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Heard(answer.status, headers, body)


NOTHING_OPEN: Final = Opened(0, 0, 0)


@dataclass(slots=True)
class Ran:
    """A running product and its failing provider.

    Attributes:
        before: what was open before anything went wrong.
        grown_bytes: what `endless` made the parts grow by at most.
        heard, recorded: by request, once it was asked.
    """

    product: Product
    provider: FailingProvider
    before: Opened = NOTHING_OPEN
    heard: dict[Request, Heard] = field(default_factory=dict)
    recorded: dict[Request, Recorded] = field(default_factory=dict)
    grown_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def relaying(self) -> Mapping[str, int]:
        """The processes that an answer goes through, the one that speaks to providers first."""
        if not self.product.split:
            return {"turnout": self.product.pid}
        found: dict[str, int] = {}
        for part in RELAYING:
            (found[part],) = self.product.children(part)
        return found

    async def ask(
        self, now: Sequence[Request], *, beside: Sequence[Request] = (), at_once: int = AT_ONCE
    ) -> None:
        """Ask, wait for all answers, and for what is recorded of them."""
        few = asyncio.Semaphore(at_once)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:

            async def one(request: Request) -> None:
                try:
                    self.heard[request] = await ask(
                        client, self.product.url, request, self.provider.heard[request.id]
                    )
                except (aiohttp.ClientError, TimeoutError) as reason:
                    self.heard[request] = Heard(0, {}, repr(reason).encode())

            async def among_few(request: Request) -> None:
                async with few:
                    await one(request)

            async with asyncio.TaskGroup() as group:
                for request in beside:
                    group.create_task(one(request))
                for request in now:
                    group.create_task(among_few(request))
        await self._read([*now, *beside])

    async def _read(self, requests: Sequence[Request]) -> None:
        ids = {self.heard[one].headers.get("turnout-request-id", ""): one for one in requests}
        ids.pop("", None)
        among = "WHERE request_id IN (" + ", ".join(f"'{name}'" for name in ids) + ")"
        await self.product.until_rows(
            f"SELECT uniqExact(request_id) FROM requests {among}",
            lambda rows: rows == [[len(ids)]],
        )
        await self.product.until_consumed()
        attempts: dict[Value, list[Attempt]] = {}
        for name, provider, kind, outcome, status, error in await self.product.rows(
            f"SELECT request_id, provider, kind, outcome, status, error FROM attempts {among}"
            " ORDER BY number"
        ):
            attempts.setdefault(name, []).append(
                Attempt(str(provider), str(kind), str(outcome), _whole(status), str(error))
            )
        for name, outcome, status, error, model, *usage, source in await self.product.rows(
            "SELECT request_id, outcome, status, error, served_model, fresh_input, output, cost_usd,"
            f" usage_source FROM requests {among}"
        ):
            fresh_input, output, cost_usd = usage
            self.recorded[ids[str(name)]] = Recorded(
                outcome=str(outcome),
                status=_whole(status),
                error=str(error),
                served_model=str(model),
                fresh_input=fresh_input,
                output=output,
                cost_usd=cost_usd,
                usage_source=str(source),
                attempts=tuple(attempts.get(name, ())),
            )

    async def endless(self, now: Sequence[Request], *, beside: Sequence[Request]) -> None:
        """Ask for what never ends."""
        before = {part: _memory(pid, "VmRSS") for part, pid in self.relaying.items()}
        await self.ask(now, beside=beside, at_once=1)
        for part, pid in self.relaying.items():
            self.grown_bytes[part] = _memory(pid, "VmHWM") - before[part]

    async def at_rest(self) -> Opened:
        """What the process that speaks to providers holds open, once that stays the same for a while."""
        port = int(self.provider.plain.url.rpartition(":")[2])
        pid = next(iter(self.relaying.values()))
        last, same = opened_by(pid, provider_port=port), 0
        async with asyncio.timeout(WAIT_SECONDS):
            while same < 5:
                await asyncio.sleep(0.1)
                found = opened_by(pid, provider_port=port)
                same = same + 1 if found == last else 0
                last = found
        return last


def _memory(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{what}:")]
    return int(line.split()[1]) * 1024


def _whole(value: Value) -> int:
    assert isinstance(value, int)
    return value


@asynccontextmanager
async def running(home: Path, requests: Sequence[Request], *, split: bool) -> AsyncGenerator[Ran]:
    """A product that can be asked `requests`, and nothing else."""
    made = certificates(home)
    (closed,) = free_ports(1)
    product = Product(home, split=split)
    async with failing_provider(made) as provider:
        plain = {name: provider.url(name) for name in SCRIPTS}
        urls = plain | {
            "refused": f"http://127.0.0.1:{closed}",
            "no-such-name": "http://nowhere.invalid",
            "tls-none": plain["fine"].replace("http:", "https:"),
            **{f"tls-{name}": url for name, url in provider.tls.items()},
        }
        file = home / "catalog.json"
        file.write_text(catalog(urls, requests))
        product.settings |= {
            "SSL_CERT_FILE": str(made.authority),
            "TURNOUT_CATALOG__FILE": str(file),
            # A busy machine is late with a decision, and without one there is no backup.
            "TURNOUT_SCORER__DEADLINE_SECONDS": "10",
            "TURNOUT_SESSION_CACHE_TRACKER__DEADLINE_SECONDS": "10",
            **{f"TURNOUT_ROUTING__{name}": value for name, value in ROUTING.items()},
            **{f"TURNOUT_UPSTREAM_DISPATCHER__{name}": value for name, value in LIMITS.items()},
        }
        try:
            await product.start()
            yield Ran(product, provider)
        finally:
            await product.kill()
            product.report()


def catalog(urls: Mapping[str, str], requests: Sequence[Request]) -> str:
    """The catalog file: a provider a script, a model a request, and the backup, which is dearer."""
    return json.dumps(
        {
            "providers": [
                {"name": script, "endpoints": _endpoints(script, url)}
                for script, url in urls.items()
            ],
            "models": [_model(one.id, one.script, 1) for one in requests]
            + [_model(BACKUP, BACKUP, BACKUP_TIMES)],
        }
    )


def _endpoints(script: str, url: str) -> list[dict[str, object]]:
    chat = _endpoint("openai_chat", f"{url}/v1")
    if script == BACKUP or script.startswith(CHAT_ONLY):
        return [chat]
    return [chat, _endpoint("anthropic_messages", url)]


def _endpoint(dialect: str, url: str) -> dict[str, object]:
    return {"dialect": dialect, "base_url": url, "auth": "none", "is_original": True}


def _model(name: str, provider: str, times: int) -> dict[str, object]:
    return {
        "id": name,
        "provider": provider,
        "capabilities": {"context_tokens": 100_000, "tools": True},
        "prices": {
            "fresh_input": INPUT_PRICE * times,
            "cache_read": INPUT_PRICE * times,
            "writes_cost_fresh": True,
            "output": OUTPUT_PRICE * times,
        },
    }
