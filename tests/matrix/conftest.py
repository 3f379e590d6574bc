"""What every test of the matrix runs on."""

from collections.abc import AsyncGenerator

import pytest

from tests.matrix.rig import Rig, rig


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def there() -> AsyncGenerator[Rig, None]:
    async with rig() as found:
        yield found
