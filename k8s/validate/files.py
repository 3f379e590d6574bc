"""The files that are checked: one that is missing, no YAML or of another shape is one short line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

T = TypeVar("T")


class Unreadable(Exception):
    """The message is one line, led by the file as seen from the checkout's top."""


def text_of(root: Path, file: str) -> str:
    try:
        return (root / file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Unreadable(f"{file}: there is no such file") from None
    except OSError as reason:
        raise Unreadable(f"{file}: {reason.strerror}; expected a file") from None
    except UnicodeDecodeError as reason:
        raise Unreadable(f"{file}: byte {reason.start} is not UTF-8") from None


def documents_of(root: Path, file: str) -> list[object]:
    try:
        return list(yaml.safe_load_all(text_of(root, file)))
    except yaml.MarkedYAMLError as reason:
        line = f":{reason.problem_mark.line + 1}" if reason.problem_mark else ""
        raise Unreadable(f"{file}{line}: no YAML: {reason.problem}") from None
    except yaml.YAMLError as reason:
        raise Unreadable(f"{file}: no YAML: {' '.join(str(reason).split())}") from None


def shaped(root: Path, file: str, shape: type[T], *, strict: bool = True) -> T:
    """The file's one document as `shape`. Raises `Unreadable`."""
    documents = documents_of(root, file)
    if not documents or documents[0] is None:
        raise Unreadable(f"{file}: it is empty")
    try:
        return msgspec.convert(documents[0], shape, strict=strict)
    except msgspec.ValidationError as reason:
        raise Unreadable(f"{file}: {reason}") from None


def until_unreadable(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a check; a file that cannot be read ends it with the line that says so."""
    try:
        yield from lines
    except Unreadable as reason:
        yield str(reason)
