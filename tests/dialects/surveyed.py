"""How one dialect writes what the survey of every dialect is asked about."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.survey import Survey

Json: TypeAlias = dict[str, Any]


def content_of(parts: tuple[str | Json, ...], *, text: str) -> object:
    """A string alone as it is, else a list in which a string is a part of the type `text`."""
    match parts:
        case (str() as alone,):
            return alone
        case _:
            return [{"type": text, "text": p} if isinstance(p, str) else p for p in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Attributes:
    field: under which the messages stand in a body.
    user: a message of these parts; a string is a part of text, and alone the whole content.
    called: a message that calls a tool under each of these ids, or by these names where calls have
        no ids.
    result: the message that answers one call, with these parts.
    image, document: a part with as many characters of base64.
    system: the messages in front and the fields that say a system prompt.
    tools: what the field `tools` may hold.
    """

    dialect: Dialect
    field: str
    user: Callable[..., Json]
    called: Callable[..., Json]
    result: Callable[..., Json]
    image: Callable[[int], Json]
    document: Callable[[int], Json]
    system: Callable[[object], tuple[list[Json], Json]]
    tools: list[Json]
    path: str = ""

    def body(self, *messages: object, system: object = None, **fields: object) -> bytes:
        leading, told = ([], {}) if system is None else self.system(system)
        body = {"model": "m", self.field: [*leading, *messages]} | told | fields
        return json.dumps(body).encode()

    def survey(self, *messages: object, system: object = None, **fields: object) -> Survey:
        return self.read(self.body(*messages, system=system, **fields))

    def read(self, body: bytes) -> Survey:
        return DIALECTS[self.dialect].survey_request(body, path=self.path)
