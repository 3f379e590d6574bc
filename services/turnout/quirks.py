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
from turnout.refusals import ANTHROPIC, GEMINI, OPENAI, PLAIN, Refusals

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Weakest first."""

ThinkingForm: TypeAlias = Literal["effort", "budget", "adaptive"]
"""How thinking is asked for: a word alone, tokens (Anthropic `enabled`, Gemini `thinkingBudget`),
or left to the model, with a word beside it where `efforts` has any."""

ThinkingOff: TypeAlias = Literal["disabled", "between_tools", "never"]
"""How a model that decides by itself is told not to think: Anthropic's words for thinking not at all
and for only noting something between two calls, or not to be told at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaQuirks:
    """Which JSON schemas are taken in one place of a request.

    Attributes:
        keywords: the only ones that are taken; () for all.
        refuses: keywords that draw an error.
        root_refuses: keywords that do at the top of a schema, and not inside.
        restates: keywords that are taken and not said to be heeded: said in others where they can be.
        formats: the words of `format` that are taken; () for all.
        enum_types: what the values of an enum may be; () for anything.
        type_lists: whether `type` may be a list.
        types_beside_unions: whether `type` may stand beside `anyOf`, and not in its members alone.
        closed_objects: every object has to say `additionalProperties: false`.
        object_at_root: the top has to say that it is an object.
    """

    keywords: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    root_refuses: tuple[str, ...] = ()
    restates: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    enum_types: tuple[str, ...] = ()
    type_lists: bool = True
    types_beside_unions: bool = True
    closed_objects: bool = False
    object_at_root: bool = False


ANTHROPIC_TOOL_SCHEMA: Final = SchemaQuirks(
    root_refuses=("oneOf", "allOf", "anyOf"), object_at_root=True
)
"""The API's own error: "input_schema does not support oneOf, allOf, or anyOf at the top level"
(github.com/anthropics/claude-code/issues/40075)."""

ANTHROPIC_ANSWER_SCHEMA: Final = SchemaQuirks(
    keywords=(
        *("type", "title", "description", "enum", "const", "anyOf", "properties", "required"),
        *("additionalProperties", "items", "format", "default"),
    ),
    formats=(
        *("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"),
        "uuid",
    ),
    enum_types=("string", "number", "boolean", "null"),
    closed_objects=True,
)
"""platform.claude.com/docs/en/build-with-claude/structured-outputs: objects closed, no recursion, no
bounds of numbers, lengths or items, enums of plain values; anything else is a 400. `allOf`, references
and patterns are taken with limits of their own, so they are merged, written out and told in words."""

OPENAI_TOOL_SCHEMA: Final = SchemaQuirks(
    root_refuses=("oneOf", "anyOf", "allOf", "enum", "const", "not"), object_at_root=True
)
"""The API's own error: "schema must have type 'object' and not have
'oneOf'/'anyOf'/'allOf'/'enum'/'const'/'not' at the top level" (github.com/langchain-ai/langchainjs,
issue 9804)."""

OPENAI_ANSWER_SCHEMA: Final = SchemaQuirks(object_at_root=True)
"""developers.openai.com/api/docs/guides/structured-outputs, supported schemas: the root is an object."""

GEMINI_TOOL_SCHEMA: Final = SchemaQuirks(
    refuses=("$ref", "$defs", "definitions"),
    restates=("const", "allOf", "exclusiveMinimum", "exclusiveMaximum", "nullable"),
)
"""`parametersJsonSchema` takes JSON schema, at AI Studio and Vertex: Google's own SDKs and gemini-cli put
the schemas of MCP servers there as they are (googleapis/python-genai, `_mcp_utils.py`). References are
written out, because a cyclic one draws an error (google-gemini/gemini-cli, issue 11393) and one with
keywords beside it is not taken in the schema of an answer; what that schema does not know is said in
what it knows."""

