"""The embedder's model behind a typed face: onnxruntime has no types of its own.

Rules of this module: one text per run and unpadded, because dynamic int8 results change with
padding and batch mates; one thread without spinning, because the machine has other work.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.scorer.embedder_files import EmbedderFiles
from turnout.scorer.tokens import TokenCutter

Vector = NDArray[np.float32]


class _SessionOptions(Protocol):
    intra_op_num_threads: int
    inter_op_num_threads: int
    enable_cpu_mem_arena: bool
    enable_mem_pattern: bool
    log_severity_level: int

    def add_session_config_entry(self, key: str, value: str) -> None: ...


class _Session(Protocol):
    def run(
        self, outputs: Sequence[str], inputs: Mapping[str, NDArray[np.int32]]
    ) -> Sequence[Vector]: ...


class _MakeOptions(Protocol):
    def __call__(self) -> _SessionOptions: ...


class _MakeSession(Protocol):
    def __call__(
        self, model: bytes, options: _SessionOptions, *, providers: Sequence[str]
    ) -> _Session: ...


_ERRORS_ONLY = 3
"""onnxruntime's log severity: warnings would reach stderr outside our structured log."""


class OnnxEncoder:
    """Embeds a text in the calling thread; milliseconds of one core."""

    def __init__(self, files: EmbedderFiles) -> None:
        runtime = importlib.import_module("onnxruntime")
        make_options: _MakeOptions = runtime.SessionOptions
        make_session: _MakeSession = runtime.InferenceSession
        options = make_options()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena never gives memory back; without it a run is 5 % slower.
        options.enable_cpu_mem_arena = False
        # Patterns are kept for every input length, and lengths here are all different.
        options.enable_mem_pattern = False
        options.log_severity_level = _ERRORS_ONLY
        self._session = make_session(files.model, options, providers=("CPUExecutionProvider",))
        self._cutter = TokenCutter(files.tokenizer)

    def encode(self, cut_text: str) -> Vector:
        """The unit vector of a text that `turnout.scorer.tokens.cut` has cut."""
        ids = np.array([self._cutter.ids(cut_text)], dtype=np.int32)
        vector: Vector = self._session.run(("embedding",), {"ids": ids})[0][0]
        return vector
