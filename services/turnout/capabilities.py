"""What a request needs of a model, what a model has, and the difference in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

Dialect: TypeAlias = Literal[
    "anthropic_messages", "openai_chat", "openai_responses", "gemini_generate"
]
"""The wire formats by name."""

OPTIONAL_SERVER_TOOLS: Mapping[Dialect, frozenset[str]] = MappingProxyType(
    {"openai_responses": frozenset({"web_search"})}
)
"""Tools that an agent offers with every request, whether its task needs them or not: Codex sends
`web_search` beside its own tools by default."""

CLIENT_RUN_TOOLS: Mapping[Dialect, frozenset[str]] = MappingProxyType(
    {"openai_responses": frozenset({"namespace"})}
)
"""Forms of tools that look like a provider's and are run by the client."""

TOOL_SEARCHES: Mapping[Dialect, frozenset[str]] = MappingProxyType(
    {
        "openai_responses": frozenset({"tool_search"}),
        "anthropic_messages": frozenset(
            {
                *("tool_search_tool_regex", "tool_search_tool_regex_20251119"),
                *("tool_search_tool_bm25", "tool_search_tool_bm25_20251119"),
            }
        ),
    }
)
"""Searches among deferred tools that a provider runs. Nobody misses one who is offered what it finds."""


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What one request asks of whatever serves it.

    Attributes:
        prompt_tokens_estimate: size of the whole prompt in tokens, estimated from its bytes.
        max_output_tokens: what the client asked for; None when it did not say.
        server_tools: names of tools the provider itself would run (web_search_20250305, ...), and of what
            else binds the request to its own API (`turnout.bonds`).

    """

    prompt_tokens_estimate: int = 0
    max_output_tokens: int | None = None
    tools: bool = False
    images: bool = False
    documents: bool = False
    structured_output: bool = False
    thinking: bool = False
    server_tools: tuple[str, ...] = ()


def needed_server_tools(
    dialect: Dialect, kinds: tuple[str, ...], *, client_tools: int
) -> tuple[str, ...]:
    """Those of `kinds` without which the request is not worth asking.

    A tool that is optional beside `client_tools` of the client's own is all there is without them.
    """
    none = frozenset[str]()
    optional = CLIENT_RUN_TOOLS.get(dialect, none) | TOOL_SEARCHES.get(dialect, none)
    if client_tools > 0:
        optional |= OPTIONAL_SERVER_TOOLS.get(dialect, frozenset[str]())
    return tuple(kind for kind in kinds if kind not in optional)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. Windows in tokens; None means not known, which excludes nothing."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    tools: bool = True
    images: bool = False
    documents: bool = False
    structured_output: bool = False
    thinking: bool = False
    prompt_caching: bool = False


def missing(
    needs: Needs,
    has: Capabilities,
    *,
    prompt_tokens: float,
    server_tools: tuple[str, ...],
    native: bool,
) -> tuple[str, ...]:
    """Name what the model lacks; empty when it can serve the request.

    The prompt is `prompt_tokens` as this model counts, and `server_tools` are those of the needs that the
    request is not worth asking without. `native` says that the target speaks the client's dialect, so
    provider-side tools may work. Thinking is no requirement: a target without it answers without it.
    """
    lacks: list[str] = []
    if has.context_tokens is not None and prompt_tokens > has.context_tokens:
        lacks.append("context_window")
    if needs.tools and not has.tools:
        lacks.append("tools")
    if needs.images and not has.images:
        lacks.append("images")
    if needs.documents and not has.documents:
        lacks.append("documents")
    if needs.structured_output and not has.structured_output:
        lacks.append("structured_output")
    if server_tools and not native:
        lacks.append("server_tools")
    return tuple(lacks)
