"""Files as they stand on a disk that is not ours: any of them may be cut, huge, binary or forbidden.

Rules: nothing here raises for what a file holds or for one that cannot be read; it is counted by what
it was. Lines are streamed, and none is held that is longer than `LONGEST`.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from turnout.learn.audit.call import Unread

LONGEST: Final = 64 * 2**20
"""Bytes of one line or of one JSON file; agents put pictures of some MB into a line."""

Decoded = TypeVar("Decoded")


def is_directory(path: Path) -> bool:
    """False where it is not for us to know, for which pathlib raises."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """False where it is not for us to know."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def below(root: Path, unread: Unread) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Directories below the root with their directories, which may be pruned, and regular files.

    Links to directories are not followed, so that no loop is.
    """
    found = os.walk(root, onerror=lambda _error: unread.update(["directories that cannot be read"]))
    for directory, names, files in found:
        names.sort()
        yield Path(directory), names, sorted(files)


def lines(path: Path, unread: Unread, *, longest: int = LONGEST) -> Iterator[bytes]:
    """Lines with something in them."""
    try:
        # A pipe that somebody has left there would be waited for without end.
        if not stat.S_ISREG(path.stat().st_mode):
            return
        with path.open("rb") as file:
            while line := file.readline(longest):
                if len(line) == longest and not line.endswith(b"\n"):
                    unread["lines that are too long"] += 1
                    while line and not line.endswith(b"\n"):
                        line = file.readline(longest)
                elif stripped := line.strip():
                    yield stripped
    except OSError:
        unread["files that cannot be read"] += 1


def whole(path: Path, unread: Unread) -> bytes:
    """A file's bytes; b"" where it cannot be read or is too long."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            return b""
        if facts.st_size > LONGEST:
            unread["files that are too long"] += 1
            return b""
        return path.read_bytes()
    except OSError:
        unread["files that cannot be read"] += 1
        return b""


def decoded(
    data: bytes | msgspec.Raw,
    decoder: msgspec.json.Decoder[Decoded],
    unread: Unread,
    *,
    what: str = "lines",
) -> Decoded | None:
    """None for what is not of the form, which is counted."""
    try:
        return _read(data, decoder)
    except msgspec.ValidationError:
        unread[f"{what} of an unknown form"] += 1
    except (ValueError, RecursionError):
        unread[f"{what} that are cut or no JSON"] += 1
    return None


def _read(data: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Decoded]) -> Decoded:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return decoder.decode(_with_whole_characters(bytes(data)))


def _with_whole_characters(data: bytes) -> bytes:
    """The same JSON, a question mark for every half of a surrogate pair: an agent that cuts a text by UTF-16
    units leaves one, JSON allows it and msgspec does not. Raises `ValueError` for what is no JSON.
    """
    return json.dumps(json.loads(data), ensure_ascii=False).encode(errors="replace")
