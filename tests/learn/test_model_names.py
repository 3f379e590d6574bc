"""Benchmarks' spellings of models."""

import pytest

from turnout.learn.model_names import ModelNames, family, predecessor

NAMES = ModelNames(
    {
        name: name
        for name in (
            "claude-sonnet-4-5",
            "glm-5.1",
            "gemini-3-flash-preview",
            "gpt-4o",
            "MiniMax-M3",
        )
    }
)


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("Claude Sonnet 4.5", "claude-sonnet-4-5"),
        ("claude-45sonnet-10132025", "claude-sonnet-4-5"),
        ("GLM-5.1", "glm-5.1"),
        ("Gemini-3-Flash", "gemini-3-flash-preview"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("MiniMax-M3", "MiniMax-M3"),
        ("Nemotron-3-Nano", "nemotron-3-nano"),
        ("o3 (high) + gpt-4.1", None),
        ("gpt-realtime-2", None),
    ],
)
def test_spellings_come_home(spelling: str, model: str | None) -> None:
    assert NAMES.resolve(spelling) == model


@pytest.mark.parametrize(
    ("model", "name", "version"),
    [
        ("claude-opus-4-8", "claude-opus", (4, 8)),
        ("gpt-5.4-mini", "gpt-mini", (5, 4)),
        ("MiniMax-M2.1", "minimax-m", (2, 1)),
        ("o3", "o", (3,)),
        ("yi-lightning", "yi-lightning", ()),
    ],
)
def test_a_family_is_the_name_without_its_version(
    model: str, name: str, version: tuple[int, ...]
) -> None:
    assert family(model) == (name, version)


def test_the_newest_older_relative_is_the_predecessor() -> None:
    known = ("claude-opus-4-8", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-6")
    assert predecessor("claude-opus-5", known) == "claude-opus-4-8"
    assert predecessor("claude-opus-3", known) == "claude-opus-4-5"
    assert predecessor("grok-4", known) is None
