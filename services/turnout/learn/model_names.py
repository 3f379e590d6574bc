"""Benchmarks' spellings of models, brought to catalog ids.

Rules of this module: pure text; a row that names two models or a product around a model is left
out rather than guessed; efforts of one model count as that model.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_LEFT_OUT: Final = re.compile(r" \+ |voice|realtime|audio|omni|cascaded", re.IGNORECASE)
"""Two models at work, and speech models: neither says what one text model can do."""

_REMARK: Final = re.compile(r"\(.*?\)|,.*$")
_DATE: Final = re.compile(r"-\d{4}-?\d{2}-?\d{2}$|-\d{2}-\d{2}$")
_TAIL: Final = re.compile(r"-(preview|latest|exp|reasoner|paper|250-turns|instruct)(-|$)")

_SPELLINGS: Final[Mapping[str, str]] = {
    "claude-45sonnet-10132025": "claude-sonnet-4-5",
    "claude-4sonnet-10132025": "claude-sonnet-4",
    "gpt-5-250-turns-10132025": "gpt-5",
    "kimi-k2-instruct-10132025": "kimi-k2",
    "gptoss-paper": "gpt-oss-120b",
    "Gemini 3.0 Pro": "gemini-3-pro",
    "Grok 4.2": "grok-4.20",
    "Qwen 3.8 Max": "qwen3.8-max",
}
"""Names that no rule brings home."""


def plain_name(name: str) -> str | None:
    """A spelling in which the same model reads the same; None for what is left out."""
    if name in _SPELLINGS:
        name = _SPELLINGS[name]
    if _LEFT_OUT.search(name):
        return None
    plain = _REMARK.sub("", name).strip().lower().replace(" ", "-").replace(".", "-")
    previous = ""
    while plain != previous:
        previous = plain
        plain = _TAIL.sub("-", _DATE.sub("", plain)).strip("-")
    return plain or None


class ModelNames:
    """Catalog ids by plain name; a name the catalog lacks stays plain."""

    def __init__(self, catalog_names: Mapping[str, str]) -> None:
        """`catalog_names`: every id and alias to its id."""
        self._ids: dict[str, str] = {}
        for name, model_id in sorted(catalog_names.items(), key=lambda item: (len(item[0]), item)):
            plain = plain_name(name)
            if plain is not None:
                self._ids.setdefault(plain, model_id)

    def resolve(self, name: str) -> str | None:
        plain = plain_name(name)
        return None if plain is None else self._ids.get(plain, plain)


_VERSION: Final = re.compile(r"\d+(?:[.-]\d{1,2}(?!\d))*")


def family(model: str) -> tuple[str, tuple[int, ...]]:
    """A model's name without its version, and the version: claude-opus-4-8 gives opus and 4, 8."""
    plain = model.lower()
    found = _VERSION.search(plain)
    if found is None:
        return plain, ()
    version = tuple(int(part) for part in re.split(r"[.-]", found.group()))
    rest = re.sub(r"[-.]+", "-", f"{plain[: found.start()]}-{plain[found.end() :]}").strip("-")
    return rest, version


def predecessor(model: str, known: Iterable[str]) -> str | None:
    """The newest known model of the family that is not newer; else the oldest newer one."""
    name, version = family(model)
    if not version:
        return None
    relatives = sorted(
        (other_version, other)
        for other in known
        for other_name, other_version in (family(other),)
        if other_name == name and other_version and other != model
    )
    older = [other for other_version, other in relatives if other_version <= version]
    if older:
        return older[-1]
    return relatives[0][1] if relatives else None
