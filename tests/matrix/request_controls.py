"""What a request asks of the answer: limits, sampling, thinking, form, and words about the client."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.matrix.declared import ALL, Feature, Json, Side, silent
from tests.matrix.request_tools import TWO
from turnout.capabilities import Dialect

Path = tuple[str, ...]


def at(path: Path) -> Callable[[Json], object]:
    """What stands there; None where nothing does."""

    def reads(body: Json) -> object:
        found: Any = body
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return reads


def put(path: Path, value: object) -> Json:
    for name in reversed(path):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def fields(
    value: object,
    places: Mapping[Dialect, str],
    *,
    why: str,
    also: Mapping[Dialect, Json] | None = None,
) -> dict[Dialect, Side]:
    """One value in a field of its own; places as `a.b`."""
    return {
        dialect: (
            Side(put(path, value) | (also or {}).get(dialect, {}), at(path))
            if (path := tuple(filter(None, places.get(dialect, "").split("."))))
            else silent(why)
        )
        for dialect in ALL
    }


MAX_OUTPUT = Feature(
    "max_output",
    "most output tokens",
    777,
    fields(
        777,
        {
            "anthropic_messages": "max_tokens",
            "openai_chat": "max_completion_tokens",
            "openai_responses": "max_output_tokens",
            "gemini_generate": "generationConfig.maxOutputTokens",
        },
        why="",
    ),
)

STOPS = Feature(
    "stop_sequences",
    "stop sequences",
    ["END", "###"],
    fields(
        ["END", "###"],
        {
            "anthropic_messages": "stop_sequences",
            "openai_chat": "stop",
            "gemini_generate": "generationConfig.stopSequences",
        },
        why="Responses has no such field; the answer is cut at the sequence instead (see below)",
    ),
    model="tuned",
)

_NO_SAMPLING = "has no such parameter"


def _sampling(name: str, title: str, value: float, places: Mapping[Dialect, str]) -> Feature:
    return Feature(name, title, value, fields(value, places, why=_NO_SAMPLING), model="tuned")


SAMPLING = (
    _sampling(
        "temperature",
        "temperature",
        0.25,
        {
            "anthropic_messages": "temperature",
            "openai_chat": "temperature",
            "openai_responses": "temperature",
            "gemini_generate": "generationConfig.temperature",
        },
    ),
    _sampling(
        "top_p",
        "top_p",
        0.75,
        {
            "anthropic_messages": "top_p",
            "openai_chat": "top_p",
            "openai_responses": "top_p",
            "gemini_generate": "generationConfig.topP",
        },
    ),
    _sampling(
        "top_k",
        "top_k",
        40,
        {"anthropic_messages": "top_k", "gemini_generate": "generationConfig.topK"},
    ),
    _sampling(
        "seed", "seed", 7, {"openai_chat": "seed", "gemini_generate": "generationConfig.seed"}
    ),
    _sampling(
        "presence_penalty",
        "presence penalty",
        0.5,
        {
            "openai_chat": "presence_penalty",
            "gemini_generate": "generationConfig.presencePenalty",
        },
    ),
    _sampling(
        "frequency_penalty",
        "frequency penalty",
        0.5,
        {
            "openai_chat": "frequency_penalty",
            "gemini_generate": "generationConfig.frequencyPenalty",
        },
    ),
)

LOGPROBS = Feature(
    "logprobs_asked",
    "log probabilities asked for",
    3,
    {
        "anthropic_messages": silent("Anthropic gives none"),
        "openai_chat": Side(
            {"logprobs": True, "top_logprobs": 3},
            lambda body: body["logprobs"] and body["top_logprobs"],
        ),
        "openai_responses": Side(
            {"top_logprobs": 3, "include": ["message.output_text.logprobs"]},
            lambda body: "message.output_text.logprobs" in body["include"] and body["top_logprobs"],
        ),
        "gemini_generate": Side(
            {"generationConfig": {"responseLogprobs": True, "logprobs": 3}},
            lambda body: (
                body["generationConfig"]["responseLogprobs"]
                and body["generationConfig"]["logprobs"]
            ),
        ),
    },
    model="tuned",
)

VERBOSITY = Feature(
    "verbosity",
    "verbosity",
    "low",
    fields(
        "low",
        {"openai_chat": "verbosity", "openai_responses": "text.verbosity"},
        why="has no word for it",
    ),
)

_TIERS = "tiers are what one vendor sells"
TIER = Feature(
    "service_tier",
    "service tier",
    "priority",
    {
        "anthropic_messages": Side(
            {"service_tier": "standard_only"}, at(("service_tier",)), differs=True
        ),
        "openai_chat": Side({"service_tier": "priority"}, at(("service_tier",))),
        "openai_responses": Side({"service_tier": "priority"}, at(("service_tier",))),
        "gemini_generate": Side({"serviceTier": "flex"}, at(("serviceTier",)), differs=True),
    },
    own_words=_TIERS,
)

_IDS = "Claude Code's id holds its device and account, which are Anthropic's business"
USER = Feature(
    "user",
    "user id",
    "user-1",
    {
        "anthropic_messages": Side(
            {"metadata": {"user_id": "user-1"}}, at(("metadata", "user_id"))
        ),
        "openai_chat": Side({"user": "user-1"}, at(("user",))),
        "openai_responses": Side({"user": "user-1"}, at(("user",))),
        "gemini_generate": silent("Gemini has no such field"),
    },
    own_words=_IDS,
    carried=frozenset(
        {("openai_chat", "anthropic_messages"), ("openai_responses", "anthropic_messages")}
    ),
)

METADATA = Feature(
    "metadata",
    "metadata",
    {"job": "7"},
    {
        "anthropic_messages": silent("Anthropic takes a user id and nothing else"),
        "openai_chat": Side({"metadata": {"job": "7"}}, at(("metadata",))),
        "openai_responses": Side({"metadata": {"job": "7"}}, at(("metadata",))),
        "gemini_generate": Side({"labels": {"job": "7"}}, at(("labels",))),
    },
    own_words="labels are Google's; chat takes metadata with what is stored, and nothing is",
    alike=frozenset(),
    carried=frozenset({("openai_chat", "openai_responses")}),
)

CACHE_KEY = Feature(
    "prompt_cache_key",
    "prompt cache key",
    "thread-7",
    fields(
        "thread-7",
        {"openai_chat": "prompt_cache_key", "openai_responses": "prompt_cache_key"},
        why="caches by prefix alone",
    ),
)


def _lifetimes(found: object) -> set[str]:
    """Of every cache marker in a body."""
    match found:
        case {"cache_control": marker, **rest}:
            assert isinstance(marker, dict)
            return {marker.get("ttl", "5m")} | _lifetimes(rest)
        case dict():
            return set().union(*(_lifetimes(one) for one in found.values()))
        case list():
            return set().union(*(_lifetimes(one) for one in found))
        case _:
            return set()


_HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
_AUTOMATIC = "caches by itself and takes no markers"

CACHE_MARKS = Feature(
    "cache_marks",
    "cache markers and their lifetimes",
    {"1h"},
    {
        "anthropic_messages": Side(
            {"system": [{"type": "text", "text": "Be brief."} | _HOUR]}, _lifetimes
        ),
        # Not OpenAI's: OpenRouter's and LiteLLM's clients write it.
        "openai_chat": Side(
            {
                "messages": [
                    {"role": "system", "content": [{"type": "text", "text": "x"} | _HOUR]},
                    {"role": "user", "content": "go"},
                ]
            },
            _lifetimes,
            why=_AUTOMATIC,
            own_only=True,
        ),
        "openai_responses": silent(_AUTOMATIC),
        "gemini_generate": silent(_AUTOMATIC),
    },
)

CACHE_PLACED = Feature(
    "cache_placed",
    "a prefix that is cached although the client set no marker",
    {"5m"},
    {
        "anthropic_messages": Side(None, _lifetimes, why="sets markers itself"),
        **{
            dialect: Side(TWO[dialect], None, why="caches by itself")
            for dialect in ALL
            if dialect != "anthropic_messages"
        },
    },
)

CONTROLS: tuple[Feature, ...] = (
    MAX_OUTPUT,
    STOPS,
    *SAMPLING,
    LOGPROBS,
    VERBOSITY,
    TIER,
    USER,
    METADATA,
    CACHE_MARKS,
    CACHE_PLACED,
    CACHE_KEY,
)
