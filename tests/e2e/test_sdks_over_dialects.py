"""Every real SDK over every upstream dialect, through one product and its simulated provider.

The catalog of this product leaves each model one dialect, so that a cell is what its name says; the
provider refuses what its API refuses: forged or foreign signatures, calls without results, schemas
that it does not take.
"""

import base64
import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

import anthropic
import openai
import pytest
from google.genai import errors as google

from tests.e2e.product import Product, environment, running
from tests.e2e.talks.anthropic_talk import AnthropicTalk
from tests.e2e.talks.sdks import SDKS, Sdk, talks
from tests.e2e.talks.talk import LOOK, PNG_TEXT, RUN, Asked, Talk, Weather
from tests.simulator import provider
from turnout.capabilities import Dialect

MODELS: Final[dict[Dialect, str]] = {
    "anthropic_messages": "turnout/claude-sonnet-5-5",
    "openai_responses": "turnout/gpt-5.5",
    "openai_chat": "turnout/deepseek-v4-pro",
    "gemini_generate": "turnout/gemini-3.8-flash",
}
SEEING: Final = MODELS | {"openai_chat": "turnout/kimi-k3"}
"""DeepSeek's model takes no pictures, and a schema only in words."""

SPACIOUS: Final = {
    "anthropic_messages": "turnout/claude-haiku-4-5",
    "openai_responses": "turnout/gpt-5.4-mini",
    "openai_chat": "turnout/mistral-large-latest",
    "gemini_generate": "turnout/gemini-2.5-flash",
}
"""Models whose window is larger by this catalog than it is at their provider."""

NATIVE: Final[dict[Sdk, Dialect]] = {
    "anthropic": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
    "genai": "gemini_generate",
}
WINDOW: Final = {"context_tokens": 10_000_000, "thinking": True, "structured_output": True}


def catalog() -> dict[str, object]:
    one = [
        {"id": model.removeprefix("turnout/"), "dialects": [dialect]}
        for models in (MODELS, SEEING)
        for dialect, model in models.items()
    ]
    spacious = [
        {"id": model.removeprefix("turnout/"), "dialects": [dialect], "capabilities": WINDOW}
        for dialect, model in SPACIOUS.items()
    ]
    return {"models": [*one, *spacious]}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    directory = tmp_path_factory.mktemp("sdks")
    file = directory / "catalog.json"
    file.write_text(json.dumps(catalog()))
    with provider.running("--keep-bodies", "--simulate", "ttft=0,gap=0") as simulator:
        settings = environment(
            directory / "data",
            TURNOUT_CATALOG__FILE=str(file),
            TURNOUT_SIMULATOR__URL=simulator,
            TURNOUT_SIMULATOR__PORT=simulator.rpartition(":")[2],
        )
        with running(settings=settings, log=directory / "log") as product:
            yield product


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    found: Sdk = request.param
    return found


