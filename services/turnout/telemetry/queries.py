"""The analytics queries by name. A query is a file; its first line is the question it answers.

Rules: a file runs as it is in any ClickHouse client, with the database of the facts as the current
one. What may be asked otherwise are constants at its top, each on a line `VALUE AS name -- parameter:
meaning`; `with_values` writes other values of the same kind in their place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from turnout.errors import InvalidRequest
from turnout.telemetry.sql_files import sql_directory

_PARAMETER = re.compile(
    r"^    (?P<value>toDate\('[\d-]+'\)|'[^']*'|\d+) AS (?P<name>\w+)(?P<comma>,?)"
    r" -- parameter: (?P<meaning>.+)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant at the top of a query that may be another one."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class AnalyticsQuery:
    """One query, to be run with the database of the facts as the current one."""

    name: str
    question: str
    sql: str

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(found["name"], found["value"], found["meaning"])
            for found in _PARAMETER.finditer(self.sql)
        )

    def with_values(self, values: Mapping[str, str]) -> str:
        """The text with other values. Raises `InvalidRequest` for a name or a value that is none."""
        known = [parameter.name for parameter in self.parameters]
        for name in values:
            if name not in known:
                raise InvalidRequest(
                    f"{self.name} has no parameter {name!r}; it has {', '.join(known)}"
                )

        def replaced(found: re.Match[str]) -> str:
            name = found["name"]
            value = (
                _literal(name, values[name], found["value"]) if name in values else found["value"]
            )
            return f"    {value} AS {name}{found['comma']} -- parameter: {found['meaning']}"

        return _PARAMETER.sub(replaced, self.sql)


def _literal(name: str, told: str, default: str) -> str:
    """What was told, as a literal of the default's kind."""
    if default.startswith("toDate"):
        try:
            return f"toDate('{date.fromisoformat(told).isoformat()}')"
        except ValueError:
            raise InvalidRequest(f"{name} is a day such as 2026-11-22, not {told!r}") from None
    if default.startswith("'"):
        escaped = told.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if not (told.isascii() and told.isdigit()):
        raise InvalidRequest(f"{name} is a whole number such as {default}, not {told!r}")
    return told


def load_queries() -> dict[str, AnalyticsQuery]:
    """All queries by name, in the order of their names."""
    paths = sorted((sql_directory() / "queries").glob("*.sql"))
    return {path.stem: _read(path) for path in paths}


def load_query(name: str) -> AnalyticsQuery:
    """Raises `InvalidRequest` when there is none of that name."""
    queries = load_queries()
    if name not in queries:
        raise InvalidRequest(f"there is no query {name!r}; there are {', '.join(queries)}")
    return queries[name]


def _read(path: Path) -> AnalyticsQuery:
    text = path.read_text(encoding="utf-8")
    question = text.split("\n", 1)[0].removeprefix("--").strip()
    return AnalyticsQuery(name=path.stem, question=question, sql=text)
