"""Directives: how a test or a demo scripts the next answer.

Rules of this module: pure; a directive is a word or `word=value`, separated by commas, in the
header `x-simulate`, in the queue of `POST /simulate`, or in the process's default. Later sources
win over earlier ones word by word: default, header, queue. A word that is not known is an error.

    ttft=S            the answer begins S seconds after the request
    stall=S           silence of S seconds after the start of the answer, before any content
    pause=S           silence of S seconds in the middle of the content
    gap=S             seconds between two content events
    status=N          an error answer of that status; retry-after=S adds the header
    cut=after-start|after-content|before-end   the connection breaks there
    half              the answer ends cleanly in the middle of an event
    garbage           a 200 that is not of the dialect
    error-in-stream   an error event after the first half of the content
    tokens=N          about N tokens of prose
    tool=NAME         call that tool, offered or not
    tools=A+B         call those tools at once, in one answer; the first alone where the request
                      forbids parallel calls
    args=X+Y          their exact arguments in the same order: base64url of a JSON object, or of a
                      JSON string for the text of a freeform tool; an empty one is invented
    steps=N           answer with tool calls until N results have come, then with prose; with
                      named tools 1, unless the script is queued and so for one answer alone
    text              answer with prose although tools are offered
    say=X             exactly this prose, instead of made-up one: base64url of a text
    thinking          think before answering
    empty             an answer without content
    refusal           a refusal
    blocked           no answer, because of what the prompt holds
"""

import base64
import binascii
import math
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

import msgspec

from turnout.errors import InvalidRequest

Cut: TypeAlias = Literal["after-start", "after-content", "before-end"]

CUTS: dict[str, Cut] = {
    "after-start": "after-start",
    "after-content": "after-content",
    "before-end": "before-end",
}

MAX_SECONDS = 3_600.0
"""No silence lasts longer than a client would ever wait."""

MAX_STEPS = 1_000
"""No agent loop is longer."""

MAX_TOKENS = 100_000
"""No answer is longer than any model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """One answer's script; None, False and () leave the matter to the simulator.

    `args` holds JSON texts, one for each of `tools`; "" is invented.
    """

    ttft: float | None = None
    stall: float | None = None
    pause: float | None = None
    gap: float | None = None
    status: int | None = None
    retry_after: float | None = None
    cut: Cut | None = None
    half: bool = False
    garbage: bool = False
    error_in_stream: bool = False
    tokens: int | None = None
    tools: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    steps: int | None = None
    text: bool = False
    say: str | None = None
    thinking: bool = False
    empty: bool = False
    refusal: bool = False
    blocked: bool = False

    def over(self, other: "Directives") -> "Directives":
        """These directives where they say something, `other` where they do not."""
        said = {
            name.name: getattr(self, name.name)
            for name in fields(self)
            if getattr(self, name.name) != name.default
        }
        return replace(other, **said)


NONE = Directives()

WORDS = (
    *("ttft", "stall", "pause", "gap", "status", "retry-after", "cut", "half", "garbage"),
    *("error-in-stream", "tokens", "tool", "tools", "args", "steps", "text", "say"),
    *("thinking", "empty", "refusal", "blocked"),
)


def parse_directives(text: str) -> Directives:
    """Read `word, word=value, ...`. Raises `InvalidRequest` naming the word and what is right."""
    found = NONE
    for part in text.split(","):
        word, equals, value = (piece.strip() for piece in part.partition("="))
        if word:
            found = (_valued(word, value) if equals else _bare(word)).over(found)
    return found


def _bare(word: str) -> Directives:
    match word:
        case "half":
            return Directives(half=True)
        case "garbage":
            return Directives(garbage=True)
        case "error-in-stream":
            return Directives(error_in_stream=True)
        case "text":
            return Directives(text=True)
        case "thinking":
            return Directives(thinking=True)
        case "empty":
            return Directives(empty=True)
        case "refusal":
            return Directives(refusal=True)
        case "blocked":
            return Directives(blocked=True)
        case _:
            raise _wrong(word, wanted="a value after it")


def _valued(word: str, value: str) -> Directives:
    match word:
        case "ttft":
            return Directives(ttft=_seconds(word, value))
        case "stall":
            return Directives(stall=_seconds(word, value))
        case "pause":
            return Directives(pause=_seconds(word, value))
        case "gap":
            return Directives(gap=_seconds(word, value))
        case "retry-after":
            return Directives(retry_after=_seconds(word, value))
        case "status":
            return Directives(status=_count(word, value, low=400, high=599))
        case "tokens":
            return Directives(tokens=_count(word, value, low=0, high=MAX_TOKENS))
        case "steps":
            return Directives(steps=_count(word, value, low=0, high=MAX_STEPS))
        case "tool":
            return Directives(tools=(value,))
        case "tools":
            return Directives(tools=tuple(name.strip() for name in value.split("+")))
        case "args":
            return Directives(args=tuple(_arguments(piece.strip()) for piece in value.split("+")))
        case "say":
            return Directives(say=_said(value))
        case "cut" if value in CUTS:
            return Directives(cut=CUTS[value])
        case "cut":
            raise _wrong(word, wanted=f"one of {', '.join(CUTS)}")
        case _:
            raise _wrong(word, wanted="no value")


def _arguments(piece: str) -> str:
    """The JSON text in a piece of base64url, which may leave its padding out."""
    if not piece:
        return ""
    try:
        data = _unpacked(piece)
        msgspec.json.decode(data, type=dict[str, object] | str)
    except (binascii.Error, msgspec.MsgspecError):
        raise _wrong("args", wanted="base64url of a JSON object or string") from None
    return data.decode()


def _said(value: str) -> str:
    try:
        return _unpacked(value).decode()
    except ValueError:
        raise _wrong("say", wanted="base64url of a text") from None


def _unpacked(piece: str) -> bytes:
    """The bytes behind base64url, which may leave its padding out. Raises `ValueError`."""
    return base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))


def _seconds(word: str, value: str) -> float:
    return _number(word, value, low=0.0, high=MAX_SECONDS)


def _count(word: str, value: str, *, low: int, high: int) -> int:
    return int(_number(word, value, low=low, high=high))


def _number(word: str, value: str, *, low: float, high: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise _wrong(word, wanted=f"a number from {low:g} to {high:g}")
    return number


def _wrong(word: str, *, wanted: str) -> InvalidRequest:
    if word not in WORDS:
        return InvalidRequest(f"No directive {word!r}; there are {', '.join(WORDS)}.")
    return InvalidRequest(f"The directive {word} wants {wanted}.")
