"""What a model name means, who could serve it, and the errors when nobody can."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    BLIND,
    CATALOG,
    DEEPSEEK_ENV,
    GPT,
    GPT_PRICES,
    HAIKU,
    HAIKU_PRICES,
    LOCAL,
    MINI,
    OPENAI_ENV,
    OPUS,
    OPUS_PRICES,
    SECRET,
    SONNET,
    SONNET_PRICES,
    decided,
    scene,
)
from turnout.capabilities import Dialect, Needs
from turnout.catalog.models import LongContext, Prices
from turnout.errors import ContextTooLong, InvalidRequest, TurnoutError, UnknownModel, Unsupported
from turnout.policy.ceiling import is_below
from turnout.policy.decision import Access, RoutingSettings
from turnout.policy.targets import Freedom, all_options, asked_for, nobody_can

PLAIN = Needs()
SETTINGS = RoutingSettings(baseline_model=OPUS)


@pytest.mark.parametrize(
    ("name", "freedom", "provider", "means"),
    [
        ("turnout/auto", "free", "anthropic", OPUS),
        (SONNET, "ceiling", "anthropic", SONNET),
        (f"{SONNET}-20260101", "ceiling", "anthropic", SONNET),
        (f"{SONNET}[1m]", "ceiling", "anthropic", SONNET),
        (f"anthropic/{SONNET}", "ceiling", "anthropic", SONNET),
        (f"turnout/{GPT}", "pinned", "openai", GPT),
        ("claude-fable-12", "unpriced", "anthropic", "claude-fable-12"),
        ("turnout/claude-fable-12", "unpriced", "anthropic", "claude-fable-12"),
        ("o3-pro", "unpriced", "openai", "o3-pro"),
    ],
)
def test_reads_the_model_name(name: str, freedom: Freedom, provider: str, means: str) -> None:
    asked = asked_for(name, CATALOG, SETTINGS)
    assert (asked.freedom, asked.provider, asked.name) == (freedom, provider, means)
    assert (asked.model is None) == (freedom == "unpriced")


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("", InvalidRequest, "model is missing"),
        ("llama-70b", UnknownModel, "turnout/auto"),
        ("claud-opus-9", UnknownModel, f"Close names: {OPUS}"),
        ("turnout/", UnknownModel, "No model named ''"),
        # A vendor whom this catalog does not serve.
        ("grok-5", UnknownModel, "No model named 'grok-5'"),
    ],
)
def test_refuses_what_means_nothing(name: str, kind: type[TurnoutError], says: str) -> None:
    with pytest.raises(kind, match=says.replace("(", r"\(")):
        asked_for(name, CATALOG, SETTINGS)


def names_and_lacks(model: str, needs: Needs = PLAIN, prompt: int = 1_000) -> dict[str, str]:
    inputs = scene(
        model=model,
        needs=needs,
        prompt=prompt,
        candidates=(SONNET, HAIKU, GPT, MINI, BLIND, LOCAL, SECRET),
    )
    found = all_options(
        asked_for(model, CATALOG, SETTINGS),
        access=inputs.access,
        catalog=CATALOG,
        features=inputs.features,
        settings=inputs.settings,
    )
    return {option.model.id: " ".join(option.lacks) for option in found}


def test_every_model_below_the_one_asked_for_may_be_chosen() -> None:
    assert names_and_lacks(SONNET) == {
        SONNET: "",
        HAIKU: "",
        GPT: "above_ceiling",
        MINI: "",
        BLIND: "",
        LOCAL: "",
        SECRET: "price",
    }


def test_nothing_can_be_compared_with_a_model_that_has_no_price() -> None:
    assert names_and_lacks(SECRET) == {
        SECRET: "",
        **dict.fromkeys((SONNET, HAIKU, GPT, MINI, BLIND, LOCAL), "incomparable"),
    }


def test_auto_has_no_ceiling() -> None:
    assert names_and_lacks("turnout/auto")[GPT] == ""


def test_a_pin_leaves_nothing_else() -> None:
    assert names_and_lacks(f"turnout/{MINI}") == {MINI: ""}


@pytest.mark.parametrize(
    ("needs", "prompt", "model", "lacks"),
    [
        (Needs(tools=True), 1_000, BLIND, "tools"),
        (Needs(images=True), 1_000, BLIND, "images"),
        (Needs(documents=True), 1_000, BLIND, "documents"),
        (Needs(structured_output=True), 1_000, BLIND, "structured_output"),
        (Needs(server_tools=("web_search_20250305",)), 1_000, MINI, "server_tools"),
        (Needs(server_tools=("web_search_20250305",)), 1_000, HAIKU, ""),
        (Needs(thinking=True), 1_000, BLIND, ""),
        (Needs(), 200_001, HAIKU, "context_window"),
        (Needs(tools=True, images=True), 1_000, BLIND, "tools images"),
    ],
)
def test_names_what_a_model_lacks(needs: Needs, prompt: int, model: str, lacks: str) -> None:
    assert names_and_lacks(OPUS, needs, prompt)[model] == lacks


@pytest.mark.parametrize("kind", ["tool_search_tool_regex_20251119", "tool_search_tool_bm25"])
def test_a_search_among_deferred_tools_binds_to_nobody(kind: str) -> None:
    needs = Needs(tools=True, server_tools=(kind,))
    assert names_and_lacks(OPUS, needs)[MINI] == ""


@pytest.mark.parametrize(
    ("tool_count", "kind", "lacks"),
    [
        (9, "web_search", ""),
        (1, "web_search", "server_tools"),
        (9, "code_interpreter", "server_tools"),
        (9, "tool_search", ""),
    ],
)
def test_bug_36_what_codex_offers_with_every_request_binds_it_to_nobody(
    tool_count: int, kind: str, lacks: str
) -> None:
    features = structs.replace(
        scene().features,
        dialect="openai_responses",
        tool_count=tool_count,
        needs=Needs(tools=True, server_tools=(kind,)),
    )
    found = all_options(
        asked_for(OPUS, CATALOG, SETTINGS),
        access=(ANTHROPIC_ENV,),
        catalog=CATALOG,
        features=features,
        settings=structs.replace(SETTINGS, candidates=(OPUS,)),
    )
    assert [" ".join(option.lacks) for option in found] == [lacks]


DEEPSEEK = CATALOG.providers["deepseek"]
IMITATED = CATALOG.with_overrides(
    providers=[
        replace(DEEPSEEK, endpoints=(replace(DEEPSEEK.endpoints[0], is_original=False),)),
    ]
)
"""With a provider that speaks OpenAI's dialect and is not its vendor."""


