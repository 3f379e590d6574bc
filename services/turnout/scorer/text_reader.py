"""What a text and its embedding say: the nearest cluster and the task kind, by the artifact's tables.

Rules of this module: a few small products, tens of microseconds, so it runs on the event loop; a
kind that does not lead clearly is `other`, which carries the widest uncertainty.
"""

import base64
from typing import Protocol

import numpy as np

from turnout.policy.artifact import ArtifactInvalid, TextTables
from turnout.policy.request import TaskKind, TextSignal
from turnout.scorer.embedder import Embedding
from turnout.scorer.onnx_encoder import Vector
from turnout.scorer.text_cues import CUE_SIZE, CUES, cues_of
from turnout.scorer.tokens import cut

KNOWN_SIGNALS = 4096
"""As many as the embedder keeps vectors."""


class TextReader(Protocol):
    def read(self, embedding: Embedding, text: str) -> TextSignal: ...


class ClusterReader:
    """Reads embeddings with the centroids and kind weights of one artifact."""

    def __init__(self, tables: TextTables) -> None:
        """Raises `ArtifactInvalid` when the tables do not have the shape that they state."""
        centroids = _floats(tables.centroids, "i1")
        weights = _floats(tables.kind_weights, "<f2")
        width = tables.dimensions
        if centroids.size != len(tables.members) * width or centroids.size == 0:
            raise ArtifactInvalid("The artifact's centroids are not clusters times dimensions.")
        if tables.cues != CUES:
            raise ArtifactInvalid("The artifact's cues are not those of this version.")
        columns = width + len(CUES) + 1
        if weights.size != len(tables.kinds) * columns or len(tables.kinds) < 2:
            raise ArtifactInvalid(f"The artifact's kind weights are not kinds times {columns}.")
        rows = centroids.reshape(len(tables.members), width)
        lengths = np.maximum(np.sqrt((rows**2).sum(axis=1, keepdims=True)), 1e-6)
        self._centroids: Vector = (rows / lengths).astype(np.float32)
        by_kind = weights.reshape(len(tables.kinds), columns)
        self._weights: Vector = by_kind[:, :width].copy()
        self._cue_weights: Vector = by_kind[:, width:-1] * np.float32(CUE_SIZE)
        self._constants: Vector = by_kind[:, -1].copy()
        self._kinds = tables.kinds
        self._margin = tables.kind_margin
        self._known: dict[int, tuple[Vector, TextSignal]] = {}

    def read(self, embedding: Embedding, text: str) -> TextSignal:
        """A vector that comes from the embedder's cache again is not compared again."""
        vector = embedding.vector
        known = self._known.get(id(vector))
        if known is not None and known[0] is vector:
            return known[1]
        signal = self._read(vector, cut(text))
        if len(self._known) >= KNOWN_SIGNALS:
            self._known.clear()
        self._known[id(vector)] = (vector, signal)
        return signal

    def _read(self, vector: Vector, cut_text: str) -> TextSignal:
        cluster, similarity = self.cluster_of(vector)
        return TextSignal(
            cluster=cluster,
            similarity=round(similarity, 4),
            task_kind=self.task_kind_of(vector, cut_text),
        )

    def cluster_of(self, vector: Vector) -> tuple[int, float]:
        """The nearest centroid and the cosine to it."""
        similarities = self._centroids @ vector
        cluster = int(similarities.argmax())
        return cluster, float(similarities[cluster])

    def kind_scores(self, vector: Vector, cut_text: str) -> Vector:
        """One a kind of the tables, about -1 to +1."""
        cues = np.array(cues_of(cut_text), dtype=np.float32)
        scores = self._weights @ vector + self._cue_weights @ cues + self._constants
        return np.asarray(scores, dtype=np.float32)

    def task_kind_of(self, vector: Vector, cut_text: str) -> TaskKind:
        scores = self.kind_scores(vector, cut_text)
        second, best = (int(index) for index in np.argsort(scores)[-2:])
        if float(scores[best]) - float(scores[second]) < self._margin:
            return "other"
        return self._kinds[best]


def _floats(encoded: str, kind: str) -> Vector:
    try:
        raw = base64.b64decode(encoded, validate=True)
        return np.frombuffer(raw, dtype=np.dtype(kind)).astype(np.float32)
    except ValueError as error:
        raise ArtifactInvalid(f"A text table of the artifact cannot be read: {error}.") from error
