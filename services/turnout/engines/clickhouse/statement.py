"""Where the statement of a request ends and the data of an INSERT begins.

Rules: pure, on bytes, because inserted data is binary. Only the head of an INSERT is scanned; every
other request is one text. What a statement may do is not decided here but on the engine's own parse
tree (`guard`), so a mistake of this scanner can spoil an insert and nothing else.
"""

import re
from dataclasses import dataclass

_BLANK = re.compile(rb"(?:\s+|--[^\n]*|#[ !][^\n]*|/\*.*?\*/)+", re.DOTALL)
_QUOTED = re.compile(
    rb"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`\\]|\\.|``)*`", re.DOTALL
)
_WORD = re.compile(rb"[A-Za-z_0-9]+")
# ClickHouse skips these between the name of the format and the data, in this order.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
# After these a word is a table's name, even when it reads FORMAT or VALUES.
_BEFORE_NAME = (b"INTO", b"TABLE", b".")


@dataclass(frozen=True, slots=True)
class Parts:
    text: bytes
    data: bytes | None = None
    data_format: str = ""


def split_statement(request: bytes) -> Parts:
    """Split `INSERT INTO t (a) FORMAT Native <data>` and `INSERT INTO t VALUES <data>`."""
    position, depth, before = 0, 0, b""
    while position < len(request):
        if blank := _BLANK.match(request, position):
            position = blank.end()
        elif quoted := _QUOTED.match(request, position):
            position, before = quoted.end(), b""
        elif word := _WORD.match(request, position):
            position, name = word.end(), word[0].upper()
            if not before and name != b"INSERT" and depth == 0 and word.start() == _first(request):
                break
            if depth == 0 and before not in _BEFORE_NAME:
                if name in (b"SELECT", b"WITH", b"FROM"):
                    break
                if name == b"VALUES":
                    return Parts(request[: word.start()], request[position:], "Values")
                if name == b"FORMAT":
                    return _after_format(request, word.start(), position)
            before = name
        else:
            before = request[position : position + 1]
            depth += {b"(": 1, b")": -1}.get(before, 0)
            position += 1
    return Parts(request)


def _first(request: bytes) -> int:
    blank = _BLANK.match(request)
    return blank.end() if blank else 0


def _after_format(request: bytes, start: int, end: int) -> Parts:
    blank = _BLANK.match(request, end)
    name = _WORD.match(request, blank.end() if blank else end)
    if name is None:
        return Parts(request)
    data_at = _BEFORE_DATA.match(request, name.end())
    data = request[data_at.end() if data_at else name.end() :]
    return Parts(request[:start], data, name[0].decode())


def quoted(text: str) -> str:
    """A string literal of ClickHouse."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def quoted_name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`").replace("\0", "\\0")
    return f"`{escaped}`"
