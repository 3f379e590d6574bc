"""What Grafana's ClickHouse plugin makes of a query before it sends it.

After the plugin's documentation (grafana.com/grafana/plugins/grafana-clickhouse-datasource): its time
macros become comparisons in whole seconds, `$__conditionalAll` becomes `1=1` when everything is
chosen, and `${name:singlequote}` a list of quoted values.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

ALL: Final = "$__all"

_MACRO: Final = re.compile(r"\$__(\w+)")


@dataclass(frozen=True, slots=True)
class Range:
    """The chosen time, in unix seconds, and the width of an interval in seconds."""

    since: int
    until: int
    interval: int


def filled(sql: str, *, during: Range, chosen: Mapping[str, Sequence[str]]) -> str:
    """The query as it is sent. Raises `ValueError` for a macro that the plugin does not have."""
    while (found := _MACRO.search(sql)) is not None:
        arguments, end = _arguments(sql, found.end())
        made = _made(found[1], arguments, during, chosen)
        sql = sql[: found.start()] + made + sql[end:]
    for name, values in chosen.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        sql = sql.replace(f"${{{name}:singlequote}}", quoted)
    return sql


def _arguments(sql: str, start: int) -> tuple[list[str], int]:
    """What stands in the parentheses, split at its outermost commas, and where they end."""
    if sql[start : start + 1] != "(":
        return [], start
    depth, begun, found = 0, start + 1, list[str]()
    for at in range(start, len(sql)):
        match sql[at]:
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case _:
                pass
        if depth == 0 or (depth == 1 and sql[at] == ","):
            found.append(sql[begun:at].strip())
            begun = at + 1
        if depth == 0:
            return found, at + 1
    raise ValueError(f"a parenthesis is not closed: {sql[start:]}")


def _made(
    name: str, arguments: list[str], during: Range, chosen: Mapping[str, Sequence[str]]
) -> str:
    since, until = f"toDateTime({during.since})", f"toDateTime({during.until})"
    match name, arguments:
        case "timeFilter", [column]:
            return f"{column} >= {since} AND {column} <= {until}"
        case "dateTimeFilter", [day, column]:
            days = f"({day} >= {_day(during.since)} AND {day} <= {_day(during.until)})"
            return f"{days} AND ({column} >= {since} AND {column} <= {until})"
        case "timeInterval", [column]:
            return f"toStartOfInterval(toDateTime({column}), INTERVAL {during.interval} second)"
        case "conditionalAll", [condition, variable]:
            is_all = list(chosen[variable.removeprefix("$")]) == [ALL]
            return "1=1" if is_all else condition
        case _:
            raise ValueError(f"the plugin has no macro ${{__{name}}} of {len(arguments)} arguments")


def _day(moment: int) -> str:
    return f"toDate('{datetime.fromtimestamp(moment, UTC).date().isoformat()}')"
