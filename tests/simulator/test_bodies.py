"""Bodies that are nested too deeply are refused where they are read, on every wire."""

import pytest

from tests.simulator.test_routes import CATALOG, HEADERS
from turnout.simulator.bodies import MAX_LEVELS
from turnout.simulator.exchange import Refused
from turnout.simulator.routes import Routes

BODIES = {
    "/v1/messages": (
        '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}],'
        '"tools":[{"name":"f","input_schema":%s}]}'
    ),
    "/v1/chat/completions": (
        '{"model":"gpt-5.4","messages":[{"role":"user","content":"hi"}],'
        '"tools":[{"type":"function","function":{"name":"f","parameters":%s}}]}'
    ),
    "/v1/responses": (
        '{"model":"gpt-5.4","input":"hi","tools":[{"type":"function","name":"f","parameters":%s}]}'
    ),
    "/v1beta/models/gemini-3.5-flash:generateContent": (
        '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],'
        '"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":%s}]}]}'
    ),
}


def body_of(path: str, *, schemas: int) -> bytes:
    """Each schema stands two levels deeper than the one around it."""
    schema = '{"type":"string"}'
    for _ in range(schemas):
        schema = f'{{"type":"object","properties":{{"a":{schema}}}}}'
    return (BODIES[path] % schema).encode()


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("schemas", [MAX_LEVELS // 2, 400, 5_000])
def test_what_is_nested_too_deeply_is_refused_with_the_limit(path: str, schemas: int) -> None:
    route = Routes().of(path, "")
    assert route is not None
    with pytest.raises(Refused, match=f"more than {MAX_LEVELS} levels") as refused:
        route.wire.read(body_of(path, schemas=schemas), HEADERS, CATALOG)
    assert refused.value.status == 400


@pytest.mark.parametrize("path", BODIES)
def test_what_is_nested_less_is_answered(path: str) -> None:
    route = Routes().of(path, "")
    assert route is not None
    assert route.wire.read(body_of(path, schemas=MAX_LEVELS // 2 - 5), HEADERS, CATALOG).model
