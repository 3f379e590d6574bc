"""Fits how many tokens each model family makes of a text, and says how far that is off.

    python -m turnout.learn.token_ratios DATA

Method. The traces have no text, but for each call the size of its prompt in the model's own tokens
and the characters that are new in it. Within a run of calls of one thread and one turn, with one
model, without image or compaction, the prompt grows by what the model wrote (its reported output,
subtracted) and by the new input, so

    growth - output = characters / characters_per_token + calls * tokens_per_call

is fitted to the relative error by least absolute deviations (iterated weights). Threads are split
in halves by their name; each half is foretold by the fit on the other, which gives the error.

A ratio is the family's tokens per character over those of `gpt-5`, whose vocabulary is published
and is the one we count with; so both sides of it are measured on tool results and code of agents.
The characters that a token of that vocabulary has in a tree of source files is printed beside
it, as is the ratio that would follow from it: the distance between the two is what no error above
shows. Rules of this module: pure but for reading the tables and the files; nothing is random.
"""

import argparse
import importlib
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol, get_args

import msgspec
import numpy as np

from turnout.catalog.token_families import FIGURES, Family, Vocabulary, family_of
from turnout.errors import InvalidRequest, TurnoutError
from turnout.learn.columns import in_columns
from turnout.learn.parquet import Numbers, Table, load_table

BASE: Final[Family] = "gpt-5"
BASE_VOCABULARY: Final[Vocabulary] = "o200k_base"

LEAST_CHARACTERS: Final = 8_000
LEAST_GROWTH: Final = 1_000
"""A run that brought less in is mostly framing."""

LEAST_RUNS: Final = 10
"""Fewer say nothing about a family."""

ROUNDS: Final = 60
LEAST_RESIDUAL: Final = 1e-2
"""Of the iterated weights: a run foretold better than this weighs no more for it."""

SOURCE_SUFFIXES: Final = frozenset({".py", ".md", ".sql", ".proto", ".toml", ".yaml", ".json"})

NEW_INPUT: Final = "new_input_chars"


class Run(NamedTuple):
    """Calls of one thread, one turn and one model in a row.

    Attributes:
        half: which half of the threads it is in.
        growth: tokens that the prompt grew by, less what the model wrote.
        characters: of new input.

    """

    family: Family
    thread: str
    half: int
    growth: float
    characters: float
    calls: int


@dataclass(frozen=True, slots=True)
class Fit:
    characters_per_token: float
    tokens_per_call: float


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """What is printed of one family; `fit` is None where there is too little data."""

    family: Family
    threads: int
    runs: int
    calls: int
    fit: Fit | None
    ratio: float
    median_error: float | None
    p90_error: float | None


class CountTexts(Protocol):
    """The tokenizer library's one function."""

    def __call__(self, texts: Iterable[str], encoding: str, threads: int) -> list[int]: ...


def runs_of(table: Table) -> list[Run]:
    """The runs of trace_calls, in the order of the table's threads."""
    columns = _Columns(table)
    found: list[Run] = []
    for thread, rows in columns.threads():
        half = zlib.crc32(thread.encode()) % 2
        found.extend(_runs_of_thread(columns, thread, half, rows))
    return found


