"""One product of each composition for the whole folder, with its provider's script reset."""

from collections.abc import Callable, Generator
from contextlib import ExitStack

import openai
import pytest

from tests.e2e.product import Product, environment, running

COMPOSITIONS = {"embedded": (), "split": ("--split",)}


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[str], Product]]:
    """The product of a composition, started when it is first asked for.

    Both stay to the end: where files are run one by one, a parametrized fixture would start them
    again for each, which takes longer than the tests.
    """
    products: dict[str, Product] = {}
    with ExitStack() as stack:

        def product_of(name: str) -> Product:
            if name not in products:
                directory = tmp_path_factory.mktemp(name)
                settings = environment(directory / "data")
                products[name] = stack.enter_context(
                    running(*COMPOSITIONS[name], settings=settings, log=directory / "log")
                )
            return products[name]

        yield product_of


@pytest.fixture(params=COMPOSITIONS)
def process(request: pytest.FixtureRequest, composed: Callable[[str], Product]) -> Product:
    return composed(str(request.param))


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