@pytest.fixture(params=MODELS)
def upstream(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture(scope="module")
def begin(process: Product) -> Generator[dict[Sdk, Callable[[], Talk]]]:
    with contextlib.ExitStack() as clients:
        yield {sdk: clients.enter_context(talks(sdk, process.url)) for sdk in SDKS}


@pytest.fixture
def talking(begin: dict[Sdk, Callable[[], Talk]], product: Product, sdk: Sdk) -> Talk:
    # The product is asked for so that its script is empty when the talk begins.
    del product
    return begin[sdk]()


streamed_or_whole = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


def served_at(product: Product) -> list[str]:
    return [str(entry["path"]).partition("?")[0] for entry in product.seen()]


PATH: Final[dict[Dialect, str]] = {
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "openai_chat": "/v1/chat/completions",
    "gemini_generate": "/models/",
}


# -- what is answered --------------------------------------------------------------------------


@streamed_or_whole
def test_text(talking: Talk, product: Product, sdk: Sdk, upstream: Dialect, stream: bool) -> None:
    talking.say("Say something short.")
    told = talking.answer(Asked(model=MODELS[upstream], stream=stream))
    (path,) = served_at(product)
    assert PATH[upstream] in path
    assert told.text
    assert told.stop == "end"
    assert told.calls == ()
    if NATIVE[sdk] != upstream:
        assert told.model == MODELS[upstream]
    assert told.input_count > 0
    assert told.output_count > 0
    if stream and sdk in {"anthropic", "genai"}:
        assert told.first_input


@streamed_or_whole
def test_parallel_calls_and_their_results(talking: Talk, upstream: Dialect, stream: bool) -> None:
    model = MODELS[upstream]
    wanted = [{"what": 'café "x"\n', "times": 2}, {"what": "", "times": -1}]
    args = "+".join(
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in wanted
    )
    talking.say("Look and run.")
    told = talking.answer(
        Asked(model=model, stream=stream, tools=True, simulate=f"tools={LOOK}+{RUN},args={args}")
    )
    assert told.stop == "tool"
    assert [called.name for called in told.calls] == [LOOK, RUN]
    assert [called.arguments for called in told.calls] == wanted
    assert len({called.id for called in told.calls}) == 2
    for called in reversed(told.calls):
        talking.give(called, f"{called.name} is done")
    last = talking.answer(Asked(model=model, stream=stream, tools=True, simulate="text"))
    assert last.stop == "end"
    assert last.text


@streamed_or_whole
def test_a_picture_is_seen(
    talking: Talk, product: Product, sdk: Sdk, upstream: Dialect, stream: bool
) -> None:
    talking.say("Look.", with_picture=True)
    told = talking.answer(Asked(model=SEEING[upstream], stream=stream))
    assert told.text
    assert PNG_TEXT in sent(product, sdk, upstream)


@streamed_or_whole
@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk != "chat"])
def test_a_picture_from_a_tool_is_seen(
    talking: Talk, product: Product, sdk: Sdk, upstream: Dialect, stream: bool
) -> None:
    """In the SDK for chat a tool says text alone."""
    model = SEEING[upstream]
    talking.say("Look.")
    told = talking.answer(Asked(model=model, stream=stream, tools=True, simulate=f"tools={LOOK}"))
    (called,) = told.calls
    talking.give(called, "Here it is.", with_picture=True)
    last = talking.answer(Asked(model=model, stream=stream, tools=True, simulate="text"))
    assert last.text
    assert PNG_TEXT in sent(product, sdk, upstream)


def sent(product: Product, sdk: Sdk, upstream: Dialect) -> str:
    """The last body that the provider saw; google-genai writes base64 in the alphabet for URLs, which
    only Google takes.
    """
    body = str(product.seen()[-1]["body"])
    if sdk == "genai" and NATIVE[sdk] == upstream:
        return body.replace("-", "+").replace("_", "/")
    return body


@streamed_or_whole
def test_a_form_is_kept(talking: Talk, upstream: Dialect, stream: bool) -> None:
    talking.say("What is the weather in Oslo?")
    told = talking.weather(Asked(model=SEEING[upstream], stream=stream))
    assert isinstance(told, Weather)


# -- reasoning ---------------------------------------------------------------------------------


@streamed_or_whole
def test_reasoning_goes_back_to_its_maker(talking: Talk, upstream: Dialect, stream: bool) -> None:
    model = MODELS[upstream]
    talking.say("Think, then look.")
    told = talking.answer(
        Asked(
            model=model,
            stream=stream,
            tools=True,
            thinking=True,
            simulate=f"thinking,tools={LOOK}+{RUN}",
        )
    )
    assert told.thoughts
    if upstream == "anthropic_messages":
        # Claude shows nothing unless it is asked to, which every client's own words are taken for.
        assert told.shown
    for called in told.calls:
        talking.give(called, "done")
    told = talking.answer(
        Asked(model=model, stream=stream, tools=True, thinking=True, simulate="thinking,text")
    )
    assert told.stop == "end"
    talking.say("And once more.")
    assert talking.answer(Asked(model=model, stream=stream, tools=True, thinking=True)).text


