"""The text model for task kinds: ridge regression on embeddings and cues.

Rules of this module: deterministic; it is fitted on our own example sentences and on the labelled
turns that it is given, and nothing else of a turn than its text is read.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.clusters import Matrix
from turnout.learn.kind_examples import KIND_EXAMPLES
from turnout.learn.kind_labels import Labelled
from turnout.learn.texts import embedded
from turnout.policy.request import TaskKind
from turnout.scorer.embedder import Encoder
from turnout.scorer.text_cues import CUE_SIZE, cues_of
from turnout.scorer.tokens import cut

KINDS: Final[tuple[TaskKind, ...]] = tuple(KIND_EXAMPLES)

RIDGE: Final = 1.0
"""With about 450 texts in 396 dimensions the model must lean on little; from 0.6 to 1.2 it tells the
turns of the half for fitting, left out by session, equally well."""

KIND_MARGIN: Final = 0.02
"""Lead of the best kind over the next, on the scale of -1 to +1, below which a text is `other`."""


def examples() -> tuple[list[str], list[TaskKind]]:
    """Our own sentences, each with its kind."""
    texts: list[str] = []
    kinds: list[TaskKind] = []
    for kind in KINDS:
        texts += [cut(text) for text in KIND_EXAMPLES[kind]]
        kinds.extend(kind for _ in KIND_EXAMPLES[kind])
    return texts, kinds


def fitted(labelled: Sequence[Labelled], encoder: Encoder) -> NDArray[np.float16]:
    """The weights that our own sentences and these turns give, as the artifact keeps them."""
    texts, kinds = examples()
    texts += [one.text for one in labelled]
    kinds.extend(one.label.kind for one in labelled)
    return fit_kind_weights(embedded(texts, encoder), texts, kinds).astype("<f2")


def fit_kind_weights(
    vectors: Matrix, cut_texts: Sequence[str], labels: Sequence[TaskKind]
) -> Matrix:
    """One row of weights a kind: embedding, cues, and the constant in the last column.

    Ridge regression on +1 and -1; the constant is free. Frequent kinds count for more, as they do
    where the model is used.
    """
    cues = np.array([cues_of(text) for text in cut_texts], dtype=np.float64) * CUE_SIZE
    inputs = np.hstack([vectors, cues, np.ones((len(vectors), 1))])
    targets = _one_hot(labels) * 2 - 1
    penalty = np.eye(inputs.shape[1]) * RIDGE
    # A little, so that there is one solution where a constant is among the inputs already.
    penalty[-1, -1] = 1e-9
    solved = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ targets)
    return solved.T.astype(np.float64)


def _one_hot(labels: Sequence[TaskKind]) -> NDArray[np.float64]:
    numbers = np.array([KINDS.index(label) for label in labels])
    return np.asarray(numbers[:, np.newaxis] == np.arange(len(KINDS)), dtype=np.float64)
