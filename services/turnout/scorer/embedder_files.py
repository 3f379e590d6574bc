"""The embedder's files on disk: their names, their hashes, and the digest that names them together.

Rules of this module: constants and reading; whatever is loaded has been compared with its hash.
The build step (turnout.learn.embedder_build) writes these files, the run time opens nothing else.

Weights: sentence-transformers/all-MiniLM-L6-v2, Apache-2.0.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import Unavailable

MODEL_FILE = "embedder.onnx"
TOKENIZER_FILE = "tokenizer.json"

MODEL_SHA256 = "f8a756458bdb203cdaf473c9c327e63ea1b2241f348fe72c0e23ba1695fe159c"
"""Of the ONNX file; the build is byte-reproducible, so this is a constant."""

TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""Of tokenizer.json as sentence-transformers ships it."""

CUT_VERSION = "head-tail-192.2"
"""Names the cut of turnout.scorer.tokens; raise it with any change there, as embeddings change."""

DIMENSIONS = 384
"""Width of an embedding of all-MiniLM-L6-v2."""

BUILD_COMMAND = "python -m turnout.learn.embedder_build"

EMBEDDER_DIGEST = hashlib.sha256(
    f"{MODEL_SHA256}\n{TOKENIZER_SHA256}\n{CUT_VERSION}".encode()
).hexdigest()
"""Names everything that shapes an embedding; artifacts are bound to it."""

DEFAULT_ROOT = Path(".cache") / "embedder"
"""Where the build step puts the files unless told otherwise; one directory a digest."""


def default_root() -> Path:
    """Below this directory, else in the checkout that this is run from."""
    beside_source = Path(__file__).resolve().parents[3] / DEFAULT_ROOT
    return DEFAULT_ROOT if DEFAULT_ROOT.is_dir() or not beside_source.is_dir() else beside_source


@dataclass(frozen=True, slots=True)
class EmbedderFiles:
    """The files' bytes, already compared with their hashes."""

    model: bytes
    tokenizer: bytes


def embedder_directory(root: Path) -> Path:
    """The directory below `root` that holds this version's files."""
    return root / EMBEDDER_DIGEST[:16]


def load_embedder_files(root: Path) -> EmbedderFiles:
    """Read and check the files. Raises `Unavailable` naming the command that makes them."""
    directory = embedder_directory(root)
    return EmbedderFiles(
        model=_read_checked(directory / MODEL_FILE, MODEL_SHA256),
        tokenizer=_read_checked(directory / TOKENIZER_FILE, TOKENIZER_SHA256),
    )


def _read_checked(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"The embedder file {path} cannot be read ({error.strerror}); make it with: {BUILD_COMMAND}"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise Unavailable(
            f"The embedder file {path} has sha256 {found}, expected {sha256}; "
            f"delete it and make it again with: {BUILD_COMMAND}"
        )
    return data