GEMINI_ANSWER_SCHEMA: Final = SchemaQuirks(
    keywords=(
        *("type", "format", "title", "description", "enum", "items", "prefixItems", "minItems"),
        *("maxItems", "minimum", "maximum", "anyOf", "properties", "additionalProperties"),
        *("required", "propertyOrdering"),
    ),
    enum_types=("string", "number"),
)
"""ai.google.dev/api/generate-content#FIELDS.response_json_schema, and the same words for Vertex
(aiplatform v1 GenerationConfig): the keywords that mean something there; `oneOf` means `anyOf`."""


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
        failed_results: whether a tool's result can be marked as failed.
        custom_tools: whether tools may take plain text instead of an object.
        deferred_tools: whether tools may be offered by name only and referred to in results.
        system_refuses: beginnings of texts in the system prompt that a client writes for the dialect's
            own vendor alone.
        system_anywhere: whether a system message may stand behind the first other one.
        one_system_message: whether all that is system has to be one message in front of all others.
        results_want_answer: whether what the user says may not stand right behind results.
        developer_role: whether a system message may be called `developer`.
        image_details: the words of detail that an image may have, the most at the end.
        tool_schema: which schemas the arguments of tools may have.
        answer_schema: which schemas an answer may be held to.
        schema_kinds: forms of structured output: `json_schema`, `json`.
        thinking: how thinking is asked for.
        efforts: the words of effort that are taken.
        effort_none: a field and its JSON by which a chat server is told what the word `none` says.
        least_thinking_tokens: below this a budget is refused.
        thinking_off: how a model that thinks as much as it likes is told not to.
        unthinking_efforts: the words that are taken beside that; None for all of them.
        thinks_unasked: it thinks unless told not to.
        thinking_needs_free_choice: thinking and a forced tool choice are refused together.
        forced_tool_choice: whether a call can be demanded, of any tool or of one.
        one_of_temperature_and_top_p: both at once are refused.
        most_temperature: what is above is refused.
        most_stop_sequences: how many are taken; 0 for none.
        blank_texts: whether a text may be nothing but white space.
        blank_stop_sequences: whether one may be nothing but white space.
        least_output_tokens: below this `max_tokens` is refused.
        preserved_thinking: it refuses thinking of its own that comes back behind another prompt than it
            was made for.
        reads_reasoning: a field and its JSON, without which a model that thinks does not read the reasoning of
            earlier turns; added where the request has no such field.
        call_reasoning: messages with calls are refused without the reasoning that led to them; what
            stands for reasoning that was another model's: nothing at all, or a blank.
        answers_begun: whether a history may end in the beginning of the answer.
        reports_usage_unasked: a stream tells its usage without `stream_options`.
        cache_field, cache_header: by what it is told which requests share a cache; "" where nothing is read.
        refusals: what its errors look like and mean; each field added in front of those below.
    """

    refuses: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    thinking_refuses: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] | None = None
    tool_name_pattern: str = ""
    call_id_pattern: str = ""
    call_id_characters: int | None = None
    failed_results: bool | None = None
    custom_tools: bool | None = None
    deferred_tools: bool | None = None
    system_refuses: tuple[str, ...] | None = None
    system_anywhere: bool | None = None
    one_system_message: bool | None = None
    results_want_answer: bool | None = None
    developer_role: bool | None = None
    image_details: tuple[str, ...] | None = None
    tool_schema: SchemaQuirks | None = None
    answer_schema: SchemaQuirks | None = None
    schema_kinds: tuple[Literal["json", "json_schema"], ...] | None = None
    thinking: ThinkingForm | None = None
    efforts: tuple[Effort, ...] | None = None
    effort_none: tuple[str, str] | None = None
    least_thinking_tokens: int | None = None
    thinking_off: ThinkingOff | None = None
    unthinking_efforts: tuple[Effort, ...] | None = None
    thinks_unasked: bool | None = None
    thinking_needs_free_choice: bool | None = None
    forced_tool_choice: bool | None = None
    one_of_temperature_and_top_p: bool | None = None
    most_temperature: float | None = None
    most_stop_sequences: int | None = None
    blank_texts: bool | None = None
    blank_stop_sequences: bool | None = None
    least_output_tokens: int | None = None
    preserved_thinking: bool | None = None
    reads_reasoning: tuple[str, str] | None = None
    call_reasoning: Literal["empty", "blank"] | None = None
    answers_begun: bool | None = None
    reports_usage_unasked: bool | None = None
    cache_field: str = ""
    cache_header: str = ""
    refusals: Refusals = PLAIN

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
        said["refusals"] = self.refusals.over(below.refusals)
        return replace(below, **said)


NOTHING: Final = Quirks()
"""No departure at all."""

DIALECT_QUIRKS: Final[Mapping[Dialect, Quirks]] = MappingProxyType(
    {
        # platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use (names);
        # ids: the API's own error names the pattern ^[a-zA-Z0-9_-]+$.
        "anthropic_messages": Quirks(
            refusals=ANTHROPIC,
            tool_name_pattern="[a-zA-Z0-9_-]{1,128}",
            call_id_pattern="[a-zA-Z0-9_-]+",
            call_id_characters=21,
            custom_tools=False,
            deferred_tools=True,
            system_anywhere=True,
            tool_schema=ANTHROPIC_TOOL_SCHEMA,
            answer_schema=ANTHROPIC_ANSWER_SCHEMA,
            schema_kinds=("json_schema",),
            thinking="adaptive",
            thinking_off="disabled",
            efforts=("low", "medium", "high", "xhigh", "max"),
            # platform.claude.com/docs/en/build-with-claude/extended-thinking: at least 1,024 and
            # below max_tokens; only tool_choice auto or none.
            least_thinking_tokens=1_024,
            thinking_needs_free_choice=True,
            # platform.claude.com/docs/en/api/messages: temperature from 0 to 1. The API's own errors:
            # "text content blocks must contain non-whitespace text" and "each stop sequence must contain
            # non-whitespace".
            most_temperature=1.0,
            blank_texts=False,
            blank_stop_sequences=False,
        ),
        # platform.openai.com/docs/api-reference/chat/create
        "openai_chat": Quirks(
            refusals=OPENAI,
            tool_name_pattern="[a-zA-Z0-9_-]{1,64}",
            call_id_pattern=r"[\s\S]{1,64}",
            failed_results=False,
            custom_tools=True,
            deferred_tools=False,
            system_anywhere=True,
            developer_role=True,
            tool_schema=OPENAI_TOOL_SCHEMA,
            answer_schema=OPENAI_ANSWER_SCHEMA,
            schema_kinds=("json", "json_schema"),
            thinking="effort",
            efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
            most_temperature=2.0,
            most_stop_sequences=4,
        ),
        # platform.openai.com/docs/api-reference/responses/create: no stop sequences.
        "openai_responses": Quirks(
            refusals=OPENAI,
            tool_name_pattern="[a-zA-Z0-9_-]{1,64}",
            call_id_pattern=r"[\s\S]{1,64}",
            failed_results=False,
            custom_tools=True,
            deferred_tools=False,
            system_anywhere=True,
            developer_role=True,
            tool_schema=OPENAI_TOOL_SCHEMA,
            answer_schema=OPENAI_ANSWER_SCHEMA,
            schema_kinds=("json", "json_schema"),
            thinking="effort",
            efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
            most_temperature=2.0,
            most_stop_sequences=0,
            least_output_tokens=16,
        ),
        # ai.google.dev/api/caching#FunctionDeclaration: a letter or underscore first, then letters,
        # digits, underscores, colons, dots and dashes, 128 at most; the older limit of 64 is kept to.
        # ai.google.dev/api/generate-content: 5 stop sequences. Which form thinking is asked for in
        # the encoder knows.
        "gemini_generate": Quirks(
            refusals=GEMINI,
            tool_name_pattern="[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
            custom_tools=False,
            deferred_tools=False,
            system_anywhere=False,
            tool_schema=GEMINI_TOOL_SCHEMA,
            answer_schema=GEMINI_ANSWER_SCHEMA,
            schema_kinds=("json", "json_schema"),
            most_temperature=2.0,
            most_stop_sequences=5,
        ),
    }
)
"""Each dialect as its own vendor serves it."""
