"""What recorded threads are about: the kind of the first text that somebody typed in each.

Rules of this module: the text is cut and read as the scorer does it; what a harness wrote into a turn by
itself is nobody's words; no text is kept.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from turnout.learn.parquet import Table
from turnout.learn.texts import INJECTED
from turnout.policy.artifact import TextTables
from turnout.policy.request import TaskKind
from turnout.scorer.embedder_files import default_root, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.text_reader import ClusterReader
from turnout.scorer.tokens import cut

ThreadName: TypeAlias = tuple[str, str, str]
"""Repository, session and thread, as the tables name them."""


def read_thread_kinds(
    turns: Table, kind_of: Callable[[str], TaskKind]
) -> dict[ThreadName, TaskKind]:
    """`kind_of` is asked once a thread, with its first text as it was cut for the embedder."""
    return {name: kind_of(text) for name, text in _first_texts(turns).items()}


def scorers_reading(tables: TextTables) -> Callable[[str], TaskKind]:
    """The kind of a cut text as the scorer would read it. Raises `Unavailable` without the embedder."""
    encoder = OnnxEncoder(load_embedder_files(default_root()))
    reader = ClusterReader(tables)
    return lambda text: reader.task_kind_of(encoder.encode(text), text)


def _first_texts(turns: Table) -> Mapping[ThreadName, str]:
    names = zip(*(turns.texts(name) for name in ("repo", "session", "thread")), strict=True)
    numbers = turns.numbers("turn").tolist()
    first: dict[ThreadName, tuple[float, str]] = {}
    for (repo, session, thread), number, prompt in zip(
        names, numbers, turns.texts("prompt"), strict=True
    ):
        name, text = (repo, session, thread), cut(prompt)
        if not text or INJECTED.match(prompt):
            continue
        if name not in first or number < first[name][0]:
            first[name] = (number, text)
    return {name: text for name, (_, text) in first.items()}