class _Columns:
    """The columns used; one entry a call."""

    def __init__(self, table: Table) -> None:
        names = zip(table.texts("repo"), table.texts("session"), table.texts("thread"), strict=True)
        self.keys = ["/".join(parts) for parts in names]
        self.models = table.texts("model")
        self.agents = table.texts("agent")
        self.order = table.numbers("idx")
        self.turn = table.numbers("turn")
        self.prompt = table.numbers("ctx")
        self.output = table.numbers("output_tokens")
        self.is_complete = table.numbers("usage_complete") > 0
        self.is_cut = (table.numbers("compacted") > 0) | (table.numbers("has_image") > 0)
        self.characters = table.numbers(NEW_INPUT)
        self._times = table.times("ts")
        self._cached = table.numbers("cache_read")
        self._repos = table.texts("repo")

    def threads(self) -> Iterator[tuple[str, list[int]]]:
        """Rows by thread in order; a call that was copied between sessions counts once."""
        seen: set[tuple[object, ...]] = set()
        rows: dict[str, list[int]] = {}
        for row, key in enumerate(self.keys):
            same = (
                self._repos[row],
                self._times[row],
                self.models[row],
                float(self.output[row]),
                float(self._cached[row]),
            )
            if same not in seen:
                seen.add(same)
                rows.setdefault(key, []).append(row)
        for key, members in rows.items():
            yield key, sorted(members, key=lambda row: float(self.order[row]))

    def new_characters(self, before: int, after: int) -> float:
        """What came in between two calls. Codex's tables have it on the call that it followed."""
        return float(self.characters[before if self.agents[before] == "codex" else after])

    def follows(self, before: int, after: int) -> bool:
        """Whether the prompt of the second is that of the first with more behind it."""
        return bool(
            self.models[before] == self.models[after]
            and self.turn[before] == self.turn[after]
            and self.order[after] == self.order[before] + 1
            and not self.is_cut[before]
            and not self.is_cut[after]
            and self.is_complete[before]
            and self.prompt[after] >= self.prompt[before] > 0
        )


def _runs_of_thread(
    columns: _Columns, thread: str, half: int, rows: Sequence[int]
) -> Iterator[Run]:
    growth, characters, calls = 0.0, 0.0, 0
    for before, after in zip(rows, [*rows[1:], None], strict=True):
        if after is not None and columns.follows(before, after):
            output = columns.output[before]
            growth += float(columns.prompt[after] - columns.prompt[before] - output)
            characters += columns.new_characters(before, after)
            calls += 1
            continue
        if calls and growth >= LEAST_GROWTH and characters >= LEAST_CHARACTERS:
            family = family_of(columns.models[before])
            yield Run(family, thread, half, growth, characters, calls)
        growth, characters, calls = 0.0, 0.0, 0


def fit(runs: Sequence[Run]) -> Fit:
    """Least absolute relative deviations by iterated weights."""
    wanted = np.ones(len(runs))
    shares = _shares(runs)
    weights = wanted
    per_character, per_call = 0.0, 0.0
    for _ in range(ROUNDS):
        solved = np.linalg.lstsq(shares * weights[:, None], wanted * weights, rcond=None)[0]
        per_character, per_call = float(solved[0]), float(solved[1])
        if per_call < 0.0:
            # A call cannot take tokens away.
            alone = shares[:, 0] * weights
            per_character, per_call = float(alone @ weights) / float(alone @ alone), 0.0
        off = np.abs(shares @ np.array([per_character, per_call]) - wanted)
        weights = 1.0 / np.sqrt(np.maximum(off, LEAST_RESIDUAL))
    return Fit(1.0 / per_character, per_call)


def _shares(runs: Sequence[Run]) -> Numbers:
    return np.array([(run.characters / run.growth, run.calls / run.growth) for run in runs])


def held_out_errors(runs: Sequence[Run]) -> Numbers:
    """Each thread's relative error, its runs together, under the fit on the other half."""
    errors: list[float] = []
    for half in (0, 1):
        others = [run for run in runs if run.half != half]
        held = [run for run in runs if run.half == half]
        if not others or not held:
            continue
        learnt = fit(others)
        told: dict[str, float] = {}
        real: dict[str, float] = {}
        for run in held:
            tokens = run.characters / learnt.characters_per_token
            tokens += run.calls * learnt.tokens_per_call
            told[run.thread] = told.get(run.thread, 0.0) + tokens
            real[run.thread] = real.get(run.thread, 0.0) + run.growth
        errors.extend(abs(told[thread] / real[thread] - 1.0) for thread in told)
    return np.array(errors)


def rows_of(runs: Sequence[Run]) -> list[FamilyRow]:
    """Every family, also those without data. Raises `InvalidRequest` when the base has none."""
    by_family: dict[Family, list[Run]] = {family: [] for family in FIGURES}
    for run in runs:
        by_family[run.family].append(run)
    if len(by_family[BASE]) < LEAST_RUNS:
        raise InvalidRequest(
            f"trace_calls has {len(by_family[BASE])} usable runs of {BASE} models; ratios are to"
            f" theirs and need {LEAST_RUNS}."
        )
    base = fit(by_family[BASE])
    return [_row(family, found, base) for family, found in by_family.items()]


