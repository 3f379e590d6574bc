import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.engines.clickhouse.statement import Parts, quoted, split_statement


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"SELECT 1 FORMAT JSON", Parts(b"SELECT 1 FORMAT JSON")),
        (b"INSERT INTO t FORMAT CSV\n1,2\n", Parts(b"INSERT INTO t ", b"1,2\n", "CSV")),
        (b"insert into t format CSV 1,2", Parts(b"insert into t ", b"1,2", "CSV")),
        (b"INSERT INTO t FORMAT Native\n\n\x00", Parts(b"INSERT INTO t ", b"\n\x00", "Native")),
        (b"INSERT INTO t FORMAT CSV\r\nx", Parts(b"INSERT INTO t ", b"x", "CSV")),
        (b"INSERT INTO t (a) VALUES (1)", Parts(b"INSERT INTO t (a) ", b" (1)", "Values")),
        (b"INSERT INTO t FORMAT", Parts(b"INSERT INTO t FORMAT")),
        (b"INSERT INTO t SELECT 1 FORMAT CSV", Parts(b"INSERT INTO t SELECT 1 FORMAT CSV")),
        (
            b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            Parts(b"INSERT INTO t FROM INFILE 'x' FORMAT CSV"),
        ),
        (b"INSERT INTO format VALUES (1)", Parts(b"INSERT INTO format ", b" (1)", "Values")),
        (b"INSERT INTO db.values FORMAT CSV\n1", Parts(b"INSERT INTO db.values ", b"1", "CSV")),
        (
            b'-- format\n/* values */ INSERT INTO `a format` (`values`, "format") FORMAT CSV\n1',
            Parts(
                b'-- format\n/* values */ INSERT INTO `a format` (`values`, "format") ', b"1", "CSV"
            ),
        ),
        (
            b"INSERT INTO t (format, values) SETTINGS log_comment = 'format' FORMAT CSV\n",
            Parts(b"INSERT INTO t (format, values) SETTINGS log_comment = 'format' ", b"", "CSV"),
        ),
        (b"", Parts(b"")),
    ],
)
def test_an_insert_is_split_where_its_data_begins(request_bytes: bytes, expected: Parts) -> None:
    assert split_statement(request_bytes) == expected


@given(st.binary())
def test_data_is_kept_byte_by_byte(data: bytes) -> None:
    parts = split_statement(b"INSERT INTO t FORMAT Native\n" + data)
    assert parts == Parts(b"INSERT INTO t ", data, "Native")


@given(st.binary())
def test_any_bytes_are_split_without_loss(request_bytes: bytes) -> None:
    parts = split_statement(request_bytes)
    assert request_bytes.startswith(parts.text)
    assert request_bytes.endswith(parts.data or b"")


def test_quotes_cannot_be_left() -> None:
    assert quoted("a'b\\c") == "'a\\'b\\\\c'"
