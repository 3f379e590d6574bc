"""What the words of a text say of its task kind beside its embedding, which blurs long texts.

Rules of this module: pure; reads only what `cut` leaves of a text, so that one embedding has one
answer; English words, which say nothing in other languages and do no harm there. The artifact names
the cues that its weights were fitted with.
"""

import re
from typing import Final

CUES: Final = (
    "proposes",
    "wants",
    "names_docs",
    "names_running",
    "names_fixing",
    "names_reading",
    "begins_reading",
    "begins_reviewing",
    "names_writing_tests",
    "ends_asking",
    "is_a_word",
    "is_a_line",
)
"""In the order of `cues_of`; a name changes when its meaning does."""

CUE_SIZE: Final = 0.25
"""What a cue that is there counts beside the components of a unit vector; from 0.15 to 0.35 nothing
changes on the turns that the model is fitted on."""

BEGINNING_CHARACTERS: Final = 60
WORD_CHARACTERS: Final = 25
LINE_CHARACTERS: Final = 80

_WORD: Final = re.compile(r"[a-z']+")
_PROPOSING: Final = frozenset({"let's", "lets"})
_WANTING: Final = frozenset({"want", "need", "should", "like"})
_DOCS: Final = frozenset(
    [
        "readme",
        "doc",
        "docs",
        "documentation",
        "changelog",
        "comment",
        "comments",
        "docstring",
        "markdown",
        "description",
        "wording",
        "typo",
        "blog",
        "md",
    ]
)
_RUNNING: Final = frozenset({"run", "execute", "start", "restart"})
_FIXING: Final = frozenset({"fix", "fixes", "fixed", "fixing"})
_READING: Final = frozenset(
    [
        "explore",
        "find",
        "search",
        "look",
        "investigate",
        "understand",
        "explain",
        "read",
        "analyze",
        "analyse",
        "list",
        "show",
        "locate",
        "trace",
        "examine",
        "report",
    ]
)
_REVIEWING: Final = frozenset({"review", "reviews", "reviewing", "reviewer"})
_TESTS: Final = frozenset({"test", "tests", "coverage"})
_WRITING: Final = frozenset(
    ["write", "add", "create", "update", "extend", "missing", "more", "need", "have", "improve"]
)


def cues_of(cut_text: str) -> tuple[bool, ...]:
    """Whether each of `CUES` is there."""
    lower = cut_text.lower()
    words = frozenset(_WORD.findall(lower))
    first = frozenset(_WORD.findall(lower[:BEGINNING_CHARACTERS]))
    return (
        not first.isdisjoint(_PROPOSING),
        not first.isdisjoint(_WANTING),
        not words.isdisjoint(_DOCS),
        not words.isdisjoint(_RUNNING),
        not words.isdisjoint(_FIXING),
        not words.isdisjoint(_READING),
        not first.isdisjoint(_READING),
        not first.isdisjoint(_REVIEWING),
        not (words.isdisjoint(_TESTS) or words.isdisjoint(_WRITING)),
        lower.endswith("?"),
        len(cut_text) < WORD_CHARACTERS,
        len(cut_text) < LINE_CHARACTERS,
    )
