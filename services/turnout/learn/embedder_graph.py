"""The embedder's ONNX graph: float weights of a BERT sentence encoder in, quantised model bytes out.

Rules of this module: pure, and byte-reproducible: names, order and every number follow from the
weights alone (float32 arithmetic, element by element), so the output's hash can be a constant.

Shape of the graph, per text and without padding (dynamic int8 results change with padding and
batch mates, so a batch is always one text and no mask is needed):

    ids -> int8 row of the word table x its scale + position row (token type 0 folded in) -> norm
    6 x ( quantised attention -> projection -> skip + norm -> FFN with GELU -> skip + norm )
    mean over tokens -> L2 norm
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

Weights = Mapping[str, NDArray[np.float32]]
Floats = NDArray[np.float32]

LAYERS = 6
HEADS = 12
EPSILON = 1e-12
"""layer_norm_eps of the model's config.json."""

POSITIONS = 256
"""Rows kept of the 512 positions; texts are cut to 192 tokens (turnout.scorer.tokens)."""

WEIGHT_STEPS = 63
"""Weights use 7 bits, -63..63: on CPUs without VNNI the u8 x s8 kernel adds two products in 16
bits, which 8-bit weights overflow."""

TABLE_STEPS = 127
"""The word table is only looked up, never multiplied in integers, so it has all 8 bits."""

OPSET = 17
IR_VERSION = 8
"""Oldest pair that knows the operators used; fixed, so that the onnx package's version is not in
the bytes."""

MICROSOFT = "com.microsoft"
"""Domain of onnxruntime's fused operators."""


def build_graph(weights: Weights) -> bytes:
    """The quantised model as ONNX bytes. `weights` carry the names of the checkpoint."""
    graph = _Graph()
    hidden = _embed(graph, weights)
    for layer in range(LAYERS):
        hidden = _layer(graph, weights, layer, hidden)
    graph.node("ReduceMean", [hidden], "mean", axes=[1], keepdims=0)
    graph.node("LpNormalization", ["mean"], "embedding", axis=1, p=2)
    proto = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2-int8",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, [1, "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 384])],
        graph.constants,
    )
    model = helper.make_model(
        proto,
        producer_name="turnout",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
        doc_string="sentence-transformers/all-MiniLM-L6-v2, Apache-2.0, quantised by Turnout",
    )
    return model.SerializeToString(deterministic=True)


