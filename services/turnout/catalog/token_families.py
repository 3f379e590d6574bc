"""How the tokenizers of model families differ, as far as it is known: measured figures and sources.

Rules of this module: constants and pure text; a figure is a measurement with its error and its
counts, or there is none and the error is None, never a guess between. A count made with these is an
estimate: only the provider's own is exact.

Families with threads are printed by `python -m turnout.learn.token_ratios DATA`, from traffic; those
with files by `python -m turnout.learn.vocabulary_ratios`, from vocabularies that packages carry. Both
say how they measure. `vocabulary` is one that the tokenizer library has: tiktoken names o200k_base for
OpenAI's models from gpt-4o on, Qwen publishes its own. Of Kimi and GLM no package carries one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from turnout.catalog.names import vendor_of

Vocabulary: TypeAlias = Literal["o200k_base", "qwen3.5"]
"""By the names of the tokenizer library."""

Family: TypeAlias = Literal[
    "claude",
    "claude-4.7",
    "gpt-5",
    "gemini",
    "deepseek",
    "kimi",
    "glm",
    "qwen",
    "mistral",
    "llama",
    "unknown",
]
"""Models with one tokenizer. `gpt-5` is every model of OpenAI's; `claude-4.7` has Anthropic's newer
tokenizer: "Claude Opus 4.7 and later Opus models, Claude Fable 5, Claude Mythos 5, Claude Mythos
Preview, and Claude Sonnet 5 [...] approximately 30 percent more tokens than on earlier models"
(platform.claude.com/docs/en/build-with-claude/token-counting). Haiku 5 is taken to be like them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPixels:
    """An image costs a token for so many pixels, once it is shrunk to the long edge."""

    pixels_per_token: int
    long_edge: int
    most_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTiles:
    """An image is cut into squares once it is shrunk.

    Attributes:
        edge: of a square.
        base_tokens: of any image, and all of one that is looked at in low detail; 0 where the family
            knows neither.
        long_edge, short_edge: what is shrunk to fit; None for nothing.
    """

    edge: int
    tile_tokens: int
    base_tokens: int = 0
    long_edge: int | None = None
    short_edge: int | None = None


OLDER_CLAUDE_IMAGES: Final = ByPixels(pixels_per_token=750, long_edge=1_568, most_tokens=1_600)
CLAUDE_IMAGES: Final = ByPixels(pixels_per_token=750, long_edge=2_576, most_tokens=4_784)
"""platform.claude.com, images and vision; the second from Opus 4.7 on, which reads 3.75 megapixels."""

GPT_IMAGES: Final = ByTiles(
    edge=512, tile_tokens=140, base_tokens=70, long_edge=2_048, short_edge=768
)
"""platform.openai.com, images and vision, gpt-5."""

GEMINI_IMAGES: Final = ByTiles(edge=768, tile_tokens=258)
"""ai.google.dev, understand and count tokens."""

