"""`python -m tests.sample` writes the tables of `tests/sample/tables` anew."""

import sys

from tests.sample import tasks, traces
from tests.sample.place import TABLES
from turnout.learn.parquet import table_of


def main() -> int:
    for name, columns in (*traces.tables(), *tasks.tables()):
        table_of(name, columns).write(TABLES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
