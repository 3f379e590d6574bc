"""What goes out to another dialect's provider is what its documentation and its SDK know of.

The simulated providers refuse by the documentation, Google's and Responses down to single parts; what
stands inside messages and tools of the other two the SDKs' types of requests say.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.warnings import TypedDictExtraConfigWarning

from tests.matrix.declared import ALL, PAIRS, SHORT, Feature, Json, Pair, Refused, outcome
from tests.matrix.driving import AGENT, PROVIDERS, TUNED, Sent, asked, sent
from tests.matrix.requests import REQUESTS
from tests.upstream_dispatcher.workbench import CATALOG
from turnout.capabilities import Dialect
from turnout.simulator import exchange
from turnout.simulator.routes import Routes

STRICT: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

TYPES: Final[Mapping[Dialect, Callable[[], TypeAdapter[Any]]]] = {
    # In a list, because pydantic gives a configuration to what is inside of a type alone.
    "anthropic_messages": lambda: TypeAdapter(list[MessageCreateParams], config=STRICT),
    "openai_chat": lambda: TypeAdapter(list[CompletionCreateParams], config=STRICT),
    "openai_responses": lambda: TypeAdapter(list[ResponseCreateParams], config=STRICT),
}

SAMPLING: Final = ("temperature", "top_p", "top_k")
"""Models that take them are served, and are older than the types of Anthropic's SDK."""


@cache
def types_of(dialect: Dialect) -> TypeAdapter[Any] | None:
    if dialect not in TYPES:
        return None
    with warnings.catch_warnings():
        # Some types are open by their own word.
        warnings.simplefilter("ignore", TypedDictExtraConfigWarning)
        return TYPES[dialect]()


def read_to_the_end(value: Any) -> None:
    """pydantic looks at an `Iterable` only while it is read."""
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str):
        for one in value:
            read_to_the_end(one)


def as_typed(dialect: Dialect, body: Json) -> Json:
    match dialect:
        case "anthropic_messages":
            return {name: value for name, value in body.items() if name not in SAMPLING}
        case "openai_responses":
            # The API takes an answer without the id and the status that it had, the types do not.
            had = {"id": "msg_1", "status": "completed"}
            items: list[Json] = body["input"]
            return body | {
                "input": [had | one if one.get("role") == "assistant" else one for one in items]
            }
        case _:
            return body


def is_taken(dialect: Dialect, out: Sent) -> None:
    """Raises what the provider or the SDK's types say against it."""
    at = urlsplit(out.url)
    route = Routes().of(at.path, at.query)
    assert route is not None
    route.wire.read(out.raw, out.headers, CATALOG)
    types = types_of(dialect)
    if types is not None:
        read_to_the_end(types.validate_python([as_typed(dialect, out.body)]))


def cells() -> list[object]:
    return [
        pytest.param(feature, pair, id=f"{feature.name}-{SHORT[pair[0]]}-{SHORT[pair[1]]}")
        for feature in REQUESTS
        for pair in PAIRS
        if pair[0] != pair[1]
        and feature.sides[pair[0]].wire is not None
        and not isinstance(outcome(feature, *pair, pair), Refused)
    ]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("feature", "pair"), cells())
def test_a_translated_request_holds_nothing_that_its_provider_does_not_know(
    feature: Feature, pair: Pair, stream: bool
) -> None:
    client, upstream = pair
    model = (AGENT if feature.model == "agent" else TUNED)[upstream]
    fields = feature.sides[client].wire
    assert fields is not None
    is_taken(upstream, sent(asked(client, fields, served=model, stream=stream), upstream, model))


SAID: Final = {"role": "user", "content": "go"}

WISHES: Final = ("effort", "thinking_budget", "budget_as_effort", "thinking_off", "reasoning_shown")


BEGUN: Final[Mapping[Dialect, Json]] = {
    "anthropic_messages": {"messages": [SAID, {"role": "assistant", "content": "Well,"}]},
    "openai_chat": {"messages": [SAID, {"role": "assistant", "content": "Well,"}]},
    "openai_responses": {"input": [SAID, {"role": "assistant", "content": "Well,"}]},
    "gemini_generate": {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"text": "Well,"}]},
        ]
    },
}
"""Histories that end in the beginning of an answer."""

MODELS: Final = [
    pytest.param(dialect, model.id, id=f"{model.id}-{SHORT[dialect]}")
    for dialect, provider in PROVIDERS.items()
    for model in CATALOG.models.values()
    if model.provider == provider and CATALOG.speaks(model, dialect)
]


@pytest.mark.parametrize(("upstream", "model"), MODELS)
def test_every_model_takes_a_history_that_ends_in_an_answer(upstream: Dialect, model: str) -> None:
    for client in ALL:
        if client != upstream:
            out = sent(asked(client, BEGUN[client], served=model), upstream, model)
            is_taken(upstream, out)


@pytest.mark.parametrize(("upstream", "model"), MODELS)
def test_no_model_is_told_to_think_in_a_way_that_it_refuses(upstream: Dialect, model: str) -> None:
    for feature in REQUESTS:
        for client in ALL:
            fields = feature.sides[client].wire
            if feature.name in WISHES and fields is not None and client != upstream:
                is_taken(upstream, sent(asked(client, fields, served=model), upstream, model))


PLACES: Final[Mapping[Dialect, str]] = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini_generate": "contents",
}


@pytest.mark.parametrize("place", ["body", "message", "tool"])
@pytest.mark.parametrize("dialect", ALL, ids=SHORT.get)
def test_a_field_that_nobody_knows_is_seen_wherever_it_stands(dialect: Dialect, place: str) -> None:
    (tools,) = [feature for feature in REQUESTS if feature.name == "tools"]
    client: Dialect = "openai_chat" if dialect != "openai_chat" else "anthropic_messages"
    fields = tools.sides[client].wire
    assert fields is not None
    out = sent(asked(client, fields, served=AGENT[dialect]), dialect, AGENT[dialect])
    is_taken(dialect, out)
    spoilt = {
        "body": out.body,
        "message": out.body[PLACES[dialect]][0],
        "tool": out.body["tools"][0],
    }[place]
    spoilt["unheard_of"] = 1
    raw = json.dumps(out.body).encode()
    with pytest.raises((exchange.Refused, ValidationError)):
        is_taken(dialect, Sent(out.written, raw, out.body, out.url, out.headers))
