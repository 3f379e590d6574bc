"""`make fuzz`: every target under atheris for a while, from the seeds on; prints what was run and found.

An input that fails is written to `tests/fuzz/cases/TARGET/`, where pytest runs it from then on; the
exit status is 1 when there is one. Inputs that reached new code are kept in `.cache/fuzz`, so that the
next run goes on from there.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz import seeds
from tests.fuzz.harness import TARGETS

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv-fuzz" / "bin" / "python"
CORPUS: Final = ROOT / ".cache" / "fuzz"

EXTRA_SECONDS: Final = 600.0
"""Beyond the time of a run: the start, which instruments every module, and the seeds that are run first;
both take many times as long on a machine that is busy."""

MOST_BYTES: Final = 16_384
LONGEST_INPUT_SECONDS: Final = 20
"""Of one input; slower than that is a finding of its own."""

_EXECUTIONS: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one target."""

    target: str
    executions: int
    found: tuple[Path, ...]
    log: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument(
        "--targets", default="", help="names with commas between; all when left out"
    )
    told = parser.parse_args()
    names = told.targets.split(",") if told.targets else list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(TARGETS)}")
    found: list[Path] = []
    for name in names:
        run = fuzz(name, seconds=told.seconds)
        found += run.found
        print(f"{name:28} {run.executions:9} executions, {len(run.found)} found", flush=True)
        if run.found or not run.executions:
            print(run.log[-3_000:], file=sys.stderr, flush=True)
        for path in run.found:
            print(f"{'':28} {path.relative_to(ROOT)}", flush=True)
        if not run.executions:
            print(f"{name}: nothing was run", file=sys.stderr)
            return 1
    return 1 if found else 0


def fuzz(name: str, *, seconds: int) -> Run:
    corpus, cases = CORPUS / name, seeds.CASES / name
    before = set(seeds.cases_of(name))
    corpus.mkdir(parents=True, exist_ok=True)
    cases.mkdir(parents=True, exist_ok=True)
    inputs = seeds.of(name)
    for data in inputs:
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = CORPUS / f"{name}.dict"
    words.write_text(dictionary(inputs), encoding="ascii")
    argv = [
        *(str(PYTHON), "-m", "tests.fuzz.guided", name, str(corpus)),
        *(f"-max_total_time={seconds}", f"-dict={words}", f"-artifact_prefix={cases}/"),
        *(f"-max_len={MOST_BYTES}", f"-timeout={LONGEST_INPUT_SECONDS}", "-print_final_stats=1"),
    ]
    paths = os.pathsep.join((str(ROOT / "services"), str(ROOT)))
    ended = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + EXTRA_SECONDS,
        check=False,
    )
    after = [path for path in seeds.cases_of(name) if path not in before]
    if not any(cases.iterdir()):
        cases.rmdir()
    counted = _EXECUTIONS.search(ended.stdout)
    return Run(name, int(counted[1]) if counted else 0, tuple(after), ended.stdout)


def dictionary(inputs: list[bytes]) -> str:
    """The words of the seeds, quotes included, as libFuzzer reads them: names of fields and kinds."""
    found = {word for data in inputs for word in re.findall(rb'"[a-zA-Z_.]{1,40}"', data)}
    return "".join(f'"{_escaped(word)}"\n' for word in sorted(found))


def _escaped(word: bytes) -> str:
    return word.decode("ascii").replace('"', '\\"')


if __name__ == "__main__":
    sys.exit(main())