def _row(family: Family, runs: Sequence[Run], base: Fit) -> FamilyRow:
    threads = len({run.thread for run in runs})
    calls = sum(run.calls for run in runs)
    errors = held_out_errors(runs) if len(runs) >= LEAST_RUNS else np.array([])
    if not errors.size:
        return FamilyRow(family, threads, len(runs), calls, None, 1.0, None, None)
    learnt = fit(runs)
    median, ninth = np.percentile(errors, (50, 90))
    ratio = base.characters_per_token / learnt.characters_per_token
    return FamilyRow(family, threads, len(runs), calls, learnt, ratio, float(median), float(ninth))


class SourceTree(NamedTuple):
    """Source files, as characters, bytes of JSON, and tokens by vocabulary."""

    files: int
    characters: int
    json_bytes: int
    tokens: Mapping[Vocabulary, int]

    def characters_per_token(self, vocabulary: Vocabulary) -> float:
        return self.characters / self.tokens[vocabulary]


def measure_sources(directory: Path, count: CountTexts) -> SourceTree:
    """Raises `InvalidRequest` when no source file is below the directory."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(directory.rglob("*"))
        if path.suffix in SOURCE_SUFFIXES and path.is_file()
    ]
    if not texts:
        raise InvalidRequest(f"{directory} has no source files.")
    return SourceTree(
        files=len(texts),
        characters=sum(map(len, texts)),
        json_bytes=sum(len(msgspec.json.encode(text)) for text in texts),
        tokens={name: sum(count(texts, name, 1)) for name in get_args(Vocabulary)},
    )


def lines_of(rows: Sequence[FamilyRow], sources: SourceTree) -> Iterator[str]:
    """The table that is printed."""
    per_token = sources.characters_per_token(BASE_VOCABULARY)
    escapes = sources.json_bytes / sources.characters
    yield f"{sources.files} source files: {escapes:.3f} bytes of JSON for a character"
    for name in sources.tokens:
        yield f"{name}: {sources.characters_per_token(name):.2f} characters for a token"
    yield ""
    heads = (
        *("family", "threads", "runs", "calls", "chars/token", "tokens/call"),
        *("ratio", "bytes/token", "median error", "p90 error", "ratio by sources"),
    )
    yield from in_columns(heads, [_cells(row, per_token, escapes) for row in rows])


def _cells(row: FamilyRow, per_token: float, escapes: float) -> tuple[str, ...]:
    told = (row.family, str(row.threads), str(row.runs), str(row.calls))
    return (*told, *_figures(row, per_token=per_token, escapes=escapes))


def _figures(row: FamilyRow, *, per_token: float, escapes: float) -> tuple[str, ...]:
    if row.fit is None or row.median_error is None or row.p90_error is None:
        return ("-", "-", "1.00", "-", "unknown", "unknown", "-")
    characters = row.fit.characters_per_token
    return (
        f"{characters:.2f}",
        f"{row.fit.tokens_per_call:.0f}",
        f"{row.ratio:.2f}",
        f"{characters * escapes:.2f}",
        f"{row.median_error:.1%}",
        f"{row.p90_error:.1%}",
        f"{per_token / characters:.2f}",
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m turnout.learn.token_ratios",
        description="Fit tokens per character of each model family on recorded calls.",
    )
    parser.add_argument("data", type=Path, help="directory with trace_calls.parquet")
    parser.add_argument(
        "--sources",
        type=Path,
        default=Path(__file__).parents[1],
        help="a tree of source files to compare with (default: this package)",
    )
    options = parser.parse_args(argv)
    data: Path = options.data
    sources: Path = options.sources
    count: CountTexts = importlib.import_module("toktok").batch_count
    try:
        rows = rows_of(runs_of(load_table(data, "trace_calls")))
        for line in lines_of(rows, measure_sources(sources, count)):
            sys.stdout.write(f"{line}\n")
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