@pytest.mark.parametrize(
    ("dialect", "name", "lacks"),
    [
        # Whoever serves the dialect may have it, and says so itself where not: if the client named it.
        ("openai_chat", "n", ""),
        ("openai_chat", "input_audio", ""),
        ("openai_chat", "file_id", ""),
        # Only the dialect's own vendor has it, of which this provider is none.
        ("openai_chat", "web_search_options", "server_tools"),
        ("gemini_generate", "audio", "server_tools"),
    ],
)
def test_what_binds_to_a_dialect_binds_to_nobody_of_it(
    dialect: Dialect, name: str, lacks: str
) -> None:
    features = structs.replace(scene().features, dialect=dialect, needs=Needs(server_tools=(name,)))
    for asked, expected in ((f"turnout/{BLIND}", lacks), ("turnout/auto", "server_tools")):
        found = all_options(
            asked_for(asked, IMITATED, SETTINGS),
            access=(DEEPSEEK_ENV,),
            catalog=IMITATED,
            features=features,
            settings=structs.replace(SETTINGS, candidates=(BLIND,)),
        )
        assert [" ".join(option.lacks) for option in found] == [expected]


def test_an_uploaded_file_is_asked_of_nobody_whom_the_client_has_not_named() -> None:
    needs = Needs(server_tools=("file_id",))
    features = structs.replace(scene().features, dialect="openai_chat", needs=needs)
    found = all_options(
        asked_for("turnout/auto", IMITATED, SETTINGS),
        access=(OPENAI_ENV, DEEPSEEK_ENV),
        catalog=IMITATED,
        features=features,
        settings=structs.replace(SETTINGS, candidates=(MINI, BLIND)),
    )
    lacks = {option.model.id: option.lacks for option in found}
    assert (lacks[MINI], lacks[BLIND]) == ((), ("server_tools",))


