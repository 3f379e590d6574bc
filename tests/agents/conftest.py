"""The agents under test, installed, and the products that it is tried against.

An agent that cannot be installed fails every test of this tier by name: a tier that is skipped in
silence would pass on every machine.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.agents.bench import Bench, bench
from tests.agents.desk import Desk
from tests.agents.install import CLAUDE_CODE, Missing, Package, Program, installed
from tests.agents.upstreams import UPSTREAMS, Upstream

OBSERVING = {"TURNOUT_ROUTING__MODE": "observe"}
CHOOSING = {
    "TURNOUT_ROUTING__MODE": "full",
    # Where success is worth little, the cheaper model serves whatever the tables expect of it.
    "TURNOUT_ROUTING__VALUE_USD": "0.1",
}
IMPATIENT = {
    "TURNOUT_UPSTREAM_DISPATCHER__COMMIT_SECONDS": "0.5",
    "TURNOUT_UPSTREAM_DISPATCHER__KEEP_ALIVE_SECONDS": "0.5",
}
"""So that a wait of two seconds is one with a beginning and signs of life."""

TRANSLATING = CHOOSING | {"TURNOUT_ROUTING__CANDIDATES": '["gpt-5.4-mini"]'}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the session, because products outlive a test."""
    return "asyncio"


@dataclass(slots=True)
class Programs:
    """The installed agents, each looked for once."""

    found: dict[str, Program | Missing] = field(default_factory=dict[str, Program | Missing])

    def of(self, name: str, package: Package) -> Program:
        """The program of an agent. Fails the test, with the agent's name, when there is none."""
        if name not in self.found:
            try:
                self.found[name] = installed(package)
            except Missing as reason:
                self.found[name] = reason
        found = self.found[name]
        if isinstance(found, Missing):
            pytest.fail(f"{name} cannot be installed: {found}", pytrace=False)
        return found


@pytest.fixture(scope="session")
def programs() -> Programs:
    return Programs()


@pytest.fixture(scope="session")
def claude(programs: Programs) -> Program:
    return programs.of("Claude Code", CLAUDE_CODE)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.under(tmp_path)


@pytest.fixture(scope="session")
async def observing(
    claude: Program, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    """Turnout that decides and records, and serves what was asked for."""
    async with bench(claude, tmp_path_factory.mktemp("observing"), OBSERVING) as made:
        yield made


@pytest.fixture(scope="session")
async def translating(
    claude: Program, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    """Turnout that serves a cheaper model of another wire format."""
    async with bench(claude, tmp_path_factory.mktemp("translating"), TRANSLATING) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Served:
    """A product and the dialect of its upstream."""

    bench: Bench
    upstream: Upstream


@pytest.fixture(scope="session", params=UPSTREAMS, ids=lambda upstream: upstream.dialect)
async def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    upstream = request.param
    assert isinstance(upstream, Upstream)
    folder = tmp_path_factory.mktemp(upstream.dialect)
    async with bench((), folder, upstream.settings(folder) | IMPATIENT) as made:
        yield Served(bench=made, upstream=upstream)
