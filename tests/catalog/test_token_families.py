"""Families by name, and figures that say what they are."""

import pytest

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.token_families import (
    FIGURES,
    UNKNOWN,
    Family,
    family_of,
    figures_of,
    in_tokens_of,
)

CATALOG = parse_catalog(snapshot_bytes())


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-opus-4-5-20251101", "claude"),
        ("claude-opus-4-6", "claude"),
        ("claude-sonnet-4-6", "claude"),
        ("claude-haiku-4-5", "claude"),
        ("claude-3-7-sonnet-20250219", "claude"),
        ("claude-opus-4-7", "claude-4.7"),
        ("anthropic/claude-opus-4.7", "claude-4.7"),
        ("anthropic.claude-opus-4-7", "claude-4.7"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude"),
        ("Claude-Opus-4-8[1m]", "claude-4.7"),
        ("claude-opus-5-5", "claude-4.7"),
        ("claude-sonnet-5", "claude-4.7"),
        ("claude-fable-5", "claude-4.7"),
        ("claude-mythos-preview", "claude-4.7"),
        ("gpt-5.5", "gpt-5"),
        ("turnout/gpt-6-astra", "gpt-5"),
        ("o4-mini", "gpt-5"),
        ("models/gemini-3.8-flash", "gemini"),
        ("deepseek-v4-pro", "deepseek"),
        ("kimi-k3", "kimi"),
        ("glm-5.3", "glm"),
        ("qwen3.8-max", "qwen"),
        ("qwq-plus", "qwen"),
        ("devstral-latest", "mistral"),
        ("meta-llama/llama-4-scout", "llama"),
        ("grok-4.7", "unknown"),
        ("turnout/auto", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_family_is_in_the_name(name: str, family: Family) -> None:
    assert family_of(name) == family


def test_models_of_one_vendor_are_of_its_families() -> None:
    wanted: dict[str, set[Family]] = {
        "anthropic": {"claude", "claude-4.7"},
        "openai": {"gpt-5"},
        "gcp.gemini": {"gemini"},
        "deepseek": {"deepseek"},
        "moonshot_ai": {"kimi"},
        "z_ai": {"glm"},
        "alibaba": {"qwen"},
        "mistral_ai": {"mistral"},
    }
    for model in CATALOG.models.values():
        if model.provider in wanted:
            assert family_of(model.id) in wanted[model.provider], model.id


def test_what_is_not_measured_has_no_error_and_no_ratio() -> None:
    for figures in FIGURES.values():
        if figures.median_error is None:
            assert (figures.p90_error, figures.ratio, figures.calls) == (None, 1.0, 0)
            assert figures.files == 0
        else:
            assert figures.p90_error is not None
            assert 0 < figures.median_error < figures.p90_error < 0.25
            assert (figures.threads > 0) != (figures.files > 0)


def test_bytes_of_a_token_follow_from_the_ratio_where_files_were_measured() -> None:
    for figures in FIGURES.values():
        if figures.files:
            told = FIGURES["gpt-5"].bytes_per_token / figures.ratio
            assert figures.bytes_per_token == pytest.approx(told, rel=0.01)


def test_the_newer_tokenizer_of_anthropic_makes_a_third_more() -> None:
    """Anthropic says approximately 30 percent; ours is measured apart from that."""
    assert FIGURES["claude-4.7"].ratio / FIGURES["claude"].ratio == pytest.approx(1.3, abs=0.05)


def test_an_estimate_is_told_in_the_tokens_of_another_model() -> None:
    told = in_tokens_of(1_000, counted_for="claude-opus-5-5", model="gpt-5.5")
    back = in_tokens_of(told, counted_for="gpt-5.5", model="claude-opus-5-5")
    assert told == round(1_000 * 2.48 / 3.92)
    assert back == pytest.approx(1_000, abs=1)
    assert in_tokens_of(500, counted_for="gpt-5", model="gpt-5.5") == 500


def test_an_estimate_is_never_nothing() -> None:
    assert in_tokens_of(0, counted_for="", model="claude-opus-5-5") == 1
    assert figures_of("nobody-knows") is UNKNOWN
