"""Products of a test's own: what is killed here must be nobody else's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.product import Product


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def product(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Product]:
    """One that is not started yet; killed at the end if the test has not stopped it."""
    made = Product(home=tmp_path)
    try:
        yield made
    finally:
        await made.kill()
        made.report()
