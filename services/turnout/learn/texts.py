"""The texts to cluster, and their vectors: benchmark prompts and what users and subagents were told in
traces.

Rules of this module: pure over tables; what a harness wrote into a turn by itself is left out,
because the scorer never embeds it; equal texts count once.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.clusters import Matrix, unit
from turnout.learn.parquet import Table
from turnout.scorer.embedder import Encoder
from turnout.scorer.tokens import cut

INJECTED: Final = re.compile(
    r"^(<(command-name|command-message|local-command|bash-|task-notification|system-reminder"
    r"|user_instructions|environment_context|turn_aborted)|\[Request interrupted|Caveat: The mess)"
)
"""How turns begin that no user typed."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Distinct cut texts in order; `items` gives the text of (dataset, item)."""

    texts: tuple[str, ...]
    items: Mapping[tuple[str, str], str]


def read_texts(items: Table, turns: Table) -> Texts:
    by_item = {
        (dataset, item): cut(prompt)
        for dataset, item, prompt in zip(
            items.texts("dataset"), items.texts("item_id"), items.texts("prompt"), strict=True
        )
        if cut(prompt)
    }
    typed = [cut(prompt) for prompt in turns.texts("prompt") if not INJECTED.match(prompt)]
    distinct = dict.fromkeys(text for text in (*by_item.values(), *typed) if text)
    return Texts(texts=tuple(distinct), items=by_item)


def embedded(texts: Sequence[str], encoder: Encoder) -> Matrix:
    """One text a run, as at run time; rounded, so that the last bits of a kernel do not matter."""
    rows = [np.round(encoder.encode(cut(text)).astype(np.float64), 5) for text in texts]
    return unit(np.array(rows))


def base64_of(values: NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
