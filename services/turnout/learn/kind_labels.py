"""Task kinds of real turns, labelled by reading: ids and labels, whose texts are in the traces.

Rules of this module: pure but for reading the file; sessions are halved by their digest, so that
what is tuned or fitted on one half is measured on sessions of the other; a label whose turn is not
in the tables at hand is left out and counted.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.errors import InvalidRequest
from turnout.learn.parquet import Table
from turnout.policy.request import TaskKind
from turnout.scorer.tokens import cut

SHIPPED: Final = Path(__file__).parent / "task_kind_labels.json"

Half: TypeAlias = Literal["fitted", "held_out"]

TurnKey: TypeAlias = tuple[str, str, str, int]
"""Repository, session, thread, turn."""

HALVES: Final[tuple[Half, Half]] = ("fitted", "held_out")


class Label(msgspec.Struct, frozen=True):
    """One turn.

    Attributes:
        is_first: the thread begins with it.
        passes: what two readers said, neither of whom knew of the other's answer.
        kind: what holds: their word where they agree, else that of a third reading.

    """

    repo: str
    session: str
    thread: str
    turn: int
    is_subagent: bool
    is_first: bool
    passes: tuple[TaskKind, TaskKind]
    kind: TaskKind

    @property
    def key(self) -> TurnKey:
        return self.repo, self.session, self.thread, self.turn

    @property
    def half(self) -> Half:
        first = sha256(f"{self.repo}/{self.session}".encode()).digest()[0]
        return "held_out" if first % 2 else "fitted"


class Labelled(msgspec.Struct, frozen=True):
    label: Label
    text: str
    """As the embedder reads it."""


_LABELS: Final = msgspec.json.Decoder(tuple[Label, ...])


def load_labels(path: Path) -> tuple[Label, ...]:
    """Raises `InvalidRequest` when the file is none of labels."""
    try:
        return _LABELS.decode(path.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"{path} is no file of labels: {error}.") from error


def texts_of(turns: Table) -> dict[TurnKey, str]:
    """What was typed, as the embedder reads it."""
    return {
        (repo, session, thread, int(turn)): cut(prompt)
        for prompt, repo, session, thread, turn in zip(
            turns.texts("prompt"),
            turns.texts("repo"),
            turns.texts("session"),
            turns.texts("thread"),
            turns.numbers("turn"),
            strict=True,
        )
    }


def find_texts(labels: Sequence[Label], turns: Table) -> tuple[Labelled, ...]:
    """The labels whose turns are in the table, with their texts, in the order of the labels."""
    texts = texts_of(turns)
    found = [(label, texts.get(label.key, "")) for label in labels]
    return tuple([Labelled(label=label, text=text) for label, text in found if text])
