"""Turns LiteLLM's public price map into our snapshot.

Rules of this module: pure and deterministic (the same map gives the same bytes); only models that
coding agents use are taken, and only from the vendor that makes them, so that a name means one
model; what the map does not say stays unknown.

Two of the map's habits need translating. It prices tokens singly, we by the million. And at
providers that cache by themselves it gives no write price or 0.0, meaning "no charge for storing":
the missed tokens are still billed as fresh input, so both become `writes_cost_fresh`.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

import msgspec

from turnout.capabilities import Capabilities
from turnout.catalog.models import LongContext, Model, Prices, Provider
from turnout.catalog.names import DATE_SUFFIX
from turnout.catalog.providers import PROVIDERS
from turnout.catalog.snapshot import encode_snapshot
from turnout.errors import InvalidRequest

SOURCE = (
    "Prices, windows and capabilities: model_prices_and_context_window.json of LiteLLM"
    " (https://github.com/BerriAI/litellm), Copyright 2023 Berri AI, MIT licence."
    " Providers and cache terms: Turnout."
)

LONG_CONTEXT_TOKENS = 200_000
"""The line in the names of the map's `..._above_200k_tokens` fields."""

PRICE_DIGITS = 9
"""Decimals of a price per million that are kept; drops the noise of the multiplication."""

RELEASE_DATES: dict[str, date] = {
    "claude-fable-5": date(2026, 6, 9),
    "claude-opus-4-8": date(2026, 5, 28),
    "claude-sonnet-4-6": date(2026, 2, 17),
    "deepseek-v3.2": date(2025, 12, 1),
    "deepseek-v4-pro": date(2026, 4, 24),
    "gemini-3.5-flash": date(2026, 5, 19),
    "glm-4.7": date(2025, 12, 22),
    "glm-5": date(2026, 2, 11),
    "glm-5.1": date(2026, 4, 7),
    "gpt-5.2-codex": date(2025, 12, 18),
    "kimi-k2.5": date(2026, 1, 27),
    "kimi-k2.6": date(2026, 4, 20),
    "MiniMax-M2.1": date(2025, 12, 23),
    "MiniMax-M2.5": date(2026, 2, 11),
    "MiniMax-M3": date(2026, 6, 1),
}
"""Announced dates of models whose names carry none."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which names of the map are one provider's models for agents.

    `map_provider` is the map's `litellm_provider`; `prefix` is cut from the name.
    """

    provider: str
    map_provider: str
    prefix: str
    wanted: re.Pattern[str]


SELECTIONS: tuple[Selection, ...] = (
    Selection(
        "anthropic", "anthropic", "", re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-")
    ),
    Selection(
        "openai",
        "openai",
        "",
        # Audio, search, research and chat-latest variants are not what agents call.
        re.compile(
            r"(gpt-(4\.1|4o|5|6)(\.\d+)?|o3|o4)(-(mini|nano|pro|codex|max|sol|luna|terra|astra))*"
            r"(-\d{4}-\d{2}-\d{2})?$"
        ),
    ),
    Selection(
        "gcp.gemini",
        "gemini",
        "gemini/",
        re.compile(r"gemini-(\d(\.\d)?-(pro|flash|flash-lite|argon)(-preview)?|[a-z-]+-latest)$"),
    ),
    Selection("deepseek", "deepseek", "deepseek/", re.compile(r"deepseek-")),
    Selection("moonshot_ai", "moonshot", "moonshot/", re.compile(r"kimi-")),
    Selection(
        "x_ai",
        "xai",
        "xai/",
        re.compile(r"grok-(\d\.\d+(-latest)?|build-.+|code-fast(-1)?)$"),
    ),
    Selection(
        "mistral_ai",
        "mistral",
        "mistral/",
        re.compile(r"(codestral|devstral|magistral|mistral-(large|medium|small))(-|$)"),
    ),
    Selection("z_ai", "zai", "zai/", re.compile(r"glm-(4\.[5-9]|5)")),
    Selection("minimax", "minimax", "minimax/", re.compile(r"MiniMax-M")),
    Selection("alibaba", "dashscope", "dashscope/", re.compile(r"qw(en|q)")),
)


class MapRow(msgspec.Struct, frozen=True):
    """The fields of a row of the map that we read; prices are USD per token."""

    litellm_provider: str = ""
    mode: str = ""
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    cache_read_input_token_cost: float | None = None
    cache_creation_input_token_cost: float | None = None
    cache_creation_input_token_cost_above_1hr: float | None = None
    input_cost_per_token_above_200k_tokens: float | None = None
    output_cost_per_token_above_200k_tokens: float | None = None
    cache_read_input_token_cost_above_200k_tokens: float | None = None
    deprecation_date: str | None = None
    supports_function_calling: bool = False
    supports_pdf_input: bool = False
    supports_prompt_caching: bool = False
    supports_reasoning: bool = False
    supports_response_schema: bool = False
    supports_vision: bool = False


