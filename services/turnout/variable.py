"""One environment variable: how the README shows it, and what is said of one that cannot be read."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, for the README and for refusing typos."""

    name: str
    default: str
    meaning: str
    is_list: bool = False


def variable_of(name: str, field: FieldInfo) -> Variable:
    """The variable that a field of the settings is set by."""
    default: object = field.default
    match default:
        case None | SecretStr():
            shown = ""
        case tuple():
            shown = json.dumps(default) if default else ""
        case bool():
            shown = str(default).lower()
        case _:
            shown = str(default)
    return Variable(name.upper(), shown, field.description or "", isinstance(default, tuple))


def is_provider(name: str) -> bool:
    """Whether the variable says where a provider is."""
    parts = name.split("__")
    if parts[0] != "TURNOUT_PROVIDERS":
        return False
    one_for_all = len(parts) == 3 and parts[2] == "BASE_URL"
    return one_for_all or (len(parts) == 4 and parts[2] == "BASE_URLS")


def unreadable_list(known: Mapping[str, Variable]) -> str:
    """The variable that should hold JSON and does not."""
    for name, value in os.environ.items():
        variable = known.get(name.upper())
        if variable is not None and variable.is_list:
            try:
                json.loads(value)
            except ValueError:
                return variable.name
    return ""
