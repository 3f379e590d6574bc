"""What settings are made of: sections, and their environment variables as the README shows them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """The fields of one part of the settings. No number is infinite, or none at all: nothing that waits,
    or counts, can do so by one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, for the README and for refusing typos.

    Attributes:
        example: of a value that is written as JSON; "" for others.
    """

    name: str
    default: str
    meaning: str
    example: str = ""


def variable_of(name: str, field: FieldInfo) -> Variable:
    """The variable that a field of the settings is set by."""
    default: object = field.default
    example = ""
    match default:
        case None | SecretStr():
            shown = ""
        case tuple():
            shown = json.dumps(default) if default else ""
            example = '["one"]'
        case dict():
            shown = ""
            example = '{"name": "value"}'
        case bool():
            shown = str(default).lower()
        case _:
            shown = str(default)
    return Variable(name.upper(), shown, field.description or "", example)


def is_provider(name: str) -> bool:
    """Whether the variable says where a provider is."""
    parts = name.split("__")
    if parts[0] != "TURNOUT_PROVIDERS":
        return False
    one_for_all = len(parts) == 3 and parts[2] == "BASE_URL"
    return one_for_all or (len(parts) == 4 and parts[2] == "BASE_URLS")


def unreadable(known: Mapping[str, Variable]) -> Variable | None:
    """The variable that should hold JSON and does not."""
    for name, value in os.environ.items():
        variable = known.get(name.upper())
        if variable is not None and variable.example:
            try:
                json.loads(value)
            except ValueError:
                return variable
    return None