def from_price_map(data: bytes) -> bytes:
    """The snapshot that a copy of the price map gives.

    Raises `InvalidRequest` when the bytes are no such map or hold none of our models.
    """
    rows = _rows(data)
    models: list[Model] = []
    for selection in SELECTIONS:
        provider = next(p for p in PROVIDERS if p.name == selection.provider)
        found: dict[str, Model] = {}
        for key, raw in rows.items():
            name = key.removeprefix(selection.prefix)
            if not key.startswith(selection.prefix) or not selection.wanted.match(name):
                continue
            row = _row(key, raw)
            if row.litellm_provider == selection.map_provider and row.mode in {"chat", "responses"}:
                found[name] = _model(name, row, provider)
        models.extend(_fold_dated(found))
    if not models:
        raise InvalidRequest("The price map holds no model that the catalog knows how to take.")
    return encode_snapshot(
        source=SOURCE,
        # Those without a model here serve what a user's file adds.
        providers=PROVIDERS,
        models=tuple(models),
    )


def _rows(data: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"The price map is not an object of models: {error}.") from error


def _row(key: str, raw: msgspec.Raw) -> MapRow:
    try:
        return msgspec.json.decode(raw, type=MapRow)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"The price map's entry for {key} cannot be read: {error}.") from error


def _model(name: str, row: MapRow, provider: Provider) -> Model:
    return Model(
        id=name,
        provider=provider.name,
        upstream_name=name,
        dialects=("openai_responses",) if row.mode == "responses" else (),
        prices=_prices(row, provider),
        capabilities=Capabilities(
            context_tokens=row.max_input_tokens,
            max_output_tokens=row.max_output_tokens,
            tools=row.supports_function_calling,
            images=row.supports_vision,
            documents=row.supports_pdf_input,
            structured_output=row.supports_response_schema,
            thinking=row.supports_reasoning,
            prompt_caching=(
                row.supports_prompt_caching or row.cache_read_input_token_cost is not None
            ),
        ),
        release_date=RELEASE_DATES.get(name) or date_in_name(name),
        retirement_date=_iso_date(row.deprecation_date),
    )


def _prices(row: MapRow, provider: Provider) -> Prices:
    write = row.cache_creation_input_token_cost
    automatic = provider.cache.kind != "explicit"
    as_fresh = automatic and not write
    base = Prices(
        fresh_input=_per_million(row.input_cost_per_token),
        cache_read=_per_million(row.cache_read_input_token_cost),
        cache_write_5m=None if automatic else _per_million(write),
        cache_write_1h=(
            None if automatic else _per_million(row.cache_creation_input_token_cost_above_1hr)
        ),
        cache_write_other=_per_million(write) if automatic and not as_fresh else None,
        output=_per_million(row.output_cost_per_token),
        writes_cost_fresh=as_fresh,
    )
    if row.input_cost_per_token_above_200k_tokens is None:
        return base
    return replace(
        base,
        long_context=LongContext(
            above_tokens=LONG_CONTEXT_TOKENS,
            prices=Prices(
                fresh_input=_per_million(row.input_cost_per_token_above_200k_tokens),
                cache_read=_per_million(row.cache_read_input_token_cost_above_200k_tokens),
                output=_per_million(row.output_cost_per_token_above_200k_tokens),
                writes_cost_fresh=as_fresh,
            ),
        ),
    )


def _fold_dated(found: dict[str, Model]) -> list[Model]:
    """A dated name becomes an alias of the undated one where both have the same prices."""
    kept = dict(found)
    for name, model in sorted(found.items()):
        plain = DATE_SUFFIX.sub("", name)
        whole = kept.get(plain)
        if plain == name or whole is None or whole.prices != model.prices:
            continue
        del kept[name]
        kept[plain] = replace(
            whole,
            aliases=(*whole.aliases, name),
            release_date=whole.release_date or model.release_date,
        )
    return list(kept.values())


def _per_million(price: float | None) -> float | None:
    return None if price is None else round(price * 1_000_000, PRICE_DIGITS)


def date_in_name(name: str) -> date | None:
    """The release date that a vendor has written into a model's name."""
    found = DATE_SUFFIX.search(name)
    return None if found is None else _iso_date("-".join(found.groups()))


def _iso_date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