@pytest.mark.parametrize(
    ("dialect", "names", "says"),
    [
        (
            "openai_responses",
            ("previous_response_id", "code_interpreter"),
            "previous_response_id: responses are stored at OpenAI only; send the whole input."
            f" It cannot be asked of {OPUS}.",
        ),
        ("openai_responses", ("web_search", "compaction"), "input: a 'compaction' can be read"),
        (
            "openai_responses",
            ("code_interpreter",),
            "tools: only models of its own API know code_interpreter",
        ),
        ("openai_chat", ("n", "web_search_options"), "web_search_options: the search is run by"),
        ("openai_chat", ("n",), "n: only models of this API know several choices; send"),
        ("gemini_generate", ("video",), "contents: only models of this API know film"),
    ],
)
def test_what_binds_a_request_is_named(dialect: Dialect, names: tuple[str, ...], says: str) -> None:
    needs = Needs(tools=True, server_tools=names)
    features = structs.replace(scene().features, dialect=dialect, tool_count=9, needs=needs)
    asked = asked_for(OPUS, CATALOG, SETTINGS)
    found = all_options(
        asked,
        access=(ANTHROPIC_ENV,),
        catalog=CATALOG,
        features=features,
        settings=structs.replace(SETTINGS, candidates=()),
    )
    assert nobody_can(found, asked, features).message.startswith(says)


def test_one_target_for_each_way_of_paying() -> None:
    found = all_options(
        asked_for(OPUS, CATALOG, SETTINGS),
        access=(ANTHROPIC_CLIENT, ANTHROPIC_ENV, OPENAI_ENV),
        catalog=CATALOG,
        features=scene().features,
        settings=structs.replace(SETTINGS, candidates=(OPUS, "no-such-model", f"{HAIKU}-latest")),
    )
    assert [option.target for option in found] == [
        f"anthropic/{OPUS}@client",
        f"anthropic/{OPUS}@env",
        f"anthropic/{HAIKU}@client",
        f"anthropic/{HAIKU}@env",
    ]


CHEAP_BUT_FOR_READS = replace(HAIKU_PRICES, cache_read=0.6)
NO_READ_PRICE = Prices(fresh_input=1.0, output=1.0, writes_cost_fresh=True)


@pytest.mark.parametrize(
    ("mine", "ceiling", "expected"),
    [
        (SONNET_PRICES, OPUS_PRICES, True),
        (OPUS_PRICES, SONNET_PRICES, False),
        (OPUS_PRICES, OPUS_PRICES, True),
        (GPT_PRICES, OPUS_PRICES, False),
        (replace(OPUS_PRICES, cache_write_5m=7.0), OPUS_PRICES, False),
        # The cache read is most of an agent's bill.
        (CHEAP_BUT_FOR_READS, OPUS_PRICES, False),
        # Reads without a price of their own cost fresh input.
        (NO_READ_PRICE, OPUS_PRICES, False),
        (NO_READ_PRICE, NO_READ_PRICE, True),
        (Prices(), OPUS_PRICES, False),
        (OPUS_PRICES, Prices(), False),
    ],
)
def test_below_is_no_list_price_above(mine: Prices, ceiling: Prices, expected: bool) -> None:
    assert is_below(mine, ceiling) is expected


def test_the_ceiling_holds_at_the_size_of_the_prompt() -> None:
    """Each price at the size that its own model counts: 158,066 tokens of Claude's are 100,001."""
    long = LongContext(above_tokens=100_000, prices=OPUS_PRICES)
    catalog = CATALOG.with_overrides(prices={MINI: replace(HAIKU_PRICES, long_context=long)})
    for prompt, lacks in ((158_064, ()), (158_066, ("above_ceiling",))):
        inputs = scene(model=SONNET, prompt=prompt, candidates=(MINI,), access=(OPENAI_ENV,))
        found = all_options(
            asked_for(SONNET, catalog, SETTINGS),
            access=inputs.access,
            catalog=catalog,
            features=inputs.features,
            settings=inputs.settings,
        )
        assert [option.lacks for option in found] == [lacks]


@pytest.mark.parametrize("mode", ["observe", "full"])
def test_too_long_for_everybody(mode: str) -> None:
    with pytest.raises(ContextTooLong) as caught:
        decided(prompt=2_500_000, mode="full" if mode == "full" else "observe")
    assert caught.value.message == "prompt is too long: 2500000 tokens > 1000000 maximum"


