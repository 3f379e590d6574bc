"""How an endpoint departs from its dialect, as data.

Rules: a value that says nothing (None, "") leaves the level below as it is: the dialect
as its own vendor serves it, then the provider's endpoint, then the family of the model, then the
model; fields of the wire are named as the endpoint's dialect writes them. Nothing here acts:
`dialects.fit` shapes conversations by it, `dialects.reshape` the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from turnout.capabilities import Dialect

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Weakest first."""

ThinkingForm: TypeAlias = Literal["effort", "budget", "adaptive"]
"""How thinking is asked for: a word alone, tokens (Anthropic `enabled`, Gemini `thinkingBudget`),
or left to the model, with a word beside it where `efforts` has any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What an endpoint takes.

    Attributes:
        refuses: fields of a request that draw an error, or that a switch must not carry over;
            added to those of the level below.
        takes: fields that the level below refuses and this one does not.
        thinking_refuses: fields that a model which thinks refuses; added likewise.
        renames: fields that go by another name here, as (the dialect's, the endpoint's).
        tool_name_pattern: regular expression that a tool's whole name must match.
        call_id_pattern: the same of the id of a call.
        call_id_characters: length of the ids that we make where the pattern refuses the client's.
        custom_tools: whether tools may take plain text instead of an object.
        deferred_tools: whether tools may be offered by name only and referred to in results.
        system_anywhere: whether a system message may stand behind the first other one.
        developer_role: whether a system message may be called `developer`.
        schema_refuses: keywords that it may not have.
        schema_kinds: forms of structured output: `json_schema`, `json`.
        thinking: how thinking is asked for.
        efforts: the words of effort that are taken.
        least_thinking_tokens: below this a budget is refused.
        thinking_needs_free_choice: thinking and a forced tool choice are refused together.
        one_of_temperature_and_top_p: both at once are refused.
        most_temperature: what is above is refused.
        most_stop_sequences: how many are taken; 0 for none.
        blank_stop_sequences: whether one may be nothing but white space.
        least_output_tokens: below this `max_tokens` is refused.
        preserved_thinking: it thinks unless told not to, and refuses thinking of its own that comes back
            behind another prompt than it was made for.
        call_reasoning: messages with calls are refused without the reasoning that led to them; what
            stands for reasoning that was another model's: nothing at all, or a blank.
        reports_usage_unasked: a stream tells its usage without `stream_options`.
    """

    refuses: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    thinking_refuses: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] | None = None
    tool_name_pattern: str = ""
    call_id_pattern: str = ""
    call_id_characters: int | None = None
    custom_tools: bool | None = None
    deferred_tools: bool | None = None
    system_anywhere: bool | None = None
    developer_role: bool | None = None
    schema_refuses: tuple[str, ...] | None = None
    schema_kinds: tuple[Literal["json", "json_schema"], ...] | None = None
    thinking: ThinkingForm | None = None
    efforts: tuple[Effort, ...] | None = None
    least_thinking_tokens: int | None = None
    thinking_needs_free_choice: bool | None = None
    one_of_temperature_and_top_p: bool | None = None
    most_temperature: float | None = None
    most_stop_sequences: int | None = None
    blank_stop_sequences: bool | None = None
    least_output_tokens: int | None = None
    preserved_thinking: bool | None = None
    call_reasoning: Literal["empty", "blank"] | None = None
    reports_usage_unasked: bool | None = None

    def over(self, below: "Quirks") -> "Quirks":
        """This level laid over the one below."""
        if self == NOTHING:
            return below
        said = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None and value != ""
        }
        del said["takes"]
        for name in ("refuses", "thinking_refuses"):
            kept = [field for field in getattr(below, name) if field not in self.takes]
            said[name] = tuple(dict.fromkeys((*kept, *getattr(self, name))))
        return replace(below, **said)


NOTHING: Final = Quirks()
"""No departure at all."""

DIALECT_QUIRKS: Final[Mapping[Dialect, Quirks]] = MappingProxyType(
    {
        # platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use (names);
        # ids: the API's own error names the pattern ^[a-zA-Z0-9_-]+$.
        "anthropic_messages": Quirks(
            tool_name_pattern="[a-zA-Z0-9_-]{1,128}",
            call_id_pattern="[a-zA-Z0-9_-]+",
            call_id_characters=21,
            custom_tools=False,
            deferred_tools=True,
            system_anywhere=True,
            schema_kinds=("json_schema",),
            thinking="adaptive",
            efforts=("low", "medium", "high", "xhigh", "max"),
            # platform.claude.com/docs/en/build-with-claude/extended-thinking: at least 1,024 and
            # below max_tokens; only tool_choice auto or none.
            least_thinking_tokens=1_024,
            thinking_needs_free_choice=True,
            # platform.claude.com/docs/en/api/messages: temperature from 0 to 1. Stop sequences: the API's
            # own error says "each stop sequence must contain non-whitespace".
            most_temperature=1.0,
            blank_stop_sequences=False,
        ),
        # platform.openai.com/docs/api-reference/chat/create
        "openai_chat": Quirks(
            tool_name_pattern="[a-zA-Z0-9_-]{1,64}",
            call_id_pattern=r"[\s\S]{1,64}",
            custom_tools=True,
            deferred_tools=False,
            system_anywhere=True,
            developer_role=True,
            schema_kinds=("json", "json_schema"),
            thinking="effort",
            efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
            most_temperature=2.0,
            most_stop_sequences=4,
        ),
        # platform.openai.com/docs/api-reference/responses/create: no stop sequences.
        "openai_responses": Quirks(
            tool_name_pattern="[a-zA-Z0-9_-]{1,64}",
            call_id_pattern=r"[\s\S]{1,64}",
            custom_tools=True,
            deferred_tools=False,
            system_anywhere=True,
            developer_role=True,
            schema_kinds=("json", "json_schema"),
            thinking="effort",
            efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
            most_temperature=2.0,
            most_stop_sequences=0,
            least_output_tokens=16,
        ),
        # ai.google.dev/api/caching#FunctionDeclaration: a letter or underscore first, then letters,
        # digits, underscores, colons, dots and dashes, 128 at most; the older limit of 64 is kept to.
        # ai.google.dev/api/generate-content: 5 stop sequences. Which form thinking is asked for in,
        # and which schema keywords there are, the encoder knows.
        "gemini_generate": Quirks(
            tool_name_pattern="[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
            custom_tools=False,
            deferred_tools=False,
            system_anywhere=False,
            schema_kinds=("json", "json_schema"),
            most_temperature=2.0,
            most_stop_sequences=5,
        ),
    }
)
"""Each dialect as its own vendor serves it."""
