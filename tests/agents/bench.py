"""Where an agent is tried: Turnout as real processes, and a simulated provider that keeps bodies.

Rules: the provider runs beside Turnout, not under it, because only a provider of the tests' own may
keep what it is sent; every test scripts it anew, and finds its rows by the session of its agent.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

import httpx
import msgspec

from tests.agents.claude import Run, run_claude
from tests.agents.desk import Desk
from tests.agents.install import Program
from tests.faults.product import Product
from tests.simulator.provider import running


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """The next answer of one model, or to a prompt that holds a text."""

    simulate: str
    model: str = ""
    holds: str = ""


Scripted: TypeAlias = str | Only
"""What an answer does, by the simulated provider's directives."""


class Counted(msgspec.Struct, frozen=True):
    """What the provider counted for it."""

    read: int = 0
    output: int = 0


class Sent(msgspec.Struct, frozen=True):
    """A request as the provider saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int = 0
    body: str | None = None
    model: str = ""
    status: int | None = None
    usage: Counted = Counted()


class _Log(msgspec.Struct, frozen=True):
    entries: list[Sent]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of `requests`, joined with what the decision knew of the thread."""

    thread: str
    harness: str
    request_class: str
    step_kind: str
    mode: str
    action: str
    reason: str
    requested_model: str
    served_model: str
    target: str
    outcome: str
    status: int
    attempts: int
    body_bytes: int
    cache_read: int | None
    is_subagent: int
    user_turn: str
    incumbent: str
    steps: int
    tool_results: int


_ROWS: Final = """
SELECT r.thread, r.harness, r.request_class, r.step_kind, r.mode, r.action, r.reason,
    r.requested_model, r.served_model, r.target, r.outcome, r.status, r.attempts, r.body_bytes,
    r.cache_read, toUInt8(r.is_subagent), r.user_turn, d.incumbent, d.steps, d.step_tool_results
FROM requests AS r INNER JOIN decisions AS d ON d.request_id = r.request_id
WHERE r.session = '{session}' ORDER BY r.received_at
"""

SIMULATE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One running product, its provider, and the agent's binary."""

    product: Product
    provider_url: str
    claude: Program

    async def script(self, *answers: Scripted) -> None:
        """What the next answers do, in order. Forgets what was scripted, seen and cached before."""
        following = [one if isinstance(one, str) else asdict(one) for one in answers]
        async with httpx.AsyncClient(timeout=SIMULATE_SECONDS) as client:
            answer = await client.delete(f"{self.provider_url}/simulate")
            answer.raise_for_status()
            answer = await client.post(f"{self.provider_url}/simulate", json={"next": following})
            answer.raise_for_status()

    async def sent(self) -> list[Sent]:
        """What the provider has been sent since the script."""
        async with httpx.AsyncClient(timeout=SIMULATE_SECONDS) as client:
            answer = await client.get(f"{self.provider_url}/simulate/log")
            return msgspec.json.decode(answer.content, type=_Log).entries

    async def run(
        self,
        desk: Desk,
        prompt: str,
        *,
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        return await run_claude(
            self.claude,
            desk,
            self.product.url,
            prompt,
            options=options,
            variables=variables,
        )

    async def rows(self, session: str, count: int) -> list[Row]:
        """The session's requests in the order of their arrival, once there are `count`."""
        found = await self.product.until_rows(
            _ROWS.format(session=session), lambda rows: len(rows) >= count
        )
        assert len(found) == count, found
        return msgspec.convert(found, list[Row])


@asynccontextmanager
async def bench(
    claude: Program, home: Path, settings: Mapping[str, str], *, split: bool = False
) -> AsyncIterator[Bench]:
    """A product with these settings, ready to serve."""
    with running("--keep-bodies") as provider_url:
        product = Product(
            home=home,
            split=split,
            settings={
                # Nine agents start beside it: a decision shall wait for the machine, not go without.
                "TURNOUT_SCORER__DEADLINE_SECONDS": "5",
                # An agent names a session as it likes, and one in some would be served as asked.
                "TURNOUT_ROUTING__CONTROL_SHARE": "0",
                "TURNOUT_ROUTING__EXPLORATION": "0",
                "TURNOUT_SIMULATOR__ENABLED": "always",
                "TURNOUT_SIMULATOR__URL": provider_url,
                **settings,
            },
        )
        try:
            await product.start()
            await product.wait_ready(lambda ready: ready.status == "ok")
            yield Bench(product=product, provider_url=provider_url, claude=claude)
        finally:
            await product.kill()
            product.report()