class _Graph:
    """Collects nodes and constants in the order in which they are written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(
        self,
        operator: str,
        inputs: list[str],
        output: str,
        *more_outputs: str,
        domain: str = "",
        **attributes: float | list[int],
    ) -> str:
        node = helper.make_node(
            operator, inputs, [output, *more_outputs], name=f"{output}.{operator}", domain=domain
        )
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in sorted(attributes.items())
        )
        self.nodes.append(node)
        return output

    def floats(self, name: str, values: Floats) -> str:
        raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
        self.constants.append(
            helper.make_tensor(name, TensorProto.FLOAT, values.shape, raw, raw=True)
        )
        return name

    def int8(self, name: str, values: NDArray[np.int8]) -> str:
        raw = np.ascontiguousarray(values).tobytes()
        self.constants.append(
            helper.make_tensor(name, TensorProto.INT8, values.shape, raw, raw=True)
        )
        return name

    def int64(self, name: str, values: list[int]) -> str:
        self.constants.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name


def _embed(graph: _Graph, weights: Weights) -> str:
    table, scales = _quantise_rows(weights["embeddings.word_embeddings.weight"], TABLE_STEPS)
    positions = (
        weights["embeddings.position_embeddings.weight"][:POSITIONS]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    graph.int8("word.table", table)
    graph.floats("word.scale", scales)
    graph.floats("position.table", positions[np.newaxis])
    graph.int64("zero", [0])
    graph.int64("one", [1])
    graph.node("Gather", ["word.table", "ids"], "word.int8", axis=0)
    graph.node("Cast", ["word.int8"], "word.float", to=TensorProto.FLOAT)
    graph.node("Gather", ["word.scale", "ids"], "word.row_scale", axis=0)
    graph.node("Mul", ["word.float", "word.row_scale"], "word")
    graph.node("Shape", ["ids"], "tokens", start=1, end=2)
    graph.node("Slice", ["position.table", "zero", "tokens", "one"], "position")
    return _skip_norm(graph, weights, "embeddings.LayerNorm", ["word", "position"], "embed")


def _layer(graph: _Graph, weights: Weights, layer: int, hidden: str) -> str:
    source = f"encoder.layer.{layer}"
    own = f"layer{layer}"
    attended = _attention(graph, weights, f"{source}.attention.self", f"{own}.attention", hidden)
    projected = _matmul(
        graph, weights, f"{source}.attention.output.dense", f"{own}.projection", attended
    )
    middle = _skip_norm(
        graph,
        weights,
        f"{source}.attention.output.LayerNorm",
        [projected, hidden],
        f"{own}.middle",
        bias=weights[f"{source}.attention.output.dense.bias"],
    )
    wide = _matmul(graph, weights, f"{source}.intermediate.dense", f"{own}.wide", middle)
    bias = graph.floats(f"{own}.wide.bias", weights[f"{source}.intermediate.dense.bias"])
    active = graph.node("BiasGelu", [wide, bias], f"{own}.active", domain=MICROSOFT)
    narrow = _matmul(graph, weights, f"{source}.output.dense", f"{own}.narrow", active)
    return _skip_norm(
        graph,
        weights,
        f"{source}.output.LayerNorm",
        [narrow, middle],
        f"{own}.out",
        bias=weights[f"{source}.output.dense.bias"],
    )


def _attention(graph: _Graph, weights: Weights, source: str, name: str, hidden: str) -> str:
    """Self-attention with one quantised multiplication for query, key and value together."""
    parts = ("query", "key", "value")
    packed = np.concatenate([weights[f"{source}.{part}.weight"] for part in parts])
    bias = np.concatenate([weights[f"{source}.{part}.bias"] for part in parts])
    quantised, scales = _quantise_rows(packed, WEIGHT_STEPS)
    graph.node(
        "DynamicQuantizeLinear",
        [hidden],
        f"{name}.int8",
        f"{name}.scale",
        f"{name}.zero",
    )
    inputs = [
        f"{name}.int8",
        graph.int8(f"{name}.weight", quantised.T),
        graph.floats(f"{name}.bias", bias),
        f"{name}.scale",
        graph.floats(f"{name}.weight_scale", scales[:, 0]),
        "",
        f"{name}.zero",
    ]
    return graph.node("QAttention", inputs, name, domain=MICROSOFT, num_heads=HEADS)


def _matmul(graph: _Graph, weights: Weights, source: str, name: str, hidden: str) -> str:
    """Multiplication by an int8 weight; the activation is quantised by its own range."""
    quantised, scales = _quantise_rows(weights[f"{source}.weight"], WEIGHT_STEPS)
    inputs = [
        hidden,
        graph.int8(f"{name}.weight", quantised.T),
        graph.floats(f"{name}.weight_scale", scales[:, 0]),
    ]
    return graph.node("DynamicQuantizeMatMul", inputs, name, domain=MICROSOFT)


def _skip_norm(
    graph: _Graph,
    weights: Weights,
    source: str,
    inputs: list[str],
    name: str,
    *,
    bias: Floats | None = None,
) -> str:
    """Add two inputs (and a bias), then normalise."""
    constants = [
        graph.floats(f"{name}.gamma", weights[f"{source}.weight"]),
        graph.floats(f"{name}.beta", weights[f"{source}.bias"]),
    ]
    if bias is not None:
        constants.append(graph.floats(f"{name}.bias", bias))
    return graph.node(
        "SkipLayerNormalization",
        [*inputs, *constants],
        name,
        domain=MICROSOFT,
        epsilon=EPSILON,
    )


def _quantise_rows(values: Floats, steps: int) -> tuple[NDArray[np.int8], Floats]:
    """Symmetric, one scale a row (which is an output column of the transposed weight)."""
    largest = np.abs(values).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(steps)
    return np.rint(values / scales).astype(np.int8), scales
