"""The analytics queries by name. A query is a file; its first line is the question it answers."""

from dataclasses import dataclass
from pathlib import Path

from turnout.errors import InvalidRequest
from turnout.telemetry.sql_files import sql_directory


@dataclass(frozen=True, slots=True)
class AnalyticsQuery:
    """One query, to be run with the database of the facts as the current one."""

    name: str
    question: str
    sql: str


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
