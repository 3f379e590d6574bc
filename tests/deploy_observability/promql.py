"""What a PromQL query names: metrics, the labels that it matches and those that it groups by.

Parsing is promtool's; this finds names in text that promtool has taken.
"""

import re
from dataclasses import dataclass
from typing import Final

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_SELECTOR: Final = re.compile(
    rf"(?P<name>[a-zA-Z_][a-zA-Z0-9_:]*)(?:\{{(?P<matchers>(?:{_STRING}|[^}}\"])*)\}})?"
)
_MATCHER: Final = re.compile(rf"(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>{_STRING})")
_GROUPING: Final = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\((?P<labels>[^)]*)\)"
)
_WORDS: Final = frozenset({"and", "or", "unless", "by", "on", "group_left", "offset", "bool"})


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric with the values that its labels are matched with."""

    name: str
    values: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Names:
    selectors: tuple[Selector, ...]
    groups: frozenset[str]


def names_in(query: str) -> Names:
    groups = frozenset(
        label.strip()
        for found in _GROUPING.finditer(query)
        for label in found["labels"].split(",")
        if label.strip()
    )
    text = _GROUPING.sub(" ", query)
    selectors: list[Selector] = []
    for found in _SELECTOR.finditer(re.sub(r"\[[^\]]*\]", " ", text)):
        rest = found.string[found.end() :].lstrip()
        before = found.string[: found.start()]
        is_number = bool(re.search(r"[\d.]$", before))
        if found["name"] in _WORDS or rest.startswith("(") or is_number:
            continue
        selectors.append(Selector(found["name"], _values(found["matchers"] or "")))
    return Names(tuple(selectors), groups)


def _values(matchers: str) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for found in _MATCHER.finditer(matchers):
        value = found["value"][1:-1]
        several = value.split("|") if "~" in found["operator"] else [value]
        values[found["label"]] = tuple(several)
    return values
