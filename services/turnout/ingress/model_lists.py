"""Lists of models, in the shape of whoever asks: Anthropic's, OpenAI's, Gemini's, Codex's.

Rules of this module: pure; a figure that the catalog does not have is null or left out, never made
up; `turnout/auto` is first. Dates are those of the catalog, and the epoch where it has none, which
Anthropic documents for a release date that is not known.

Codex gets a list without models. A list with one that it may show replaces the catalog that it
ships with (openai/codex, models manager, `merge_remote_models`), and with it the instructions, which
stand there and which we do not have: it would go on with none. Without one it keeps its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never
from urllib.parse import parse_qs

import msgspec

from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Model
from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest, TurnoutError, UnknownModel
from turnout.ingress.paths import speaks_at
from turnout.policy.decision import Access
from turnout.policy.targets import AUTO, PREFIX

Shape: TypeAlias = Literal["anthropic", "openai", "gemini", "codex"]

JsonObject: TypeAlias = dict[str, object]

GEMINI_PREFIX: Final = "models/"
GEMINI_METHODS: Final = ("generateContent", "countTokens")
"""What ai.google.dev lists of the methods that we serve; streaming goes without saying there."""

MOST_IN_PAGE: Final = 1000
"""Anthropic's and Google's."""

GEMINI_PAGE: Final = 50
"""Google's default. Anthropic's is 20; clients that name no limit get all, as they then page."""


class Asked(NamedTuple):
    """What of a request decides about its answer; `query` has the last value of each name."""

    shape: Shape
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as it is listed; `model` is None for `turnout/auto`."""

    name: str
    model: Model | None


def asked_by(*, path: str, query: str, headers: Mapping[str, str]) -> Asked:
    """In whose shape to answer: Codex names its version, the others speak a dialect."""
    told = {name: values[-1] for name, values in parse_qs(query).items()}
    match speaks_at(path, query, headers):
        case "gemini_generate":
            return Asked("gemini", told)
        case "anthropic_messages":
            return Asked("anthropic", told)
        case "openai_chat" | "openai_responses":
            return Asked("codex" if "client_version" in told else "openai", told)


def dialect_of(shape: Shape) -> Dialect:
    """Whose credentials come with such a request, and whose errors it understands."""
    match shape:
        case "anthropic":
            return "anthropic_messages"
        case "gemini":
            return "gemini_generate"
        case "openai" | "codex":
            return "openai_chat"


def listed_for(catalog: Catalog, access: Sequence[Access]) -> list[Listed]:
    """What a caller can be served by."""
    providers = {way.provider for way in access}
    served = [
        Listed(model.id, model) for model in catalog.models.values() if model.provider in providers
    ]
    return [Listed(AUTO, None), *sorted(served, key=lambda one: one.name)]


def encode_list(asked: Asked, listed: Sequence[Listed], *, today: date) -> bytes:
    """The answer to a list. Raises `InvalidRequest` naming the query field that is wrong."""
    match asked.shape:
        case "anthropic":
            return _json(_anthropic_page(asked.query, listed, today=today))
        case "openai":
            return _json({"object": "list", "data": [_openai(one) for one in listed]})
        case "gemini":
            return _json(_gemini_page(asked.query, listed))
        case "codex":
            return _json({"models": []})
        case _:
            assert_never(asked.shape)


def encode_model(
    asked: Asked, name: str, listed: Sequence[Listed], *, catalog: Catalog, today: date
) -> bytes:
    """The answer about one model, by any name that it has. Raises `UnknownModel`."""
    bare = name.removeprefix(GEMINI_PREFIX) if asked.shape == "gemini" else name
    model = catalog.resolve(bare.removeprefix(PREFIX))
    known = AUTO if bare == AUTO else "" if model is None else model.id
    one = next((one for one in listed if one.name == known), None)
    if one is None:
        raise UnknownModel(
            f"No model named {bare[:200]!r} can be served to you; the list of models has those that"
            " can."
        )
    match asked.shape:
        case "anthropic":
            return _json(_anthropic(one, today=today))
        case "openai" | "codex":
            return _json(_openai(one))
        case "gemini":
            return _json(_gemini(one))
        case _:
            assert_never(asked.shape)


