"""What `turnout catalog show` says of models."""

from dataclasses import replace

import pytest

from tests.policy.scenes import BLIND, CATALOG, GPT, OPUS, SECRET, model
from turnout.catalog.models import LongContext, Prices
from turnout.catalog_listing import listing
from turnout.errors import UnknownModel

ALL = {
    OPUS: "anthropic 1,000,000 5 25 0.5 6.25 10 - explicit, 5 or 60 minutes, from 1,024 tokens",
    GPT: "openai 1,000,000 5 30 0.5 - - - automatic, 5 minutes, from 1,024 tokens",
    SECRET: "openai 1,000,000 - - - - - - automatic, 5 minutes, from 1,024 tokens",
}


def words(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def test_all_models_are_listed_with_prices_and_cache() -> None:
    found = words(listing(CATALOG, ""))
    for name, figures in ALL.items():
        assert f"{name} {figures}" in found
    assert len([line for line in found if " tokens" in line and line[0] != "U"]) == len(
        CATALOG.models
    )


def test_one_is_found_by_any_of_its_names() -> None:
    found = words(listing(CATALOG, f"{OPUS}-20260101"))
    assert found[1] == f"{OPUS} {ALL[OPUS]}"
    assert found[2] == ""


def test_one_without_a_cache_and_with_a_surcharge() -> None:
    dear = Prices(
        fresh_input=1.0,
        output=2.0,
        long_context=LongContext(above_tokens=200_000, prices=Prices(fresh_input=2.0, output=3.0)),
    )
    plain = model("blind-2", "deepseek", "openai_chat", dear)
    own = replace(plain, capabilities=replace(plain.capabilities, prompt_caching=False))
    found = words(listing(CATALOG.with_overrides(models=[own]), "blind-2"))
    assert found[1:3] == [
        "blind-2 deepseek 1,000,000 1 2 - - - - none",
        "above 200,000 2 3 - - - -",
    ]


def test_an_unknown_one_gets_close_names() -> None:
    with pytest.raises(UnknownModel, match=f"Close names: .*{BLIND}"):
        listing(CATALOG, "deepseek-v8")