CLAUDE_TOOLS_TOKENS: Final = 346
"""Anthropic's own system prompt for tools, in front of those of the client (platform.claude.com,
tool use, pricing: auto and none, Claude 4 models)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFigures:
    """One family.

    Attributes:
        ratio: the family's tokens for one token of `vocabulary`.
        bytes_per_token: of a prompt as JSON, for estimates without a tokenizer.
        median_error, p90_error: as a share of the real count; None when nothing is measured. With
            threads: of the growth of held-out threads as characters foretell it, which holds how
            much texts differ from one another as well. With files: of a held-out file as its tokens
            of `vocabulary` foretell it, which holds nothing that a provider puts around texts.
        threads, calls, files: what the figures are fitted on.
        images: what one costs; of vendors without a rule of their own Anthropic's older one is taken.
        tools_tokens: what the provider puts in front of the tools of a request that has any.

    """

    vocabulary: Vocabulary = "o200k_base"
    ratio: float = 1.0
    bytes_per_token: float = 3.6
    median_error: float | None = None
    p90_error: float | None = None
    threads: int = 0
    calls: int = 0
    files: int = 0
    images: ByPixels | ByTiles = OLDER_CLAUDE_IMAGES
    tools_tokens: int = 0


NAMES_KEPT: Final = 1_024
"""Models of the catalog, and names that clients make up."""

UNKNOWN: Final = TokenFigures()
"""Counted by the vocabulary of OpenAI's models as it is; 3.6 bytes of JSON make a token of it on
agent traffic."""

FIGURES: Final[Mapping[Family, TokenFigures]] = MappingProxyType(
    {
        "claude": TokenFigures(
            ratio=1.20,
            bytes_per_token=3.27,
            median_error=0.050,
            p90_error=0.151,
            threads=33,
            calls=989,
            tools_tokens=CLAUDE_TOOLS_TOKENS,
        ),
        "claude-4.7": TokenFigures(
            ratio=1.58,
            bytes_per_token=2.48,
            median_error=0.064,
            p90_error=0.197,
            threads=35,
            calls=3569,
            images=CLAUDE_IMAGES,
            tools_tokens=CLAUDE_TOOLS_TOKENS,
        ),
        "gpt-5": TokenFigures(
            bytes_per_token=3.92,
            median_error=0.096,
            p90_error=0.164,
            threads=71,
            calls=4948,
            images=GPT_IMAGES,
        ),
        # Gemma 3's vocabulary, by which google-genai counts Gemini 2.0 to 3 Flash Preview; it counts
        # later ones by Gemma 4's, which no package carries.
        "gemini": TokenFigures(
            ratio=1.22,
            bytes_per_token=3.23,
            median_error=0.037,
            p90_error=0.090,
            files=1200,
            images=GEMINI_IMAGES,
        ),
        # V3's and V4's, which agree.
        "deepseek": TokenFigures(
            ratio=1.01, bytes_per_token=3.89, median_error=0.045, p90_error=0.081, files=1200
        ),
        "kimi": UNKNOWN,
        "glm": UNKNOWN,
        # Its own vocabulary, so no ratio; on source files a token of it is 0.92 of the other's.
        "qwen": TokenFigures(vocabulary="qwen3.5", bytes_per_token=3.61),
        # Tekken, of Mistral's models from Nemo on.
        "mistral": TokenFigures(
            ratio=1.14, bytes_per_token=3.44, median_error=0.060, p90_error=0.107, files=1200
        ),
        # Llama 3's; Llama 4 has another one, which no package carries.
        "llama": TokenFigures(
            ratio=0.99, bytes_per_token=3.95, median_error=0.006, p90_error=0.017, files=1200
        ),
        "unknown": UNKNOWN,
    }
)

_CLAUDE: Final = re.compile(r"^.*\.claude-")

_NEWER_CLAUDE: Final = re.compile(
    r"claude-(opus-(4-[789]|[5-9])|(sonnet|haiku)-[5-9]|fable|mythos)"
)
_LLAMA: Final = re.compile(r"(meta-)?llama")
"""Of a vendor that the catalog has not."""

_OF_VENDORS: Final[Mapping[str | None, Family]] = MappingProxyType(
    {
        "anthropic": "claude",
        "openai": "gpt-5",
        "gcp.gemini": "gemini",
        "deepseek": "deepseek",
        "moonshot_ai": "kimi",
        "z_ai": "glm",
        "alibaba": "qwen",
        "mistral_ai": "mistral",
    }
)
"""Vendors whose models have one tokenizer, and the older one of Anthropic's two."""


@lru_cache(maxsize=NAMES_KEPT)
def family_of(name: str) -> Family:
    """The family of a model by its name, known to the catalog or not."""
    # Bedrock writes anthropic.claude-opus-4-7, with a region in front of it too.
    bare = _CLAUDE.sub("claude-", name.strip().lower().rpartition("/")[2])
    if bare.startswith("claude-"):
        # OpenRouter writes claude-opus-4.7 where Anthropic writes claude-opus-4-7.
        bare = bare.replace(".", "-")
    if _NEWER_CLAUDE.match(bare):
        return "claude-4.7"
    if _LLAMA.match(bare):
        return "llama"
    return _OF_VENDORS.get(vendor_of(bare), "unknown")


def figures_of(name: str) -> TokenFigures:
    return FIGURES[family_of(name)]


def family_share(*, counted_for: Family, family: Family) -> float:
    """How many tokens of one family a token of another is."""
    return FIGURES[counted_for].bytes_per_token / FIGURES[family].bytes_per_token


def token_share(*, counted_for: str, model: str) -> float:
    """How many tokens of one model a token is that was counted for another."""
    return family_share(counted_for=family_of(counted_for), family=family_of(model))


def in_tokens_of(tokens: int, *, counted_for: str, model: str) -> int:
    """Tokens estimated from bytes for one model as another one would count them; never 0."""
    return max(1, round(tokens * token_share(counted_for=counted_for, model=model)))
