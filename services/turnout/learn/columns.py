"""Figures in columns, as the commands that measure print them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

NARROWEST: Final = 10
"""Characters of a column, so that a figure has room below a short head."""


def in_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line of heads and one a row, set to the right."""
    lines = (heads, *rows)
    widths = [max(NARROWEST, *map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        yield "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
