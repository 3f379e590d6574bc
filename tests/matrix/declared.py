"""What the matrix is made of: features, how each dialect says them, and what a pair makes of one.

Rules: a sample is what a client or a provider of the dialect writes by its documentation, a reader
looks for the value in plain JSON; neither knows the product. A side that cannot say something has
neither sample nor reader, and says why. What both sides can say is kept, unless the declaration
names a reason that a reader of the table can judge.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from turnout.capabilities import Dialect

Json = dict[str, Any]
Pair: TypeAlias = tuple[Dialect, Dialect]
"""Client and upstream."""

ALL: Final[tuple[Dialect, ...]] = (
    "anthropic_messages",
    "openai_chat",
    "openai_responses",
    "gemini_generate",
)
PAIRS: Final[tuple[Pair, ...]] = tuple((client, upstream) for client in ALL for upstream in ALL)

SHORT: Final[Mapping[Dialect, str]] = {
    "anthropic_messages": "messages",
    "openai_chat": "chat",
    "openai_responses": "responses",
    "gemini_generate": "gemini",
}

IDS: Final = [f"{SHORT[client]}-{SHORT[upstream]}" for client, upstream in PAIRS]
"""Of the test cases, in the order of `PAIRS`."""

OPENAI: Final[frozenset[Dialect]] = frozenset({"openai_chat", "openai_responses"})
"""Two dialects of one vendor, whose own words mean the same in both."""


class _Same:
    """The value of the feature itself."""


SAME: Final = _Same()


@dataclass(frozen=True, slots=True)
class Side:
    """How one dialect says a feature.

    Attributes:
        wire: what its clients write in a request, or its providers in an answer; None for nothing.
        reads: finds the value in a request that an upstream gets, or an answer that a client gets.
        value: what is to be found there, where this dialect has another word for the same.
        why: why one of the two is missing, for the reader of the table.
        differs: its own clients say it in another place than we do for others.
        own_only: what others say has no place here, for the reason in `why`.
    """

    wire: Json | None = None
    reads: Callable[[Json], object] | None = None
    value: object = SAME
    why: str = ""
    differs: bool = False
    own_only: bool = False


def silent(why: str) -> Side:
    """A dialect that cannot say it at all."""
    return Side(why=why)


@dataclass(frozen=True, slots=True)
class Feature:
    """One row.

    Attributes:
        name: of the test cases.
        title: in the table.
        value: what a reader has to find.
        sides: by dialect.
        model: which of the models of `driving` are asked.
        own_words: why the words of one vendor mean nothing to another; "" where they do.
        alike: dialects whose own words are the same.
        carried: pairs whose words are carried over all the same.
        refused: pairs whose request is refused, with what the error has to name.
        failing: pairs that lose the feature today, with what is lost.
        asks: of an answer: what the client has asked before, in fields of its request.
        only: "stream" where a whole answer cannot show it.
    """

    name: str
    title: str
    value: object
    sides: Mapping[Dialect, Side]
    model: Literal["agent", "tuned"] = "agent"
    own_words: str = ""
    alike: frozenset[Dialect] = OPENAI
    carried: frozenset[Pair] = frozenset()
    refused: Mapping[Pair, str] = field(default_factory=dict)
    failing: Mapping[Pair, str] = field(default_factory=dict)
    asks: Mapping[Dialect, Json] = field(default_factory=dict)
    only: str = ""

    def expected(self, reader: Dialect) -> object:
        value = self.sides[reader].value
        return self.value if isinstance(value, _Same) else value


@dataclass(frozen=True, slots=True)
class Kept:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    names: str


@dataclass(frozen=True, slots=True)
class Inexpressible:
    why: str


Outcome: TypeAlias = Kept | Refused | Inexpressible


def outcome(feature: Feature, speaker: Dialect, reader: Dialect, pair: Pair) -> Outcome:
    """What becomes of a feature that `speaker` says and `reader` is to hear."""
    says, hears = feature.sides[speaker], feature.sides[reader]
    if says.wire is None:
        return Inexpressible(says.why)
    if pair in feature.refused:
        return Refused(feature.refused[pair])
    if hears.reads is None or (hears.own_only and speaker != reader):
        return Inexpressible(hears.why)
    if speaker == reader:
        return Kept()
    is_carried = {speaker, reader} <= feature.alike or pair in feature.carried
    if feature.own_words and not is_carried:
        return Inexpressible(feature.own_words)
    return Kept()
