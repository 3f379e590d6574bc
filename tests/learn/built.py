"""The built embedder, cached between runs like `make run` caches it; import it from a conftest."""

from pathlib import Path

import pytest

from turnout.learn.embedder_build import build_embedder


@pytest.fixture(scope="session")
def embedder_root() -> Path:
    root = Path(__file__).parents[2] / ".cache" / "embedder"
    build_embedder(root)
    return root
