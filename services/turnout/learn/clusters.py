"""Spherical k-means: small, in numpy, deterministic.

Rules of this module: pure; randomness comes from a seed that is a constant; input rows are unit
vectors.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

SEED = 20260101
"""Any constant would do; it is recorded in the artifact."""

ROUNDS = 50
"""Upper bound; a few thousand texts settle in about twenty."""


def k_means(vectors: Matrix, clusters: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Unit centroids and each row's cluster, largest cluster first."""
    centroids = _far_apart(vectors, clusters)
    labels = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        nearest = (vectors @ centroids.T).argmax(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        for index in range(clusters):
            members = vectors[labels == index]
            if len(members):
                centroids[index] = unit(members.sum(axis=0, keepdims=True))[0]
    order = np.argsort(-np.bincount(labels, minlength=clusters), kind="stable")
    return centroids[order], np.argsort(order)[labels]


def unit(vectors: Matrix) -> Matrix:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    scaled: Matrix = vectors / np.maximum(lengths, 1e-12)
    return scaled


def _far_apart(vectors: Matrix, clusters: int) -> Matrix:
    """k-means++: each next centre is drawn in proportion to its distance from those chosen."""
    random = np.random.Generator(np.random.PCG64(SEED))
    chosen = [int(random.integers(len(vectors)))]
    nearest = vectors @ vectors[chosen[0]]
    for _ in range(clusters - 1):
        distance = np.maximum(1 - nearest, 0)
        total = float(distance.sum())
        if total <= 0:
            chosen.append(chosen[-1])
            continue
        point = float(random.random()) * total
        index = min(int(np.searchsorted(np.cumsum(distance), point)), len(vectors) - 1)
        chosen.append(index)
        nearest = np.maximum(nearest, vectors @ vectors[index])
    return vectors[chosen].copy()
