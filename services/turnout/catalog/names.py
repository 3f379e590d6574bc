"""What a model name can mean: the spellings clients use for the names that the catalog has.

Rules of this module: pure text; a name is only ever made plainer (prefix off, suffix off, date
off), so that two different models are never taken for one another.
"""

import re
from collections.abc import Iterator

DATE_SUFFIX = re.compile(r"[-@](\d{4})-?(\d{2})-?(\d{2})$")
"""The date that vendors append to a name: `-20251001`, `-2026-04-23`, `@20251001`."""

CONTEXT_SUFFIX = re.compile(r"\[\d+[km]\]$", re.IGNORECASE)
"""`[1m]`: how Claude Code asks for the long-context form of a model."""

PREFIXES: dict[str, str] = {
    "anthropic": "anthropic",
    "openai": "openai",
    "gcp.gemini": "gcp.gemini",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "models": "gcp.gemini",
    "deepseek": "deepseek",
    "moonshot": "moonshot_ai",
    "moonshot_ai": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "x_ai": "x_ai",
    "x-ai": "x_ai",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "mistral_ai": "mistral_ai",
    "mistralai": "mistral_ai",
    "z_ai": "z_ai",
    "z-ai": "z_ai",
    "zai": "z_ai",
    "minimax": "minimax",
    "alibaba": "alibaba",
    "dashscope": "alibaba",
    "qwen": "alibaba",
}
"""What stands before the slash in OpenTelemetry's, LiteLLM's and OpenRouter's names."""

VENDOR_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), provider)
    for pattern, provider in (
        (r"claude-", "anthropic"),
        (r"(gpt|chatgpt|codex)-|o[1-9](-|$)|computer-use-preview", "openai"),
        (r"(gemini|gemma)-", "gcp.gemini"),
        (r"deepseek-", "deepseek"),
        (r"(kimi|moonshot)-", "moonshot_ai"),
        (r"grok-", "x_ai"),
        (r"(mistral|devstral|codestral|magistral|ministral|pixtral)-", "mistral_ai"),
        (r"glm-", "z_ai"),
        (r"minimax-", "minimax"),
        (r"qw(en|q)", "alibaba"),
    )
)
"""How the vendors' model names begin."""


def split_prefix(name: str) -> tuple[str | None, str]:
    """The provider named before the slash, if it is one, and the rest of the name."""
    prefix, slash, rest = name.partition("/")
    provider = PREFIXES.get(prefix.lower()) if slash else None
    return (provider, rest) if provider is not None else (None, name)


def vendor_of(name: str) -> str | None:
    """Who makes a model of that name, known to the catalog or not; None when nothing tells."""
    provider, bare = split_prefix(name.strip())
    if provider is not None:
        return provider
    return next((vendor for pattern, vendor in VENDOR_PATTERNS if pattern.match(bare)), None)


def plainer(name: str) -> Iterator[str]:
    """The name as it is (lower case), then ever plainer forms of it, without repeats."""
    exact = name.lower()
    yield exact
    seen = {exact}
    bare = CONTEXT_SUFFIX.sub("", exact)
    undated = DATE_SUFFIX.sub("", bare)
    forms = (bare, undated, undated.removesuffix("-latest"))
    # OpenRouter writes claude-opus-4.5 where Anthropic writes claude-opus-4-5.
    dashed = tuple(form.replace(".", "-") for form in forms if form.startswith("claude-"))
    for form in (*forms, *dashed):
        if form not in seen:
            seen.add(form)
            yield form
