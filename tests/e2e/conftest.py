"""One product of each composition for the whole folder, with its provider's script reset."""

from collections.abc import Generator

import openai
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


@pytest.fixture
def client(product: Product) -> Generator[openai.OpenAI]:
    """OpenAI's SDK, which speaks two dialects; tests of another have a client of their own."""
    with openai.OpenAI(
        base_url=f"{product.url}/v1", api_key="dummy", max_retries=0, timeout=30
    ) as client:
        yield client
