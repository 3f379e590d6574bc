"""The schema as a document: every table and column with meaning and unit, read from ClickHouse.

Rules: it says what the database says. Meanings are the COMMENTs of the migrations; a column of a view
means what the column of that name means in the table behind it; units follow from names and types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout.telemetry.warehouse import Warehouse

_HEAD = """# Tables of the facts

Made by `turnout schema document` from the comments in the migrations beside this file; a test compares.
Read the views: they are deduplicated. The tables behind them (`…_raw`) may hold a fact more than once.
"""

_TOKENS = frozenset(
    (
        *("fresh_input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h"),
        *("cache_write_other", "input_total", "output", "reasoning", "prompt_tokens_estimate"),
        *(
            "prefix_tokens",
            "head_tokens",
            "previous_prompt_tokens",
            "warm_tokens",
            "warm_tokens_left",
        ),
    )
)
_SHARES = frozenset({"propensity", "draw", "quality", "kept_share"})
_COMPUTED: Mapping[str, str] = {
    "cache_write": "Prompt tokens written to a cache of any lifetime; null when unknown",
    "input_total": "All prompt tokens; null when unknown",
    "answered_requests": "Requests that were answered",
    "started_at": "When the first of the requests arrived, UTC",
    "ended_at": "When the last of the answers ended, UTC",
    "session_hash": "cityHash64 of tenant and session, to group and join by",
    "model": "Model that served most of it",
    "requests": "Requests, however they ended",
    "is_merged": "Whether it was merged",
    "is_reverted": "Whether it was reverted",
    "success": "What came of it, 0 to 1: reverted, merged, abandoned, lines kept, tests, score, the first known",
    "lines_survived": "Lines of the agent still there at the latest look",
    "saving_usd": "Baseline cost less cost, where both are known, USD (repriced)",
}

_OF_OUTCOMES = frozenset({"outcomes_by_session", "session_results"})
"""Views whose columns mean what those of outcomes mean."""


@dataclass(frozen=True, slots=True)
class _Column:
    table: str
    name: str
    type: str
    comment: str


async def document(warehouse: Warehouse) -> str:
    """The document of the database that `warehouse` writes to, as Markdown."""
    database = warehouse.settings.database
    tables = await warehouse.rows(
        "SELECT name, comment, sorting_key, partition_key FROM system.tables"  # noqa: S608
        f" WHERE database = '{database}' ORDER BY name"
    )
    rows = await warehouse.rows(
        "SELECT table, name, type, comment FROM system.columns"  # noqa: S608
        f" WHERE database = '{database}' ORDER BY table, position"
    )
    columns: dict[str, list[_Column]] = {}
    for row in rows:
        column = _Column(*(str(value) for value in row))
        columns.setdefault(column.table, []).append(column)
    stored = [row for row in tables if str(row[0]).endswith("_raw")]
    lines = [_HEAD, "## Tables and their views\n"]
    for row in stored:
        name, comment, key, partition = (str(value) for value in row)
        lines += [f"### {name}\n", f"{comment}. Sorted by `{key}`{_parted(partition)}.\n"]
        lines += _table(columns[name], meanings={})
    lines.append("## Views over them\n")
    anywhere = _meanings([column for found in columns.values() for column in found])
    counted = {**anywhere, **_meanings(columns["session_hours_raw"]), **_COMPUTED}
    reported = {**counted, **_meanings(columns["outcomes_raw"])}
    plain = {str(row[0]).removesuffix("_raw") for row in stored} - {"session_hours"}
    for row in tables:
        name = str(row[0])
        if name.endswith("_raw") or name == "schema_migrations":
            continue
        if name in plain:
            extra = [one for one in columns[name] if not _is_in(one, columns[f"{name}_raw"])]
            lines += [f"### {name}\n", f"The rows of `{name}_raw`, each once.\n"]
            lines += _table(extra, meanings=counted) if extra else []
        else:
            known = reported if name in _OF_OUTCOMES else counted
            lines += [f"### {name}\n", *_table(columns[name], meanings=known)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _meanings(columns: Sequence[_Column]) -> dict[str, str]:
    return {column.name: column.comment for column in columns if column.comment}


def _parted(partition: str) -> str:
    return f", in partitions by `{partition}`" if partition else ""


def _is_in(column: _Column, others: Sequence[_Column]) -> bool:
    return any(other.name == column.name for other in others)


def _table(columns: Sequence[_Column], *, meanings: Mapping[str, str]) -> list[str]:
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for column in columns:
        meaning = column.comment or meanings.get(column.name, "")
        lines.append(f"| `{column.name}` | `{column.type}` | {unit(column)} | {meaning} |")
    return [*lines, ""]


def unit(column: _Column) -> str:
    """The unit of a column, empty for words and counts."""
    name, type_ = column.name, column.type
    if name.endswith("_usd"):
        return "USD"
    if name.endswith("_seconds"):
        return "s"
    if name.endswith("_bytes"):
        return "bytes"
    if name in _TOKENS:
        return "tokens"
    if "DateTime" in type_ or type_ == "Date":
        return "UTC"
    if name in _SHARES:
        return "share"
    return ""
