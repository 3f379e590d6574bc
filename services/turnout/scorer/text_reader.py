"""What an embedding says: the nearest cluster and the task kind, by the artifact's tables.

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

KNOWN_SIGNALS = 4096
"""As many as the embedder keeps vectors."""


class TextReader(Protocol):
    def read(self, embedding: Embedding) -> TextSignal: ...


class ClusterReader:
    """Reads embeddings with the centroids and kind weights of one artifact."""

    def __init__(self, tables: TextTables) -> None:
        """Raises `ArtifactInvalid` when the tables do not have the shape that they state."""
        centroids = _floats(tables.centroids, "i1")
        weights = _floats(tables.kind_weights, "<f2")
        width = tables.dimensions
        if centroids.size != len(tables.members) * width or centroids.size == 0:
            raise ArtifactInvalid("The artifact's centroids are not clusters times dimensions.")
        if weights.size != len(tables.kinds) * (width + 1) or len(tables.kinds) < 2:
            raise ArtifactInvalid("The artifact's kind weights are not kinds times dimensions + 1.")
        rows = centroids.reshape(len(tables.members), width)
        lengths = np.maximum(np.sqrt((rows**2).sum(axis=1, keepdims=True)), 1e-6)
        self._centroids: Vector = (rows / lengths).astype(np.float32)
        columns = weights.reshape(len(tables.kinds), width + 1)
        self._weights: Vector = columns[:, :-1].copy()
        self._constants: Vector = columns[:, -1].copy()
        self._kinds = tables.kinds
        self._margin = tables.kind_margin
        self._known: dict[int, tuple[Vector, TextSignal]] = {}

    def read(self, embedding: Embedding) -> TextSignal:
        """A vector that comes from the embedder's cache again is not compared again."""
        vector = embedding.vector
        known = self._known.get(id(vector))
        if known is not None and known[0] is vector:
            return known[1]
        signal = self._read(vector)
        if len(self._known) >= KNOWN_SIGNALS:
            self._known.clear()
        self._known[id(vector)] = (vector, signal)
        return signal

    def _read(self, vector: Vector) -> TextSignal:
        cluster, similarity = self.cluster_of(vector)
        return TextSignal(
            cluster=cluster,
            similarity=round(similarity, 4),
            task_kind=self.task_kind_of(vector),
        )

    def cluster_of(self, vector: Vector) -> tuple[int, float]:
        """The nearest centroid and the cosine to it."""
        similarities = self._centroids @ vector
        cluster = int(similarities.argmax())
        return cluster, float(similarities[cluster])

    def task_kind_of(self, vector: Vector) -> TaskKind:
        scores = self._weights @ vector + self._constants
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
