"""Parameters that only tune an answer: what the target has no field for, or refuses.

Rules: what goes is told by the name that the neutral conversation has for it; what is out of bounds
is moved to the bound and told; a parameter that the target's dialect can say and its endpoint does
not refuse stays as it came.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Conversation,
    Message,
    OutputFormat,
    Text,
    Tool,
    ToolChoice,
)
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import Quirks

Parameter: TypeAlias = Literal[
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "top_logprobs",
    "service_tier",
    "verbosity",
    "prompt_cache_key",
    "metadata",
    "user",
    "parallel_tools",
]

OF_OPENAI: Final[Mapping[Dialect, frozenset[Parameter]]] = MappingProxyType(
    {
        # Chat takes metadata with what is stored only, and nothing is.
        "openai_chat": frozenset({"service_tier", "user"}),
        "openai_responses": frozenset({"service_tier", "user", "metadata"}),
    }
)
"""What clients of OpenAI's other dialect mean alike, and those of other vendors do not."""

EXPRESSIBLE: Final[Mapping[Dialect, frozenset[Parameter]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {"temperature", "top_p", "top_k", "user", "parallel_tools"}
        ),
        "openai_chat": frozenset(
            {
                *("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"),
                *("top_logprobs", "verbosity", "prompt_cache_key", "parallel_tools"),
            }
        ),
        "openai_responses": frozenset(
            {
                *("temperature", "top_p", "top_logprobs", "verbosity", "prompt_cache_key"),
                "parallel_tools",
            }
        ),
        "gemini_generate": frozenset(
            {
                *("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"),
                *("seed", "top_logprobs"),
            }
        ),
    }
)
"""What each dialect has a field for that another dialect's clients can mean."""

WIRE_NAMES: Final[Mapping[Parameter, tuple[str, ...]]] = MappingProxyType(
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "seed": ("seed",),
        "top_logprobs": ("top_logprobs", "logprobs"),
        "service_tier": ("service_tier",),
        "verbosity": ("verbosity",),
        "prompt_cache_key": ("prompt_cache_key",),
        "metadata": ("metadata",),
        "user": ("user", "safety_identifier"),
        "parallel_tools": ("parallel_tool_calls",),
    }
)
"""What quirks call them."""


def refused_fields(quirks: Quirks, *, thinks: bool) -> frozenset[str]:
    return frozenset((*quirks.refuses, *quirks.thinking_refuses) if thinks else quirks.refuses)


def fit_parameters(
    conversation: Conversation, *, to: Dialect, quirks: Quirks, has: Capabilities
) -> tuple[Conversation, tuple[str, ...]]:
    changes: list[str] = []
    refused = refused_fields(quirks, thinks=has.thinking and conversation.thinking.effort != "none")
    own = conversation.dialect == to
    expressible = EXPRESSIBLE[to]
    if conversation.dialect in OF_OPENAI:
        expressible |= OF_OPENAI.get(to, frozenset())
    for parameter, names in WIRE_NAMES.items():
        if not _is_said(conversation, parameter):
            continue
        can = own or parameter in expressible
        if not can or not refused.isdisjoint(names):
            conversation = _without(conversation, parameter)
            changes.append(f"dropped:{parameter}")
    conversation = _beside_each_other(conversation, to, quirks, changes)
    conversation = _in_bounds(conversation, quirks, has, changes)
    return conversation, tuple(changes)


def _is_said(conversation: Conversation, parameter: Parameter) -> bool:
    match parameter:
        case "parallel_tools":
            return conversation.parallel_tools is not None
        case "service_tier" | "verbosity" | "prompt_cache_key" | "metadata" | "user":
            return bool(getattr(conversation, parameter))
        case _:
            return getattr(conversation.sampling, parameter) is not None


def _without(conversation: Conversation, parameter: Parameter) -> Conversation:
    match parameter:
        case "parallel_tools":
            return replace(conversation, parallel_tools=None)
        case "service_tier":
            return replace(conversation, service_tier="")
        case "verbosity":
            return replace(conversation, verbosity="")
        case "prompt_cache_key":
            return replace(conversation, prompt_cache_key="")
        case "metadata":
            return replace(conversation, metadata=())
        case "user":
            return replace(conversation, user="")
        case _:
            return _without_sampling(conversation, parameter)


def _without_sampling(conversation: Conversation, parameter: str) -> Conversation:
    return replace(conversation, sampling=replace(conversation.sampling, **{parameter: None}))


def _beside_each_other(
    conversation: Conversation, to: Dialect, quirks: Quirks, changes: list[str]
) -> Conversation:
    sampling = conversation.sampling
    if (
        quirks.one_of_temperature_and_top_p
        and sampling.temperature is not None
        and sampling.top_p is not None
    ):
        conversation = _without(conversation, "top_p")
        changes.append("dropped:top_p")
    if to == "anthropic_messages" and conversation.thinking.mode in {"on", "adaptive"}:
        # platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility
        for parameter in ("temperature", "top_k"):
            if getattr(conversation.sampling, parameter) is not None:
                conversation = _without_sampling(conversation, parameter)
                changes.append(f"dropped:{parameter}")
    return conversation


