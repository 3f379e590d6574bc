"""A small set of tables in the format of the real ones, with answers that can be predicted."""

import importlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

START = datetime(2026, 5, 1, tzinfo=UTC)

Columns = Mapping[str, Sequence[object]]


class WordEncoder:
    """Embeds a text by its words: equal words, near vectors."""

    def encode(self, cut_text: str) -> NDArray[np.float32]:
        vector = np.full(64, 1e-3, dtype=np.float32)
        for word in cut_text.lower().split():
            vector[sum(word.encode()) % 64] += 1
        unit: NDArray[np.float32] = vector / np.float32(np.sqrt((vector**2).sum()))
        return unit


def write(directory: Path, name: str, columns: Columns) -> None:
    arrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    parquet.write_table(arrow.table(dict(columns)), str(directory / f"{name}.parquet"))


def write_sample(directory: Path) -> None:
    """Three models, of which the dearer are better, on two kinds; ten threads of 1 to 10 calls."""
    write_items(directory)
    write_outcomes(directory)
    write_priors(directory)
    write_calls(directory)
    write_tools(directory)
    write_events(directory)
    turns = [f"{verb} the {noun}" for verb in ("fix", "explain", "write") for noun in "abcdef"]
    write_turns(directory, [*turns, "<command-name>/exit</command-name>"])


def write_turns(directory: Path, prompts: Sequence[str]) -> None:
    """One session a prompt."""
    columns = {
        "prompt": prompts,
        "repo": ["r" for _ in prompts],
        "session": [f"s{number}" for number in range(len(prompts))],
        "thread": ["t" for _ in prompts],
        "turn": [0 for _ in prompts],
    }
    write(directory, "trace_turns", columns)


def write_items(directory: Path) -> None:
    datasets = ["openhands/swe-bench", "openhands/swt-bench", "openhands/gaia"]
    keys = [(dataset, str(number)) for dataset in datasets for number in range(20)]
    write(
        directory,
        "items",
        {
            "dataset": [dataset for dataset, _ in keys],
            "item_id": [item for _, item in keys],
            "prompt": [
                "" if dataset.endswith("gaia") else f"secretword{item} fails"
                for dataset, item in keys
            ],
            "category": [f"repository{int(item) % 4}" for _, item in keys],
        },
    )


MODELS = {"claude-fable-5": 18, "claude-opus-4-8": 14, "Nemotron-3-Nano": 5}
"""Items of twenty that each solves."""


def write_outcomes(directory: Path) -> None:
    rows = [
        (dataset, str(number), model, agent, float(number < solved))
        for dataset in ("openhands/swe-bench", "openhands/swt-bench", "openhands/gaia")
        for model, solved in MODELS.items()
        for agent in ("openhands", "acp")
        for number in range(20)
    ]
    names = ("dataset", "item_id", "model", "agent", "score")
    write(directory, "outcomes", dict(zip(names, zip(*rows, strict=True), strict=True)))


def write_priors(directory: Path) -> None:
    rows = [
        (model, benchmark, 5.0 * solved - harder)
        for benchmark, harder in (("swe-bench", 0), ("swt-bench", 10), ("gaia", 20))
        for model, solved in MODELS.items()
    ]
    rows.append(("gpt-realtime-2", "tau2_retail", 50.0))
    names = ("model", "benchmark", "score")
    write(directory, "model_priors", dict(zip(names, zip(*rows, strict=True), strict=True)))


def write_calls(directory: Path, *, is_copied: bool = False, **given: object) -> None:
    """A thread's prompt grows by 1,000; gaps are 10 s, and an hour before its last call.

    With `is_copied` another session holds the same calls again, as resumed sessions do; `given` are other
    values of columns, in all rows.
    """
    rows: list[dict[str, object]] = []
    for thread in range(10):
        time, length = START + timedelta(days=thread), thread + 1
        for position in range(length):
            gap = 10.0 if position < length - 1 else 4000.0
            time += timedelta(seconds=gap)
            prompt = 10_000.0 + 1000 * position
            warm = prompt - 1000 if position and gap < 300 else 0.0
            rows.append(
                {
                    "repo": "r",
                    "agent": "claude-code" if thread % 2 else "codex",
                    "session": f"s{thread}",
                    "thread": "t",
                    "idx": position,
                    "is_subagent": thread == 0,
                    "step_in_turn": position,
                    "ts": time,
                    "model": "m",
                    "tools": "",
                    "gap_s": gap if position else None,
                    "ctx": prompt,
                    "cache_read": warm,
                    "cache_write_5m": prompt - warm,
                    "cache_write_1h": None,
                    "output_tokens": 200.0,
                    "out_text_chars": 700.0,
                    "out_tool_chars": None,
                    "stop_reason": None,
                    "usage_complete": thread != 1,
                    "compacted": 0,
                }
                | given
            )
    if is_copied:
        rows += [{**row, "session": f"{row['session']} resumed"} for row in rows]
    write(directory, "trace_calls", {name: [row[name] for row in rows] for name in rows[0]})


def tool_row(**given: object) -> dict[str, object]:
    """One call of a shell without a verdict, in the threads of `write_calls`."""
    return {
        "repo": "r",
        "session": "s9",
        "thread": "t",
        "idx": 0,
        "pos": 0,
        "tool": "Bash",
        "args_hash": "a",
        "target_hash": None,
        "edit_chars": None,
        "result_error": False,
        "tests_passed": None,
        "tests_failed": None,
        "test_framework": None,
        "build_failed": None,
        "interrupted": False,
    } | given


def write_tools(directory: Path, *rows: dict[str, object]) -> None:
    written = rows or (tool_row(idx=0, tests_passed=3), tool_row(idx=1, tests_failed=1))
    write(directory, "trace_tools", {name: [row[name] for row in written] for name in written[0]})


def write_events(directory: Path, *corrected: int) -> None:
    """The calls of the last thread that answer to a correction, besides its first, which does not."""
    rows = [(0, False), *((idx, True) for idx in corrected)]
    write(
        directory,
        "trace_events",
        {
            "repo": ["r"] * len(rows),
            "session": ["s9"] * len(rows),
            "thread": ["t"] * len(rows),
            "idx": [idx for idx, _ in rows],
            "correction_strict": [is_corrected for _, is_corrected in rows],
        },
    )
