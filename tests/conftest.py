"""What every folder of tests shares."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is slow, which says nothing about the code; time is measured by benchmarks. CI
# takes the same examples every time, so that what is red there is red for its change.
settings.register_profile(
    "turnout",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("turnout")


@pytest.fixture
def anyio_backend() -> str:
    """asyncio alone: grpc.aio and nats-py know no other loop."""
    return "asyncio"
