"""How the tokenizers of model families differ, as far as it is known: measured figures and sources.

Rules of this module: constants and pure text; a figure is a measurement with its error and its
counts, or there is none and the error is None, never a guess between. A count made with these is an
estimate: only the provider's own is exact.

The figures are printed by `python -m turnout.learn.token_ratios DATA`, which also says how they are
fitted. `vocabulary` is a published one: tiktoken names o200k_base for OpenAI's models from gpt-4o
on, Qwen publishes its own. Of the others none is published or carried by a kept package.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
class TokenFigures:
    """One family.

    Attributes:
        ratio: the family's tokens for one token of `vocabulary`.
        bytes_per_token: of a prompt as JSON, for estimates without a tokenizer.
        median_error, p90_error: of the growth of held-out threads as characters foretell it, as a
            share of the real one; None when nothing is measured. They hold how much texts differ
            from one another as well, which counting by a vocabulary does not leave in.
        threads, calls: what the figures are fitted on.

    """

    vocabulary: Vocabulary = "o200k_base"
    ratio: float = 1.0
    bytes_per_token: float = 3.6
    median_error: float | None = None
    p90_error: float | None = None
    threads: int = 0
    calls: int = 0


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
        ),
        "claude-4.7": TokenFigures(
            ratio=1.58,
            bytes_per_token=2.48,
            median_error=0.064,
            p90_error=0.197,
            threads=35,
            calls=3569,
        ),
        "gpt-5": TokenFigures(
            bytes_per_token=3.92, median_error=0.096, p90_error=0.164, threads=71, calls=4948
        ),
        "gemini": UNKNOWN,
        "deepseek": UNKNOWN,
        "kimi": UNKNOWN,
        "glm": UNKNOWN,
        # Its own vocabulary, so no ratio; on source files a token of it is 0.92 of the other's.
        "qwen": TokenFigures(vocabulary="qwen3.5", bytes_per_token=3.61),
        "mistral": UNKNOWN,
        "llama": UNKNOWN,
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


def in_tokens_of(tokens: int, *, counted_for: str, model: str) -> int:
    """Tokens estimated from bytes for one model as another one would count them; never 0."""
    share = figures_of(counted_for).bytes_per_token / figures_of(model).bytes_per_token
    return max(1, round(tokens * share))
