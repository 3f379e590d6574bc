"""Benchmark tasks that nobody ran: the tables of items, outcomes, models and priors.

Rules of this module: the same seed gives the same rows; chances and bills are constants of ours, rounder
than any real model's, so no figure of these tables says anything of the models whose names they carry.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from tests.sample.traces import SEED, Row, columns

DATASETS: Final = {
    "openhands/swe-bench": (60, "The {} raises an error when the value is {}."),
    "openhands/swt-bench": (60, "Write a test that shows that the {} is wrong for a {} value."),
    "openhands/gaia": (40, "In which year was the {} of the {} company first published?"),
    "openhands/swe-bench-multimodal": (36, "Draw the {} chart in {} as in the picture."),
}
"""By dataset: tasks, and what one asks."""

REPOSITORIES: Final = 8
NOUNS: Final = ("parser", "table", "axis", "date", "filter", "legend", "form", "cursor")
WORDS: Final = ("empty", "negative", "blue", "missing", "nested", "large", "old", "quoted")

SOLVES: Final = {
    "DeepSeek-V4-Pro": (0.65, 0.50, 0.20, 0.35, 0.05, 600),
    "MiniMax-M3": (0.70, 0.65, 0.40, 0.35, 0.12, 800),
    "claude-opus-4-8": (0.80, 0.75, 0.60, 0.45, 0.90, 300),
    "claude-fable-5": (0.90, 0.90, 0.75, 0.50, 1.50, 220),
}
"""By model: chance on each dataset, USD a task, mean seconds."""

RELEASED: Final = "2026-03-01"


def tables() -> Iterator[tuple[str, dict[str, list[object]]]]:
    yield "items", columns(list(_items()))
    yield "outcomes", columns(list(_outcomes()))
    yield "models", columns(list(_models()))
    yield "model_priors", columns(list(_priors()))


def _items() -> Iterator[Row]:
    for dataset, (count, asks) in DATASETS.items():
        for number in range(count):
            noun, word = NOUNS[number % len(NOUNS)], WORDS[number // len(NOUNS) % len(WORDS)]
            prompt = asks.format(noun, word)
            yield {
                "dataset": dataset,
                "item_id": f"task-{number}",
                "prompt": prompt,
                "prompt_chars": len(prompt),
                "category": "gaia"
                if dataset.endswith("gaia")
                else f"example/{number % REPOSITORIES}",
                "difficulty": None if dataset.endswith("gaia") else "15 min - 1 hour",
                "created_at": "2026-01-01T00:00:00Z",
            }


def _outcomes() -> Iterator[Row]:
    chance = Random(f"{SEED}/tasks")
    for at, (dataset, (count, _)) in enumerate(DATASETS.items()):
        for number in range(count):
            # What is hard for one model is hard for the others too.
            hardness = chance.uniform(-0.3, 0.3)
            for model, figures in SOLVES.items():
                yield {
                    "dataset": dataset,
                    "item_id": f"task-{number}",
                    "model": model,
                    "agent": "openhands",
                    "score": float(chance.random() + hardness < figures[at]),
                    "trials": 1,
                    "cost_usd": round(figures[4] * chance.lognormvariate(0.0, 0.5), 4),
                    "tokens_in": None,
                    "tokens_out": None,
                    "steps": None,
                    "seconds": None,
                }


def _models() -> Iterator[Row]:
    for model, figures in SOLVES.items():
        row: Row = {
            "source": "made up",
            "agent": "openhands",
            "model": model,
            "release_date": RELEASED,
            "input_price": None,
            "output_price": None,
            "cache_read_price": None,
            "cache_write_price": None,
        }
        for at, dataset in enumerate(DATASETS):
            benchmark = dataset.rpartition("/")[2]
            row |= {
                f"{benchmark}_score": 100.0 * figures[at],
                f"{benchmark}_cost": figures[4],
                f"{benchmark}_runtime_s": float(figures[5]),
            }
        yield row


def _priors() -> Iterator[Row]:
    for model, figures in SOLVES.items():
        for at, dataset in enumerate(DATASETS):
            yield {
                "source": "made up",
                "benchmark": dataset.rpartition("/")[2],
                "agent": "openhands",
                "model": model,
                "score": 100.0 * figures[at],
                "cost_per_item_usd": figures[4],
                "seconds": float(figures[5]),
                "date": RELEASED,
            }