def test_a_prompt_fits_by_the_tokens_of_who_would_serve_it() -> None:
    """A million and a half of Claude's tokens are less than a million of OpenAI's."""
    assert names_and_lacks("turnout/auto", prompt=1_500_000)[OPUS] == "context_window"
    inputs = scene(prompt=1_500_000, candidates=(SONNET, GPT))
    found = {
        option.model.id: option.lacks
        for option in all_options(
            asked_for(OPUS, CATALOG, SETTINGS),
            access=inputs.access,
            catalog=CATALOG,
            features=inputs.features,
            settings=inputs.settings,
        )
    }
    assert "context_window" in found[OPUS]
    assert "context_window" in found[SONNET]
    assert "context_window" not in found[GPT]


def test_the_size_that_is_too_long_is_told_in_tokens_of_the_window() -> None:
    """Who asked OpenAI's model for less than a million hears how many they are to Claude."""
    with pytest.raises(ContextTooLong) as caught:
        decided(model=GPT, prompt=990_000, access=(ANTHROPIC_ENV,), candidates=(HAIKU,))
    assert caught.value.message == "prompt is too long: 1564839 tokens > 200000 maximum"


def test_what_was_asked_for_is_too_small_only_beyond_doubt() -> None:
    """The size is an estimate, and the provider of the model knows."""
    within = decided(prompt=250_000, mode="observe", model=HAIKU)
    assert within.targets[0] == f"anthropic/{HAIKU}@env"
    assert names_and_lacks("turnout/auto", prompt=200_001)[HAIKU] == "context_window"


@pytest.mark.parametrize("model", [HAIKU, "turnout/auto"])
def test_counting_needs_no_room(model: str) -> None:
    assert decided(prompt=9_000_000, model=model, kind="token_count").targets


def test_too_long_for_what_alone_may_serve() -> None:
    with pytest.raises(ContextTooLong) as caught:
        decided(prompt=250_002, mode="observe", model=HAIKU)
    assert caught.value.message == "prompt is too long: 250002 tokens > 200000 maximum"


def test_the_window_named_is_one_that_may_serve() -> None:
    """Opus has a larger window, but it is above what was asked for."""
    with pytest.raises(ContextTooLong, match="> 200000 maximum"):
        decided(prompt=250_002, model=HAIKU, candidates=(OPUS,))


def test_no_key_says_whose_is_missing() -> None:
    with pytest.raises(Unsupported, match="No key is configured for anthropic, which serves"):
        decided(access=(OPENAI_ENV,), mode="observe")
    with pytest.raises(Unsupported, match="No key is configured for anthropic"):
        decided(access=(), mode="full", model="turnout/auto")
    with pytest.raises(Unsupported, match="No key is configured for anthropic"):
        decided(access=(OPENAI_ENV,), model="claude-fable-12")


def test_what_nobody_has_is_named() -> None:
    bound = Needs(server_tools=("mcp_servers", "x"))
    with pytest.raises(Unsupported, match=rf"^mcp_servers: .* It cannot be asked of {MINI}"):
        decided(model=f"turnout/{MINI}", needs=bound)
    with pytest.raises(Unsupported, match="^tools: only models of its own API know x{40}"):
        decided(model=f"turnout/{MINI}", needs=Needs(server_tools=("x" * 99,)))
    shell = Needs(server_tools=("shell",))
    with pytest.raises(Unsupported, match="^tools: only OpenAI's models know 'shell' of this form"):
        decided(model=f"turnout/{OPUS}", needs=shell, dialect="openai_responses")
    with pytest.raises(
        Unsupported, match=f"{BLIND} cannot serve this request .no image input, no to"
    ):
        decided(model=f"turnout/{BLIND}", needs=Needs(tools=True, images=True))
    with pytest.raises(
        Unsupported, match=r"auto may choose can serve this request \(no image input\)"
    ):
        decided(
            model="turnout/auto",
            needs=Needs(images=True),
            access=(DEEPSEEK_ENV,),
            candidates=(BLIND,),
        )


def test_access_to_an_unknown_provider_changes_nothing() -> None:
    stranger = Access("nobody", "env")
    assert decided(access=(ANTHROPIC_ENV, stranger)) == decided(access=(ANTHROPIC_ENV,))
