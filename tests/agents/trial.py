"""One errand of one agent against one product, and everything that was seen of it.

Rules: rows are found by when they arrived, because most agents name no session; every call that the
provider has got is an attempt of one of the rows, so the rows are all there when the attempts are.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tests.agents.agent import Agent, Errand
from tests.agents.bench import Bench, Scripted, Sent
from tests.agents.desk import Desk, Ended
from tests.agents.install import Program
from turnout.capabilities import Dialect


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A row of `requests`."""

    session: str
    thread: str
    harness: str
    request_class: str
    dialect: str
    step_kind: str
    requested_model: str
    served_model: str
    outcome: str
    status: int
    attempts: int
    is_subagent: int


_ROWS: Final = """
SELECT session, thread, harness, request_class, dialect, step_kind, requested_model, served_model,
    outcome, status, attempts, toUInt8(is_subagent)
FROM requests WHERE received_at >= fromUnixTimestamp64Micro({since}) ORDER BY received_at
"""

MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What the agent printed, what the provider was sent, and what Turnout recorded."""

    ended: Ended
    sent: tuple[Sent, ...]
    rows: tuple[Asked, ...]

    def bodies(self) -> str:
        """Everything that models were told, as one text to search in."""
        return "\n".join(one.body or "" for one in self.sent)

    def check_success(self, answer: str) -> None:
        """The agent ended well, and its last word is the model's."""
        assert self.ended.status == 0, self.told()
        assert answer in self.ended.output, self.told()

    def told(self) -> str:
        """For the message of a failure."""
        calls = "\n".join(f"{one.method} {one.path} {one.model} {one.status}" for one in self.sent)
        rows = "\n".join(str(row) for row in self.rows)
        return f"{self.ended.told()}\n{calls}\n{rows}"


async def attempt(
    bench: Bench,
    agent: Agent,
    program: Program,
    desk: Desk,
    dialect: Dialect,
    prompt: str,
    script: Sequence[Scripted],
) -> Trial:
    """Script the provider, run the agent, and wait for the rows."""
    await bench.script(*script)
    since = int(time.time() * MICROSECONDS)
    errand = Errand(
        desk=desk,
        url=bench.product.url,
        dialect=dialect,
        model=agent.models[dialect],
        prompt=prompt,
    )
    ended = await agent.run(program, errand)
    sent = tuple(one for one in await bench.sent() if one.method == "POST")
    found = await bench.product.until_rows(
        _ROWS.format(since=since), lambda rows: _attempts(rows) >= len(sent)
    )
    return Trial(ended=ended, sent=sent, rows=tuple(msgspec.convert(found, list[Asked])))


def _attempts(rows: object) -> int:
    return sum(row.attempts for row in msgspec.convert(rows, list[Asked]))
