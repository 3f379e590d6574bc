"""Tables as typed columns, from parquet files and to them: the one place that knows pyarrow, which has no
types.

Rules of this module: values are narrowed here; what is not of the type asked for is an error that
names file and column; a missing value is None for text and NaN for numbers.
"""

import hashlib
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequest

Numbers = NDArray[np.float64]


class _Column(Protocol):
    def to_pylist(self) -> list[object]: ...


class _Table(Protocol):
    num_rows: int
    column_names: list[str]

    def column(self, name: str) -> _Column: ...


class _ReadTable(Protocol):
    def __call__(self, source: str) -> _Table: ...


class _MakeTable(Protocol):
    def __call__(self, columns: Mapping[str, Sequence[object]]) -> _Table: ...


class _WriteTable(Protocol):
    def __call__(self, table: _Table, where: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `sha256` is of its file's bytes, "" where there is none."""

    name: str
    sha256: str
    rows: int
    _table: _Table

    @property
    def columns(self) -> Sequence[str]:
        return self._table.column_names

    def texts(self, column: str) -> list[str]:
        """Text, "" where missing."""
        values: list[str] = []
        for value in self.values(column):
            if value is None:
                values.append("")
            elif isinstance(value, str):
                values.append(value)
            else:
                raise self._wrong(column, "text", value)
        return values

    def numbers(self, column: str) -> Numbers:
        """Numbers and booleans as floats, NaN where missing."""
        values: list[float] = []
        for value in self.values(column):
            if value is None:
                values.append(math.nan)
            elif isinstance(value, int | float):
                values.append(float(value))
            else:
                raise self._wrong(column, "a number", value)
        return np.array(values, dtype=np.float64)

    def times(self, column: str) -> list[datetime]:
        values: list[datetime] = []
        for value in self.values(column):
            if not isinstance(value, datetime):
                raise self._wrong(column, "a time", value)
            values.append(value)
        return values

    def with_rows_of(self, other: "Table") -> "Table":
        """Both, in the columns that both have."""
        shared = [name for name in self.columns if name in other.columns]
        columns = {name: [*self.values(name), *other.values(name)] for name in shared}
        return table_of(self.name, columns)

    def write(self, directory: Path) -> None:
        """Write it as `NAME.parquet`. Raises `OSError`."""
        write: _WriteTable = importlib.import_module("pyarrow.parquet").write_table
        directory.mkdir(parents=True, exist_ok=True)
        write(self._table, str(directory / f"{self.name}.parquet"))

    def values(self, column: str) -> Sequence[object]:
        """As they come. Raises `InvalidRequest` where there is no such column."""
        if column not in self._table.column_names:
            raise InvalidRequest(f"{self.name} has no column {column}.")
        return self._table.column(column).to_pylist()

    def _wrong(self, column: str, wanted: str, value: object) -> InvalidRequest:
        return InvalidRequest(
            f"{self.name}, column {column}: expected {wanted}, found {type(value).__name__}."
        )


def load_table(directory: Path, name: str) -> Table:
    """Read `name`.parquet. Raises as `load_file` does."""
    return load_file(directory / f"{name}.parquet")


def load_file(path: Path) -> Table:
    """Raises `InvalidRequest` when it is not there or not parquet."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    pyarrow = importlib.import_module("pyarrow")
    read: _ReadTable = importlib.import_module("pyarrow.parquet").read_table
    broken: type[Exception] = pyarrow.ArrowException
    try:
        table = read(str(path))
    except broken as error:
        raise InvalidRequest(f"{path} is no parquet file: {error}") from error
    return Table(
        name=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        rows=table.num_rows,
        _table=table,
    )


def table_of(name: str, columns: Mapping[str, Sequence[object]]) -> Table:
    """A table that stands in no file yet."""
    make: _MakeTable = importlib.import_module("pyarrow").table
    made = make(dict(columns))
    return Table(name=name, sha256="", rows=made.num_rows, _table=made)
