"""The build step: reproducible, hash-checked both ways, true to the float model."""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.learn import float_oracle
from turnout.errors import Unavailable
from turnout.learn import embedder_build
from turnout.learn.embedder_build import CREDIT, WEIGHTS_PACKAGE, build_embedder, convert
from turnout.scorer.embedder_files import (
    MODEL_FILE,
    MODEL_SHA256,
    TOKENIZER_FILE,
    embedder_directory,
    load_embedder_files,
)
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.tokens import TokenCutter, cut

TEXTS = (
    "x",
    "Fix the failing test in the URL resolver.",
    "def area(radius):\n    return 3.14 * radius  # off by one",
    "Was macht dieses Modul, und warum ist es so langsam?",
    "Write a summary of the meeting. " * 20,
    "one two three four " * 200,
)


@pytest.fixture(scope="module")
def weights() -> bytes:
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "model/model.safetensors").read_bytes()


def test_the_same_weights_give_the_same_bytes(weights: bytes) -> None:
    assert hashlib.sha256(convert(weights)).hexdigest() == MODEL_SHA256


def test_the_model_is_the_size_that_is_promised(embedder_root: Path) -> None:
    assert 20e6 < (embedder_directory(embedder_root) / MODEL_FILE).stat().st_size < 24e6


@pytest.mark.parametrize("text", TEXTS)
def test_embeddings_are_those_of_the_float_model(
    text: str, weights: bytes, embedder_root: Path
) -> None:
    files = load_embedder_files(embedder_root)
    expected = float_oracle.embed(
        safetensors.numpy.load(weights), TokenCutter(files.tokenizer).ids(cut(text))
    )
    found = OnnxEncoder(files).encode(cut(text))
    assert float(np.linalg.norm(found)) == pytest.approx(1, abs=1e-5)
    assert float(found @ expected) >= 0.98


def test_a_second_build_touches_nothing(embedder_root: Path) -> None:
    model = embedder_directory(embedder_root) / MODEL_FILE
    before = model.stat().st_mtime_ns
    assert build_embedder(embedder_root) == embedder_directory(embedder_root)
    assert model.stat().st_mtime_ns == before


def test_a_damaged_file_is_refused_and_then_built_again(tmp_path: Path) -> None:
    directory = build_embedder(tmp_path)
    (directory / TOKENIZER_FILE).write_bytes(b"{}")
    with pytest.raises(Unavailable, match=r"has sha256 44136fa.*make it again with"):
        load_embedder_files(tmp_path)
    assert build_embedder(tmp_path) == directory
    load_embedder_files(tmp_path)


def test_the_build_leaves_the_licence_and_no_half_files(tmp_path: Path) -> None:
    directory = build_embedder(tmp_path)
    assert (directory / "CREDIT.txt").read_text() == CREDIT
    assert "Apache-2.0" in CREDIT
    assert sorted(path.name for path in directory.iterdir()) == [
        "CREDIT.txt",
        MODEL_FILE,
        TOKENIZER_FILE,
    ]


def test_missing_files_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"python -m turnout\.learn\.embedder_build"):
        load_embedder_files(tmp_path)


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "model.safetensors"
    foreign.write_bytes(b"something else")
    with pytest.raises(Unavailable, match="expected 53aa51172d"):
        embedder_build.read_checked(foreign, embedder_build.WEIGHTS_SHA256)


def test_the_command_says_where_the_files_are(
    embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embedder_build.main(["--out", str(embedder_root)]) == 0
    assert str(embedder_directory(embedder_root)) in capsys.readouterr().out


def test_the_command_fails_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, WEIGHTS_PACKAGE, None)
    assert embedder_build.main(["--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("turnout: The package that carries")
