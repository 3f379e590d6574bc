"""How an answer ended where it is none that its client can go on with. Pure.

Rules: a filter that kept the model from answering counts as a refusal, because the client has as little of
it; reasoning alone says nothing; an answer that was cut is cut, whatever it had said by then; one that met the
client's own stop sequence, or wants to be called again, is no empty one.
"""

from typing import Final, Literal, TypeAlias

from turnout.dialects.stream import StopReason

AnswerEnd: TypeAlias = Literal["", "refused", "empty", "cut"]
"""`cut` at a limit of tokens; "" for an answer that ended as answers do, or of which that is not known."""

_ENDS: Final[dict[StopReason, AnswerEnd]] = {
    "refusal": "refused",
    "content_filter": "refused",
    "max_output": "cut",
    "context_window": "cut",
}
_WHOLE: Final[frozenset[StopReason]] = frozenset({"end", "tool_use"})


def end_of(stop: StopReason, *, has_said: bool) -> AnswerEnd:
    """`has_said`: something beside reasoning was in it, a call included."""
    return "empty" if stop in _WHOLE and not has_said else _ENDS.get(stop, "")