@streamed_or_whole
def test_a_session_moves_between_providers_and_back(
    talking: Talk, product: Product, sdk: Sdk, stream: bool
) -> None:
    talking.say("Think, then look.")
    route: tuple[Dialect, ...] = (*MODELS, *MODELS, *reversed(MODELS))
    for upstream in route:
        asked = Asked(
            model=MODELS[upstream],
            stream=stream,
            tools=True,
            thinking=True,
            simulate=f"thinking,tools={LOOK}+{RUN},steps={len(route) * 2}",
        )
        told = talking.answer(asked)
        assert told.stop == "tool", upstream
        for called in told.calls:
            talking.give(called, f"seen by {upstream}")
    visits: Counter[Dialect] = Counter()
    for upstream, entry in zip(route, product.seen(), strict=True):
        assert PATH[upstream] in str(entry["path"])
        reasoning = REASONING[upstream].findall(str(entry["body"]))
        assert len(reasoning) == visits[upstream], upstream
        # Claude reads it only behind the very prompt that it was made for.
        assert entry["dropped_thinking"] == []
        visits[upstream] += 1


CLAUDE, KIMI = "turnout/claude-sonnet-5-5", "turnout/kimi-k2.6"


@streamed_or_whole
def test_a_forked_session_moves_to_an_imitation_of_its_api_and_back(
    process: Product, product: Product, stream: bool
) -> None:
    """Nothing is recorded of a session that is new with every request: whose thinking it is must be
    told by the thinking itself.
    """
    with anthropic.Anthropic(base_url=process.url, api_key="dummy", max_retries=0) as client:
        talk = AnthropicTalk(client)
        talk.say("Think, then look.")
        route = (CLAUDE, KIMI, KIMI, CLAUDE, KIMI, CLAUDE)
        for number, model in enumerate(route):
            session = {"x-claude-code-session-id": f"fork-{number}"}
            talk.client = client.with_options(default_headers=session)
            simulate = f"thinking,tools={LOOK},steps={len(route) * 2}"
            asked = Asked(model=model, stream=stream, tools=True, thinking=True, simulate=simulate)
            told = talk.answer(asked)
            assert told.stop == "tool"
            assert told.thoughts
            for called in told.calls:
                talk.give(called, "seen")
    visits: Counter[str] = Counter()
    for model, entry in zip(route, product.seen(), strict=True):
        assert entry["path"] == "/v1/messages"
        signatures = REASONING["anthropic_messages"].findall(str(entry["body"]))
        assert len(signatures) == visits[model], model
        assert "turnout1." not in str(entry["body"])
        assert entry["dropped_thinking"] == []
        visits[model] += 1


REASONING: Final[dict[Dialect, re.Pattern[str]]] = {
    "anthropic_messages": re.compile(r'"signature":"[^"]'),
    "openai_responses": re.compile(r'"encrypted_content":"[^"]'),
    "openai_chat": re.compile(r'"reasoning_content":"[^"]'),
    # Google's own word for a call of another model's.
    "gemini_generate": re.compile(
        r'"thought_?[sS]ignature": ?"(?!skip_thought_signature_validator|dHVybm91dDEu)'
    ),
}
"""Where each provider finds what it thought before. It refuses what is not its own."""


# -- errors ------------------------------------------------------------------------------------

SDK_ERRORS: Final = (anthropic.APIError, openai.APIError, google.APIError)
STATUS_ERRORS: Final = (anthropic.APIStatusError, openai.APIStatusError, google.APIError)

Kind: TypeAlias = (
    type[anthropic.APIError] | type[openai.APIError] | type[google.APIError] | type[RuntimeError]
)

BUSY: Final[dict[Sdk, Kind]] = {
    "anthropic": anthropic.RateLimitError,
    "chat": openai.RateLimitError,
    "responses": openai.RateLimitError,
    "genai": google.ClientError,
}
FAULT: Final[dict[Sdk, Kind]] = {
    "anthropic": anthropic.InternalServerError,
    "chat": openai.InternalServerError,
    "responses": openai.InternalServerError,
    "genai": google.ServerError,
}
WRONG: Final[dict[Sdk, Kind]] = {
    "anthropic": anthropic.BadRequestError,
    "chat": openai.BadRequestError,
    "responses": openai.BadRequestError,
    "genai": google.ClientError,
}
BROKEN: Final[dict[Sdk, Kind]] = {
    "anthropic": anthropic.APIError,
    "chat": openai.APIError,
    "responses": openai.APIError,
    "genai": google.APIError,
}
OPENAIS: Final = ("exceeds the context window", "maximum context length is")
TOO_LONG: Final[dict[Sdk, tuple[str, ...]]] = {
    "anthropic": ("prompt is too long",),
    "chat": OPENAIS,
    "responses": OPENAIS,
    "genai": ("exceeds the maximum number of tokens",),
}
"""The sentences that agents look for before they compact."""


