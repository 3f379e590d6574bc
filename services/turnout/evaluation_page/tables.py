"""Tables of the page as values: from and to Markdown, and one compared with another.

Rules of this module: pure; a table stands between two comments, the first of which names it; a figure that has an
interval behind it in brackets agrees with one inside of that interval, any other with one that differs by no more
than one in its last digit; what is no figure has to be the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

END: Final = "<!-- end -->"

_PLACE: Final = re.compile(r"<!-- (?P<name>[a-z0-9-]+) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)
_FIGURE: Final = re.compile(r"[-+]?(?:\d[\d,]*)?\.?\d+")
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Table:
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def followed_by(self, other: "Table") -> "Table":
        """The rows of both."""
        return Table(self.headings, self.rows + other.rows)


@dataclass(frozen=True, slots=True)
class Part:
    """What one job has found.

    Attributes:
        tables: by the name of their place on the page.
        reached: figures that have a target, by name.
        reports: what the command prints with `--json`, by the name of a file.
    """

    tables: Mapping[str, Table]
    reached: Mapping[str, float]
    reports: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Difference:
    table: str
    row: str
    column: str
    said: str
    found: str

    @property
    def words(self) -> str:
        return f"{self.table}, {self.row}, {self.column}: the page says {self.said!r}, found {self.found!r}"


def markdown(table: Table) -> str:
    lines = [table.headings, tuple("---" for _ in table.headings), *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def on_page(page: str) -> dict[str, Table]:
    """Every marked table by its name."""
    return {place["name"]: _read(place["body"]) for place in _PLACE.finditer(page)}


def filled(page: str, tables: Mapping[str, Table]) -> str:
    """The page with these tables in their places; what is not among them stays."""

    def written(place: re.Match[str]) -> str:
        table = tables.get(place["name"])
        if table is None:
            return place[0]
        # Markdown wants an empty line between a comment and a table.
        return f"<!-- {place['name']} -->\n\n{markdown(table)}\n{END}"

    return _PLACE.sub(written, page)


def differences(said: Mapping[str, Table], found: Mapping[str, Table]) -> Iterator[Difference]:
    """Where the page says something else, and tables that only one of them has."""
    for name in [*said, *(name for name in found if name not in said)]:
        if name not in found or name not in said:
            yield Difference(name, "-", "-", _presence(name, said), _presence(name, found))
        else:
            yield from _of_table(name, said[name], found[name])


def _of_table(name: str, said: Table, found: Table) -> Iterator[Difference]:
    if said.headings != found.headings or len(said.rows) != len(found.rows):
        yield Difference(name, "-", "-", _size(said), _size(found))
        return
    for number, (old, new) in enumerate(zip(said.rows, found.rows, strict=True), 1):
        for heading, was, now in zip(said.headings, old, new, strict=True):
            if not agrees(was, now):
                yield Difference(name, f"row {number} ({old[0]})", heading, was, now)


def agrees(said: str, found: str) -> bool:
    """Whether a cell that was measured again is what the page says."""
    if said == found:
        return True
    old, new = _FIGURE.findall(said), _FIGURE.findall(found)
    if len(old) != len(new) or _FIGURE.sub("", said).replace("+", "") != _FIGURE.sub(
        "", found
    ).replace("+", ""):
        return False
    head, bracket, _ = said.partition("[")
    if bracket and len(_FIGURE.findall(head)) == 1:
        value, low, high = _number(new[0]), _number(old[1]), _number(old[2])
        return low - _last_digit(old[1]) <= value <= high + _last_digit(old[2])
    return all(
        abs(_number(was) - _number(now)) <= _last_digit(was) + _ROUNDING
        for was, now in zip(old, new, strict=True)
    )


def _number(figure: str) -> float:
    return float(figure.replace(",", ""))


def _last_digit(figure: str) -> float:
    _, point, decimals = figure.partition(".")
    return 10.0 ** -len(decimals) if point else 1.0


def _read(body: str) -> Table:
    lines = [line for line in body.splitlines() if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return Table(cells[0], tuple(cells[2:])) if cells else Table((), ())


def _presence(name: str, tables: Mapping[str, Table]) -> str:
    return "the table" if name in tables else "no such table"


def _size(table: Table) -> str:
    return f"{len(table.rows)} rows of {', '.join(table.headings)}"


def joined(parts: Sequence[Part]) -> dict[str, Table]:
    """All tables; rows of one name in the order of the parts."""
    tables: dict[str, Table] = {}
    for part in parts:
        for name, table in part.tables.items():
            tables[name] = tables[name].followed_by(table) if name in tables else table
    return tables
