"""One event loop for the folder: gRPC's poller is one for the process, and an event that it hands to a
loop which a test has closed is raised in the next test.
"""

from collections.abc import AsyncGenerator

import pytest

from tests.engines.fixtures import redis_url

__all__ = ["redis_url"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def _one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """A fixture of the session keeps its loop open."""
    yield  # noqa: PT022  (not a return: it is held open)