def refused(talking: Talk, kind: Kind, asked: Asked) -> Exception:
    """What the SDK raises, which is of that kind and says something."""
    with pytest.raises(kind) as raised:
        talking.answer(asked)
    error = raised.value
    if isinstance(error, SDK_ERRORS):
        assert error.message
    return error


@streamed_or_whole
@pytest.mark.parametrize(
    ("directives", "kinds"),
    [
        ("status=429,retry-after=7", BUSY),
        ("status=529,retry-after=7", FAULT),
        ("status=500", FAULT),
        ("status=400", WRONG),
    ],
    ids=["429", "529", "500", "400"],
)
def test_a_refusal_is_the_sdks_own_error(
    talking: Talk,
    sdk: Sdk,
    upstream: Dialect,
    stream: bool,
    directives: str,
    kinds: dict[Sdk, Kind],
) -> None:
    talking.say("Say something short.")
    asked = Asked(model=MODELS[upstream], stream=stream, simulate=directives)
    error = refused(talking, kinds[sdk], asked)
    if "retry-after" in directives:
        assert isinstance(error, STATUS_ERRORS)
        assert error.response.headers["retry-after"] == "7"


@streamed_or_whole
def test_a_prompt_that_is_too_long_for_the_provider_is_said_in_words_that_compact(
    talking: Talk, sdk: Sdk, upstream: Dialect, stream: bool
) -> None:
    words = 4_600_000 if upstream == "gemini_generate" else 1_300_000
    talking.say("x" * words)
    error = refused(talking, WRONG[sdk], Asked(model=SPACIOUS[upstream], stream=stream))
    if isinstance(error, openai.APIError):
        assert error.code == "context_length_exceeded"
    assert any(words in str(error) for words in TOO_LONG[sdk])


@pytest.mark.parametrize("directives", ["error-in-stream", "half", "cut=before-end,gap=0.01"])
def test_a_stream_that_breaks_off_is_an_error_of_the_sdk(
    talking: Talk, sdk: Sdk, upstream: Dialect, directives: str
) -> None:
    talking.say("Say something long.")
    asked = Asked(model=MODELS[upstream], stream=True, simulate=f"{directives},tokens=100")
    kind = RuntimeError if is_openais_own(sdk, upstream, directives) else BROKEN[sdk]
    refused(talking, kind, asked)


def is_openais_own(sdk: Sdk, upstream: Dialect, directives: str) -> bool:
    """OpenAI's own error event, which comes as it is: its SDK hands it out and then says that the end
    is missing.
    """
    own = NATIVE[sdk] == upstream == "openai_responses"
    return own and directives == "error-in-stream"


@pytest.mark.parametrize("directives", ["cut=after-start", "half", "garbage", "error-in-stream"])
def test_an_answer_that_breaks_off_is_an_error_of_the_sdk(
    talking: Talk, sdk: Sdk, upstream: Dialect, directives: str
) -> None:
    talking.say("Say something long.")
    refused(talking, FAULT[sdk], Asked(model=MODELS[upstream], simulate=directives))


def test_a_stream_that_is_left_is_left_upstream_too(
    talking: Talk, product: Product, sdk: Sdk, upstream: Dialect
) -> None:
    talking.say("Say something long.")
    asked = Asked(model=MODELS[upstream], stream=True, simulate="gap=0.05,tokens=5000")
    with contextlib.closing(talking.pieces(asked)) as pieces:
        for _, _ in zip(range(3), pieces, strict=False):
            pass
    (entry,) = product.ended()
    assert entry["aborted"] is True
