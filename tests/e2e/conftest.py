"""One product of each composition for the whole folder, with its provider's script reset."""

from collections.abc import Generator

import pytest

from tests.e2e.product import Product, environment, running

COMPOSITIONS = {"embedded": (), "split": ("--split",)}


@pytest.fixture(scope="session", params=COMPOSITIONS)
def process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Product]:
    name = str(request.param)
    directory = tmp_path_factory.mktemp(name)
    settings = environment(directory / "data")
    with running(*COMPOSITIONS[name], settings=settings, log=directory / "log") as product:
        yield product


@pytest.fixture
def product(process: Product) -> Product:
    process.reset_simulator()
    return process
