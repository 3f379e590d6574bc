"""One simulated provider for the whole folder, reset before each test that asks for it."""

from collections.abc import Iterator

import httpx
import openai
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


@pytest.fixture
def client(base: str) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, which speaks two of the formats; tests of another have a client of their own."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key="sk-one", max_retries=0) as client:
        yield client