def encode_error(asked: Asked, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
    """An error in the shape of whoever asks."""
    return DIALECTS[dialect_of(asked.shape)].encode_error(error, request_id=request_id)


# -- Anthropic: anthropic.types.ModelInfo ------------------------------------------------------


def _anthropic_page(
    query: Mapping[str, str], listed: Sequence[Listed], *, today: date
) -> JsonObject:
    """The page after or before a model, which need not be in it."""
    limit = _number(query, "limit", default=MOST_IN_PAGE)
    names = [one.name for one in listed]
    if "before_id" in query:
        end = _place(names, query, "before_id")
        start = max(0, end - limit)
        page, has_more = listed[start:end], start > 0
    else:
        start = _place(names, query, "after_id") + 1 if "after_id" in query else 0
        page, has_more = listed[start : start + limit], start + limit < len(listed)
    return {
        "data": [_anthropic(one, today=today) for one in page],
        "has_more": has_more,
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
    }


def _anthropic(one: Listed, *, today: date) -> JsonObject:
    has = None if one.model is None else one.model.capabilities
    retires = None if one.model is None else one.model.retirement_date
    lifecycle = "active" if retires is None else "deprecated" if retires > today else "retired"
    return {
        "type": "model",
        "id": one.name,
        "display_name": display_name(one.name),
        "created_at": _rfc3339(_released(one)),
        "lifecycle": lifecycle,
        "deprecated_at": None,
        "retires_at": None if retires is None else _rfc3339(_midnight(retires)),
        "line": _line(one.name),
        "max_input_tokens": None if has is None else has.context_tokens,
        "max_tokens": None if has is None else has.max_output_tokens,
        "capabilities": _anthropic_capabilities(one),
    }


_LINE: Final = re.compile(r"claude-(haiku|sonnet|opus|fable|mythos)\b")


def _line(name: str) -> str | None:
    found = _LINE.match(name)
    return None if found is None else found[1]


def _anthropic_capabilities(one: Listed) -> JsonObject | None:
    """What translation offers. Of a model that is served as it is, only its vendor knows."""
    model = one.model
    if model is None or model.provider == "anthropic":
        return None
    has = model.capabilities
    no, thinks = _support(is_there=False), _support(is_there=has.thinking)
    return {
        "batch": no,
        "citations": no,
        "code_execution": no,
        "context_management": {"supported": False},
        "effort": {
            "supported": has.thinking,
            **dict.fromkeys(("low", "medium", "high", "xhigh", "max"), thinks),
        },
        "image_input": _support(is_there=has.images),
        "pdf_input": _support(is_there=has.documents),
        "server_tools": {"supported": False, "code_execution": no, "web_search": no},
        "structured_outputs": _support(is_there=has.structured_output),
        "thinking": {
            "supported": has.thinking,
            "types": {
                "adaptive": thinks,
                "between_tools": no,
                "disabled": _support(is_there=True),
                "enabled": thinks,
            },
        },
    }


def _support(*, is_there: bool) -> JsonObject:
    return {"supported": is_there}


# -- OpenAI: openai.types.Model ----------------------------------------------------------------


def _openai(one: Listed) -> JsonObject:
    retires = None if one.model is None else one.model.retirement_date
    return {
        "id": one.name,
        "object": "model",
        "created": int(_released(one).timestamp()),
        "owned_by": "turnout" if one.model is None else one.model.provider,
        "shutdown_date": None if retires is None else retires.isoformat(),
    }


# -- Gemini: ai.google.dev/api/models ----------------------------------------------------------


def _gemini_page(query: Mapping[str, str], listed: Sequence[Listed]) -> JsonObject:
    """`pageToken` is the last model of the page before."""
    limit = _number(query, "pageSize", default=GEMINI_PAGE)
    names = [one.name for one in listed]
    start = _place(names, query, "pageToken") + 1 if query.get("pageToken") else 0
    page = listed[start : start + limit]
    told: JsonObject = {"models": [_gemini(one) for one in page]}
    if start + limit < len(listed):
        told["nextPageToken"] = page[-1].name
    return told


def _gemini(one: Listed) -> JsonObject:
    told: JsonObject = {
        "name": GEMINI_PREFIX + one.name,
        "baseModelId": one.name,
        "displayName": display_name(one.name),
        "supportedGenerationMethods": GEMINI_METHODS,
    }
    if one.model is not None:
        has = one.model.capabilities
        told["thinking"] = has.thinking
        if has.context_tokens is not None:
            told["inputTokenLimit"] = has.context_tokens
        if has.max_output_tokens is not None:
            told["outputTokenLimit"] = has.max_output_tokens
    return told


# -- names, dates, queries ---------------------------------------------------------------------

_SPELLINGS: Final[Mapping[str, str]] = {
    "deepseek": "DeepSeek",
    "glm": "GLM",
    "gpt": "GPT",
    "minimax": "MiniMax",
    "qwq": "QwQ",
}
_VERSION: Final = re.compile(r"(?<=-)(\d{1,2})-(\d{1,2})(?=-|$)")
_O_SERIES: Final = re.compile(r"o\d")


def display_name(name: str) -> str:
    """A model's name as people write it: claude-opus-4-5 is Claude Opus 4.5, gpt-5.5 is GPT-5.5."""
    words = re.split(r"[-/]", _VERSION.sub(r"\1.\2", name))
    spelt = " ".join(_spelt(word) for word in words)
    # OpenAI's and Zhipu's versions hang on the name.
    return re.sub(r"\b(GPT|GLM) (?=\d)", r"\1-", spelt)


def _spelt(word: str) -> str:
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    return word if _O_SERIES.match(word) else word[:1].upper() + word[1:]


def _released(one: Listed) -> datetime:
    released = None if one.model is None else one.model.release_date
    return datetime.fromtimestamp(0, UTC) if released is None else _midnight(released)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(query: Mapping[str, str], name: str, *, default: int) -> int:
    told = query.get(name, "")
    if not told:
        return default
    if not (told.isascii() and told.isdigit() and 1 <= int(told[:9]) <= MOST_IN_PAGE):
        raise InvalidRequest(f"{name}: must be a number from 1 to {MOST_IN_PAGE}.")
    return int(told)


def _place(names: Sequence[str], query: Mapping[str, str], field: str) -> int:
    try:
        return names.index(query[field])
    except ValueError:
        raise InvalidRequest(f"{field}: names no model of this list.") from None


def _json(value: JsonObject) -> bytes:
    return msgspec.json.encode(value)
