"""Every model of the catalog is answered on every path that its provider has."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.catalog import Catalog, Model, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.simulator.exchange import Refused
from turnout.simulator.routes import Routes, usual_wire, with_key_of

CATALOG = parse_catalog(snapshot_bytes())
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
WORDS = [{"role": "user", "content": "hello"}]


def served(model: Model, catalog: Catalog = CATALOG) -> set[str]:
    """The wire formats in which `model` is answered."""
    name = model.upstream_name
    asked: dict[str, tuple[str, object]] = {
        "messages": ("/v1/messages", {"model": name, "max_tokens": 9, "messages": WORDS}),
        "chat": ("/v1/chat/completions", {"model": name, "messages": WORDS}),
        "responses": ("/v1/responses", {"model": name, "input": "hello"}),
        "gemini": (
            f"/v1/models/{name}:generateContent",
            {"contents": [{"parts": [{"text": "hello"}]}]},
        ),
    }
    found: set[str] = set()
    for wire, (path, body) in asked.items():
        route = Routes().of(path, "")
        if route is None:
            continue
        try:
            route.wire.read(json.dumps(body).encode(), HEADERS, catalog)
        except Refused as refused:
            # A name that is not known is refused as such, and not for anything else.
            told = f"{refused.message} {refused.status}"
            assert "404" in told or "does not exist" in told, told
            continue
        found.add(wire)
    return found


WIRES: dict[Dialect, str] = {
    "anthropic_messages": "messages",
    "openai_chat": "chat",
    "openai_responses": "responses",
    "gemini_generate": "gemini",
}


def paths(model: Model) -> set[str]:
    return {wire for dialect, wire in WIRES.items() if CATALOG.speaks(model, dialect)}


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_every_model_is_served_on_its_providers_paths(name: str) -> None:
    model = CATALOG.models[name]
    assert served(model) == paths(model)


def test_a_model_of_one_dialect_has_one_path() -> None:
    assert paths(CATALOG.models["gpt-5.3-codex"]) == {"responses"}
    assert paths(CATALOG.models["gemini-3.5-flash"]) == {"chat", "gemini"}


def test_geminis_path_names_model_method_and_form() -> None:
    streamed = Routes().of("/v1beta/models/gemini-3.5-flash:streamGenerateContent", "alt=sse")
    assert streamed is not None
    assert (streamed.model, streamed.streams, streamed.counts) == ("gemini-3.5-flash", True, False)
    assert streamed.wire.stream_type() == "text/event-stream"
    array = Routes().of("/v1/models/gemini-3.5-flash:streamGenerateContent", "key=k")
    assert array is not None
    assert array.wire.stream_type().startswith("application/json")
    counted = Routes().of("/v1/models/gemini-3.5-flash:countTokens", "")
    assert counted is not None
    assert counted.counts


@pytest.mark.parametrize(
    "path", ["/v1/embeddings", "/v1beta/models/x:embedContent", "/v2/messages"]
)
def test_nobody_answers_other_paths(path: str) -> None:
    assert Routes().of(path, "") is None


def test_a_404_speaks_the_clients_format() -> None:
    for path, headers, word in (
        ("/v1/x", {"anthropic-version": "1"}, b'"type":"error"'),
        ("/v1beta/x", {}, b'"status":"NOT_FOUND"'),
        ("/v1/x", {"x-goog-api-key": "k"}, b'"status":"NOT_FOUND"'),
        ("/v1/x", {}, b'"param":null'),
    ):
        wire = usual_wire(path, headers)
        assert word in wire.refusal(wire.scripted_refusal(404), request_id="r")


def test_a_key_in_the_query_is_one() -> None:
    assert with_key_of("alt=sse&key=k", {"accept": "x"}) == {"accept": "x", "x-goog-api-key": "k"}
    assert with_key_of("alt=sse", {"accept": "x"}) == {"accept": "x"}
