"""The sentence encoder in plain float32 numpy: what the quantised graph is compared with."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def embed(weights: Mapping[str, Floats], ids: list[int]) -> Floats:
    hidden = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = _norm(weights, "embeddings.LayerNorm", hidden)
    for layer in range(6):
        own = f"encoder.layer.{layer}"
        attended = _attention(weights, f"{own}.attention.self", hidden)
        attended = _linear(weights, f"{own}.attention.output.dense", attended)
        hidden = _norm(weights, f"{own}.attention.output.LayerNorm", attended + hidden)
        wide = _linear(weights, f"{own}.intermediate.dense", hidden)
        wide = (wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))).astype(np.float32)
        narrow = _linear(weights, f"{own}.output.dense", wide)
        hidden = _norm(weights, f"{own}.output.LayerNorm", narrow + hidden)
    mean = hidden.mean(axis=0)
    unit: Floats = mean / np.linalg.norm(mean)
    return unit


def _attention(weights: Mapping[str, Floats], own: str, hidden: Floats) -> Floats:
    parts = [
        _linear(weights, f"{own}.{name}", hidden).reshape(len(hidden), 12, 32).swapaxes(0, 1)
        for name in ("query", "key", "value")
    ]
    query, key, value = parts
    scores = query @ key.swapaxes(1, 2) / math.sqrt(32)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    joined: Floats = (scores @ value).swapaxes(0, 1).reshape(len(hidden), 384)
    return joined


def _linear(weights: Mapping[str, Floats], own: str, hidden: Floats) -> Floats:
    product: Floats = hidden @ weights[f"{own}.weight"].T + weights[f"{own}.bias"]
    return product


def _norm(weights: Mapping[str, Floats], own: str, hidden: Floats) -> Floats:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    normed: Floats = scaled * weights[f"{own}.weight"] + weights[f"{own}.bias"]
    return normed
