"""What the columns of a raw table are made of: types, readers of one message, and a table of them.

Rules: pure. Columns are read straight from the protobuf message, by attribute path, because making
our facts of it first would cost more than everything else here. `check` looks at all that
could make ClickHouse or its client refuse a block: what passes can be inserted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from google.protobuf.message import Message

Read = Callable[[Message], object]

# DateTime64(6) reaches to 2299, a Date of ClickHouse to 2149; whatever is later is no time of ours.
_EARLIEST_SECONDS = 0.0
_LATEST_SECONDS = 5_600_000_000.0
# Decimal(18, 9) holds less than a thousand million.
_DEAREST_USD = 1e9
_MICROSECONDS = 1_000_000
_NANODOLLARS_DIGITS = 9
_INT32 = 2**31

STRING = "String"
WORD = "LowCardinality(String)"
WORDS = "Array(LowCardinality(String))"
BOOL = "Bool"
INT32 = "Int32"
INT64 = "Int64"
FLOAT = "Float64"
TIME = "DateTime64(6, 'UTC')"
MAYBE_INT64 = "Nullable(Int64)"
MAYBE_FLOAT = "Nullable(Float64)"
MAYBE_USD = "Nullable(Decimal(18, 9))"


class Undecodable(ValueError):
    """A fact that no row can be made of; the message says why."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    read: Read


@dataclass(frozen=True, slots=True)
class Several:
    """Columns that follow from one reading; `read` gives a value of each."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    read: Callable[[Message], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Table:
    """A raw table.

    Attributes:
        times, money, small: fields that `check` looks at.
        several: columns beside `single`, read together because reading is dear.
    """

    name: str
    single: tuple[Column, ...]
    times: tuple[str, ...]
    money: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    several: Several | None = None

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Name and type of each."""
        found = [(column.name, column.type) for column in self.single]
        if self.several is not None:
            found += zip(self.several.names, self.several.types, strict=True)
        return found

    @property
    def types(self) -> list[str]:
        return [type_ for _, type_ in self.columns]

    def build(self, messages: Sequence[Message]) -> dict[str, list[object]]:
        """The columns of as many rows as there are messages."""
        found = {column.name: list(map(column.read, messages)) for column in self.single}
        if self.several is not None:
            cells = zip(*map(self.several.read, messages), strict=True)
            found.update(zip(self.several.names, map(list, cells), strict=True))
        return found

    def check(self, message: Message) -> None:
        """Raises `Undecodable` for a fact that would make its whole block fail."""
        if not getattr(message, "event_id", ""):
            raise Undecodable("a fact without event_id")
        for field in self.times:
            seconds = float(getattr(message, field))
            if not _EARLIEST_SECONDS <= seconds <= _LATEST_SECONDS:
                raise Undecodable(f"{field} is no time: {seconds}")
        for field in self.money:
            if message.HasField(field):
                amount = float(getattr(message, field))
                if not math.isfinite(amount) or abs(amount) >= _DEAREST_USD:
                    raise Undecodable(f"{field} is no amount: {amount}")
        for field in self.small:
            number = int(getattr(message, field))
            if not -_INT32 <= number < _INT32:
                raise Undecodable(f"{field} is out of range: {number}")


def plain(type_: str, *paths: str) -> list[Column]:
    """Columns that are fields, named like the last word of their path."""
    return [Column(path.rsplit(".", 1)[-1], type_, attrgetter(path)) for path in paths]


def time_of(field: str) -> Column:
    get = attrgetter(field)

    def read(message: Message) -> object:
        return round(get(message) * _MICROSECONDS)

    return Column(field, TIME, read)


def maybe(type_: str, *fields: str) -> list[Column]:
    """Columns of optional fields; absent is null."""

    def column(field: str) -> Column:
        get = attrgetter(field)

        def read(message: Message) -> object:
            return get(message) if message.HasField(field) else None

        return Column(field, type_, read)

    return [column(field) for field in fields]


def money(*fields: str) -> list[Column]:
    def column(field: str) -> Column:
        get = attrgetter(field)

        def read(message: Message) -> object:
            # clickhouse-connect cuts digits off instead of rounding.
            return round(get(message), _NANODOLLARS_DIGITS) if message.HasField(field) else None

        return Column(field, MAYBE_USD, read)

    return [column(field) for field in fields]


def words(path: str) -> Column:
    get = attrgetter(path)

    def read(message: Message) -> object:
        return list(get(message))

    return Column(path.rsplit(".", 1)[-1], WORDS, read)
