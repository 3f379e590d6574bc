"""One simulated provider for the whole folder, reset before each test that asks for it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.simulator.provider import running


@pytest.fixture(scope="session")
def process() -> Iterator[str]:
    with running("--simulate", "gap=0,ttft=0", "--keep-bodies") as base:
        yield base


@pytest.fixture
def base(process: str) -> str:
    httpx.delete(f"{process}/simulate").raise_for_status()
    return process
