"""What every folder of tests shares."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """asyncio alone: grpc.aio and nats-py know no other loop."""
    return "asyncio"