_LIMIT_FIELDS: Final[Mapping[Dialect, str]] = MappingProxyType(
    {
        "anthropic_messages": "max_tokens",
        "openai_chat": "max_completion_tokens",
        "openai_responses": "max_output_tokens",
        "gemini_generate": "generationConfig.maxOutputTokens",
    }
)


def _in_bounds(
    conversation: Conversation, quirks: Quirks, has: Capabilities, changes: list[str]
) -> Conversation:
    temperature, most = conversation.sampling.temperature, quirks.most_temperature
    if temperature is not None and most is not None and temperature > most:
        bounded = replace(conversation.sampling, temperature=most)
        conversation = replace(conversation, sampling=bounded)
        changes.append("limited:temperature")
    wanted = conversation.max_output_tokens
    if wanted is None:
        return conversation
    # Of Claude's own API 0 asks for something.
    if wanted < (0 if conversation.dialect == "anthropic_messages" else 1):
        field = _LIMIT_FIELDS[conversation.dialect]
        raise InvalidRequest(f"{field}: must be more than 0, not {wanted}")
    bound = max(wanted, quirks.least_output_tokens or 0)
    if has.max_output_tokens is not None:
        bound = min(bound, has.max_output_tokens)
    if bound == wanted:
        return conversation
    changes.append("limited:max_output_tokens")
    return replace(conversation, max_output_tokens=bound)


def fit_tool_choice(
    conversation: Conversation, quirks: Quirks
) -> tuple[Conversation, tuple[str, ...]]:
    """A call that cannot be demanded is left to the model."""
    choice = conversation.tool_choice
    if quirks.forced_tool_choice is not False or choice is None or not choice.is_forced:
        return conversation, ()
    return replace(conversation, tool_choice=ToolChoice("auto")), ("tool_choice:auto",)


def fit_strictness(
    conversation: Conversation, *, to: Dialect
) -> tuple[Conversation, tuple[str, ...]]:
    """Schemas that a model is held to keep rules of their vendor's own: elsewhere they only guide."""
    if conversation.dialect == to or {conversation.dialect, to} <= OF_OPENAI.keys():
        return conversation, ()
    form = conversation.output_format
    if form is not None and form.strict is not None:
        conversation = replace(conversation, output_format=replace(form, strict=None))
    said = [tool.strict for tool in conversation.tools if isinstance(tool, Tool)]
    if not any(strict is not None for strict in said):
        return conversation, ()
    tools = tuple(
        replace(tool, strict=None) if isinstance(tool, Tool) else tool
        for tool in conversation.tools
    )
    told = ("dropped:strict",) if any(said) else ()
    return replace(conversation, tools=tools), told


def fit_output_format(
    conversation: Conversation, quirks: Quirks, has: Capabilities
) -> tuple[Conversation, tuple[str, ...]]:
    """Structured output in a form that the target has."""
    wanted, kinds = conversation.output_format, quirks.schema_kinds
    if wanted is not None and wanted.kind == "json_schema" and not has.structured_output:
        raise Unsupported("output format: the target model cannot be held to a schema")
    if wanted is None or kinds is None or wanted.kind in kinds:
        return conversation, ()
    if wanted.kind == "json":
        # Clients that ask for any object have to say so in the prompt as well, by OpenAI's rules.
        return replace(conversation, output_format=None), ("dropped:output_format",)
    if "json" not in kinds:
        raise Unsupported("output format: the target model cannot be held to a schema")
    said = Message(
        "system",
        (Text(f"Answer with one JSON object that fits this JSON schema: {wanted.schema}"),),
    )
    leading = next(
        (n for n, m in enumerate(conversation.messages) if m.role != "system"),
        len(conversation.messages),
    )
    messages = (*conversation.messages[:leading], said, *conversation.messages[leading:])
    fitted = replace(conversation, messages=messages, output_format=OutputFormat("json"))
    return fitted, ("output_format:json",)


def fit_stop_sequences(
    conversation: Conversation, quirks: Quirks, has: Capabilities
) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation, and the sequences that have to be looked for in the answer instead."""
    stops = conversation.stop_sequences
    if not stops:
        return conversation, ()
    most = quirks.most_stop_sequences
    if not {"stop", "stop_sequences"}.isdisjoint(refused_fields(quirks, thinks=has.thinking)):
        most = 0
    taken = stops
    if quirks.blank_stop_sequences is False:
        taken = tuple(stop for stop in stops if stop.strip())
    taken = taken[:most]
    return (
        (conversation, ())
        if taken == stops
        else (replace(conversation, stop_sequences=taken), stops)
    )
