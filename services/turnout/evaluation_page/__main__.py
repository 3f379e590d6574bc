"""`make eval DATA=DIR`: measures everything in EVALUATION.md on the tables in DIR.

On the tables that the page was measured on, which it names by their digests, every table is compared with the
page, and a figure out of its interval is an error. On other tables there is nothing to compare: the same tables
are printed.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from turnout.evaluation_page.jobs import Done, Job, jobs, run
from turnout.evaluation_page.tables import differences, filled, joined, markdown, on_page
from turnout.evaluation_page.targets import reached, targets

PAGE: Final = Path("EVALUATION.md")
OUT: Final = Path("evaluation-results")
FILES: Final = "files"
TARGETS: Final = "targets"


def main(argv: Sequence[str] | None = None, todo: Mapping[str, Job] | None = None) -> int:
    """`todo`: all jobs unless told otherwise."""
    parser = argparse.ArgumentParser(prog="python -m turnout.evaluation_page", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DIR", help="the tables")
    parser.add_argument("--page", type=Path, default=PAGE, help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="for charts and JSON; default: %(default)s"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the tables in the page instead of comparing"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args(argv)
    page: Path = options.page
    out: Path = options.out
    begun = perf_counter()
    try:
        done = run(todo or jobs(), options.data, out, workers=options.workers, told=_tell)
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    parts = [one.part for one in done]
    found = {TARGETS: targets(reached(parts))} | joined(parts)
    for name, table in found.items():
        sys.stdout.write(f"\n{name}\n\n{markdown(table)}")
    for one in done:
        if one.refused:
            sys.stdout.write(f"\nLeft out, {one.name}: {one.refused}\n")
    sys.stdout.write(f"\nMeasured in {perf_counter() - begun:.0f} s.\n")
    said = on_page(text)
    if options.write:
        page.write_text(filled(text, found), encoding="utf-8")
        return 0
    if said.get(FILES) != found.get(FILES):
        sys.stdout.write(f"{page} was measured on other tables: nothing is compared.\n")
        return 0
    wrong = list(differences(said, found))
    for difference in wrong:
        sys.stdout.write(f"{difference.words}\n")
    sys.stdout.write(
        f"{len(wrong)} figures of {page} are out of their interval.\n"
        if wrong
        else f"Every table of {page} is reproduced: {len(said)} of them.\n"
    )
    return 1 if wrong else 0


def _tell(done: Done) -> None:
    sys.stderr.write(f"{done.name}: {done.seconds:.0f} s\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
