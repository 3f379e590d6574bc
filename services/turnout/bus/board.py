"""What is made of the values of one kind of control keys, as they are now.

A value that cannot be read (another version may have kept it) is left, logged and told by `refused`; what was
read last stays. Reading happens on the event loop, so it has to be quick.
"""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Board(Generic[T]):
    """Keys that begin with `prefix`, by what follows it; `own` holds for one without a value.

    Attributes:
        refused: why the newest value of a key is left.
    """

    def __init__(self, prefix: str, own: T, read: Callable[[str], T]) -> None:
        self._prefix = prefix
        self._own = own
        self._read = read
        self._known: dict[str, T] = {}
        self.refused: dict[str, str] = {}

    def of(self, name: str) -> T:
        return self._known.get(name, self._own)

    @property
    def known(self) -> Mapping[str, T]:
        """All that have a value of their own."""
        return MappingProxyType(self._known)

    def on_control(self, key: str, value: str | None) -> None:
        """A control key has changed or, with None, is gone."""
        if not key.startswith(self._prefix):
            return
        name = key.removeprefix(self._prefix)
        self.refused.pop(name, None)
        if value is None:
            self._known.pop(name, None)
            return
        try:
            self._known[name] = self._read(value)
        except Exception as reason:  # noqa: BLE001 - what another version has kept may fail anyhow
            self.refused[name] = f"{type(reason).__name__}: {reason}"
            _LOG.warning(
                "a control value cannot be read and is left",
                extra={"key": key, "error": self.refused[name]},
            )
