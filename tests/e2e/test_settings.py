"""A tenant's own routing settings in a running product: effective within a second, kept, told."""

import json
from collections.abc import Generator

import httpx
import pytest

from tests.e2e.product import Product, run
from tests.e2e.test_behaviour import PATIENCE_SECONDS, message, until

# What is set reaches every process there; the ports that it passes have their contracts in both compositions.
pytestmark = pytest.mark.parametrize("process", ["split"], indirect=True)

CHANGE_SECONDS = 1.0
"""The promise: another setting decides this soon after the command."""

HAIKU = "claude-haiku-5-5"


@pytest.fixture
def product(product: Product) -> Generator[Product]:
    yield product
    for name in ("locks", "quality_bias"):
        httpx.delete(f"{product.url}/v1/settings/default/{name}").raise_for_status()


def settings(product: Product, *arguments: str) -> list[list[str]]:
    """The cells of the command's lines."""
    ended = run("settings", *arguments, settings={**product.settings, "TURNOUT_KEY": ""})
    assert ended.returncode == 0, ended.stderr
    return [line.split("\t") for line in ended.stdout.splitlines()]


def decided(product: Product) -> tuple[str, float]:
    """Which rule decides a request, and the value that it decides by."""
    told = httpx.post(f"{product.url}/v1/route", content=message("turnout/auto"), timeout=30).json()
    return told["decision"]["reason"], told["inputs"]["settings"]["value_usd"]


def test_a_setting_decides_within_a_second_and_the_process_own_comes_back(
    product: Product,
) -> None:
    before = decided(product)
    lines = settings(product, "set", "locks", json.dumps({"main": HAIKU}))
    assert any(decided(product)[0] == "locked_class" for _ in until(CHANGE_SECONDS))
    assert lines[0] == ["default", "locks", json.dumps({"main": HAIKU}, separators=(",", ":"))]
    assert lines[1][1].startswith("set by local at ")
    settings(product, "set", "quality_bias", "1")
    # The dial at its end: more than any thread costs.
    assert any(decided(product)[1] > 1e6 for _ in until(CHANGE_SECONDS))
    shown = settings(product, "show", "--tenant", "default")
    assert ["default", "quality_bias", "1.0", "its own"] in shown
    assert ["default", "named_model", '"ceiling"', "the process's"] in shown
    assert ["(process)", "quality_bias", "null"] in settings(product, "show")
    settings(product, "unset", "locks")
    assert settings(product, "unset", "quality_bias")[-1][1].startswith("set by local at ")
    assert any(decided(product) == before for _ in until(CHANGE_SECONDS))


def test_what_is_wrong_is_refused_in_a_line(product: Product) -> None:
    for name, value, says in (
        ("locks", '{"docs": "gpt-0"}', "locks: 'gpt-0' is not in the catalog"),
        ("qualty_bias", "0.5", "Did you mean quality_bias?"),
        ("named_model", "obey", "named_model: Input should be 'honour'"),
    ):
        ended = run("settings", "set", name, value, settings=product.settings)
        assert ended.returncode == 1
        assert says in ended.stderr


def test_changes_can_be_asked_for(product: Product) -> None:
    settings(product, "set", "quality_bias", "0.25", "--tenant", "acme")
    settings(product, "unset", "quality_bias", "--tenant", "acme")
    changes = (
        "SELECT name, from_value, to_value, source, changed_by FROM settings_changes"
        " WHERE tenant = 'acme' ORDER BY occurred_at FORMAT JSONCompactEachRow"
    )
    expected = [
        ["quality_bias", "", "0.25", "person", "local"],
        ["quality_bias", "0.25", "", "person", "local"],
    ]
    with product.warehouse() as warehouse:
        assert any(
            [json.loads(row) for row in warehouse.raw_query(changes).splitlines()] == expected
            for _ in until(PATIENCE_SECONDS)
        )
    queried = run("sql", "settings_changes", "only_tenant=acme", settings=product.settings)
    assert queried.returncode == 0, queried.stderr
    assert "quality_bias" in queried.stdout
