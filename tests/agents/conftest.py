"""The agent under test, installed, and the products that it is tried against.

An agent that cannot be installed fails every test of this tier by name: a tier that is skipped in
silence would pass on every machine.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.bench import Bench, bench
from tests.agents.claude import Desk
from tests.agents.install import Missing, claude_code

OBSERVING = {"TURNOUT_ROUTING__MODE": "observe"}
CHOOSING = {
    "TURNOUT_ROUTING__MODE": "full",
    # Where success is worth little, the cheaper model serves whatever the tables expect of it.
    "TURNOUT_ROUTING__VALUE_USD": "0.1",
}
TRANSLATING = CHOOSING | {"TURNOUT_ROUTING__CANDIDATES": '["gpt-5.4-mini"]'}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the session, because products outlive a test."""
    return "asyncio"


@pytest.fixture(scope="session")
def claude() -> Path:
    try:
        return claude_code()
    except Missing as reason:
        pytest.fail(f"Claude Code cannot be installed: {reason}", pytrace=False)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.under(tmp_path)


@pytest.fixture(scope="session")
async def observing(claude: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """Turnout that decides and records, and serves what was asked for."""
    async with bench(claude, tmp_path_factory.mktemp("observing"), OBSERVING) as made:
        yield made


@pytest.fixture(scope="session")
async def translating(
    claude: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    """Turnout that serves a cheaper model of another wire format."""
    async with bench(claude, tmp_path_factory.mktemp("translating"), TRANSLATING) as made:
        yield made
