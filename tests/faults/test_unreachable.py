"""Servers of somebody else that nobody answers at: said on the console, once each."""

import asyncio
import json

import pytest

from tests.faults.product import Product
from turnout.engines.free_ports import free_ports

pytestmark = pytest.mark.anyio

SECONDS = 60


@pytest.mark.parametrize("split", [False, True], ids=["one-process", "split"])
async def test_the_console_says_what_cannot_be_reached_and_where(
    product: Product, split: bool
) -> None:
    nats, redis = free_ports(2)
    product.split = split
    product.settings |= {
        "TURNOUT_NATS__URL": f"nats://user:secret@127.0.0.1:{nats}",
        "TURNOUT_REDIS__URL": f"redis://127.0.0.1:{redis}/0",
        "TURNOUT_CLICKHOUSE__URL": "http://nosuchhost.invalid:8123",
    }
    await product.start(wait=False)
    async with asyncio.timeout(SECONDS):
        while len(away(product)) < 3:
            await asyncio.sleep(0.05)
    assert sorted(away(product)) == [
        ("ClickHouse cannot be reached; trying again", "http://nosuchhost.invalid:8123"),
        ("NATS cannot be reached; trying again", f"nats://127.0.0.1:{nats}"),
        ("Redis cannot be reached; trying again", f"redis://127.0.0.1:{redis}"),
    ]
    assert "secret" not in product.log.read_text()


def away(product: Product) -> list[tuple[str, str]]:
    """What the console's log lines say cannot be reached, and where."""
    told = [
        json.loads(line)
        for line in product.log.read_text().splitlines(keepends=True)
        if line.startswith("{") and line.endswith("\n")
    ]
    return [
        (str(line["message"]), str(line["endpoint"]))
        for line in told
        if line["logger"] == "turnout.outside"
    ]
