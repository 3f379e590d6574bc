"""Where the .sql files are: inside the installed package, or in deploy/clickhouse of a checkout."""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "clickhouse"
_CHECKED_OUT = Path(__file__).parents[3] / "deploy" / "clickhouse"


def sql_directory() -> Path:
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
