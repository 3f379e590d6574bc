"""A session-wide loop, so that one product and one ClickHouse serve all tests here."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
