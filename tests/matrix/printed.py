"""The matrix as Markdown, from the declarations that the test cases are made of."""

from collections.abc import Iterable

from tests.matrix.answers import ANSWERS
from tests.matrix.declared import (
    ALL,
    Feature,
    Inexpressible,
    Kept,
    Outcome,
    Refused,
    outcome,
)
from tests.matrix.failures import BROKEN, FAILURES
from tests.matrix.reasoning import NAMES_BACK, REASONING
from tests.matrix.requests import REQUESTS
from turnout.capabilities import Dialect

LETTERS: dict[Dialect, str] = {
    "anthropic_messages": "M",
    "openai_chat": "C",
    "openai_responses": "R",
    "gemini_generate": "G",
}
ABSENT, REFUSED, LOST = "-", "!", "x"

LEGEND = """\
Columns are what the client speaks, letters what the upstream speaks: **M** Anthropic Messages, **C** OpenAI
Chat Completions, **R** OpenAI Responses, **G** Gemini. A letter: it arrives. `-`: one of the two has no way
to say it, the last column says which and why. `!`: the request is refused with an error that names it.
Where client and upstream speak the same, the bytes go as they are, but for named edits such as the model's name.
"""

BEGIN, END = "<!-- matrix -->\n", "<!-- end -->"


def mark(letter: str, found: Outcome) -> str:
    match found:
        case Kept():
            return letter
        case Refused():
            return REFUSED
        case Inexpressible():
            return ABSENT


def cell(feature: Feature, client: Dialect, *, is_answer: bool) -> str:
    marks: list[str] = []
    for upstream in ALL:
        pair = (client, upstream)
        speaker, reader = (upstream, client) if is_answer else pair
        if pair in feature.failing:
            marks.append(LOST)
        else:
            marks.append(mark(LETTERS[upstream], outcome(feature, speaker, reader, pair)))
    return "`" + " ".join(marks) + "`"


def reasons(feature: Feature) -> str:
    """Why some cells are empty: by dialect where one dialect is the reason."""
    by_why: dict[str, list[str]] = {}
    for dialect in ALL:
        why = feature.sides[dialect].why
        if why:
            by_why.setdefault(why, []).append(LETTERS[dialect])
    told = [f"{', '.join(letters)}: {why}" for why, letters in by_why.items()]
    return "; ".join([*told, *filter(None, [feature.own_words])])


def table(features: Iterable[Feature], *, is_answer: bool) -> str:
    arrow = "from" if is_answer else "to"
    heads = [f"{LETTERS[client]} {arrow}" for client in ALL]
    lines = [f"| | {' | '.join(heads)} | where not, why |", "|---|---|---|---|---|---|"]
    for feature in features:
        cells = [cell(feature, client, is_answer=is_answer) for client in ALL]
        lines.append(f"| {feature.title} | {' | '.join(cells)} | {reasons(feature)} |")
    return "\n".join(lines) + "\n"


def matrix() -> str:
    answers = [*ANSWERS, NAMES_BACK, *REASONING, *FAILURES, BROKEN]
    return (
        f"{LEGEND}\n**Requests**, from client to upstream:\n\n"
        f"{table(REQUESTS, is_answer=False)}"
        "\n**Answers**, from upstream to client, streamed and whole:\n\n"
        f"{table(answers, is_answer=True)}"
    )


def filled(text: str) -> str:
    """The text with the matrix in its place."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{matrix()}{END}{tail}"
