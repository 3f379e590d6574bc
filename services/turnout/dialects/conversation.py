"""The neutral conversation: one request, whatever dialect it came in.

Rules:

* Order is kept. A system message stands where the client put it, also in the middle; Anthropic's
  top-level `system` and Gemini's `systemInstruction` are a system message in front.
* A dialect decodes into these types and encodes from them; it never reads another dialect's words.
* JSON that the router need not understand (schemas, tool arguments, fields it does not know) is
  `JsonText`: the client's own characters. Key order, number form and escapes survive, because a
  prefix that changes by one byte is a prefix that is no longer cached.
* Nothing is lost silently. A field that has no place here goes to `extras` of the thing it stood
  on, and belongs to `Conversation.dialect`; a part that has none becomes `Opaque`. An encoder of
  the same dialect writes both back; another one leaves extras out, and leaves `Opaque` parts out
  or raises `Unsupported` where the answer would suffer.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from turnout.capabilities import Dialect

JsonText: TypeAlias = str
"""One complete JSON value, in the characters of whoever wrote it."""

Fields: TypeAlias = tuple[tuple[str, JsonText], ...]
"""Wire fields by name, in the order in which they came."""

CacheLifetime: TypeAlias = Literal["5m", "1h"]
"""How long a provider is asked to keep the prefix that ends at the marked place."""

Role: TypeAlias = Literal["system", "user", "assistant"]
"""OpenAI's `developer` is a system message, `tool` messages are tool results of the user."""

ToolKind: TypeAlias = Literal["function", "custom"]
"""`function` takes a JSON object, `custom` (freeform) takes plain text."""


class Base64Source(msgspec.Struct, frozen=True, gc=False):
    """Bytes as the client encoded them; never decoded here."""

    media_type: str
    data: str


class UrlSource(msgspec.Struct, frozen=True, gc=False):
    """A link that the provider fetches itself; never a `data:` link."""

    url: str


class FileSource(msgspec.Struct, frozen=True, gc=False):
    """A file that was uploaded to one provider, which alone can read it."""

    file_id: str


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """Who made a piece of reasoning. Signatures are valid for that model alone.

    Attributes:
        model: as the maker calls itself; "" when the history does not say, as it mostly does not.
        target: the target's id; "" when the history does not say.
    """

    dialect: Dialect
    model: str = ""
    target: str = ""


class Citation(msgspec.Struct, frozen=True, gc=False):
    """A source on the web, as far as every dialect with citations can say it.

    Attributes:
        start, end: characters of the text that rest on it; None where the dialect does not say.
        cited_text: what the source says; "" where the dialect does not say.
    """

    url: str
    title: str = ""
    cited_text: str = ""
    start: int | None = None
    end: int | None = None


class Annotation(msgspec.Struct, frozen=True, gc=False):
    """Where a text comes from, in the words of the dialect that said it.

    Attributes:
        json: the whole annotation; another dialect has no use for it.
        citation: None when it is of a kind that only its own dialect knows (a place in a file).
    """

    dialect: Dialect
    json: JsonText
    citation: Citation | None = None


class TokenLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token of a text and its log probability, with the likeliest tokens at its place.

    Attributes:
        data: the token's bytes; None where the dialect does not give them.
        top: (token, log probability), likeliest first.
    """

    token: str
    logprob: float
    data: tuple[int, ...] | None = None
    top: tuple[tuple[str, float], ...] = ()


class Text(msgspec.Struct, frozen=True, gc=False):
    text: str
    cache: CacheLifetime | None = None
    annotations: tuple[Annotation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    extras: Fields = ()


class Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    detail: OpenAI's word for the resolution wanted; "" when not given.
    """

    source: Base64Source | UrlSource | FileSource
    detail: str = ""
    cache: CacheLifetime | None = None
    extras: Fields = ()


class Document(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    name: title or file name; "" when not given.
    """

    source: Base64Source | UrlSource | FileSource
    name: str = ""
    cache: CacheLifetime | None = None
    extras: Fields = ()


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A call the model made.

    Attributes:
        arguments: of a function: JSON text of an object as the model wrote it, "{}" when it wrote
            nothing; of a custom tool: plain text.
    """

    call_id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    cache: CacheLifetime | None = None
    extras: Fields = ()


class ToolReference(msgspec.Struct, frozen=True, gc=False):
    """A tool by its name, where a search has found it or a system message changes what is offered.

    Attributes:
        change: from here on it is offered, or no longer; "" for what was found.
        definition: of an added tool that `Conversation.tools` does not have, or has otherwise.
    """

    tool_name: str
    change: Literal["", "added", "removed"] = ""
    definition: "Tool | ServerTool | None" = None
    extras: Fields = ()


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that the model wrote before answering.

    Gemini's signature on the part that the reasoning led to, mostly a call, is a part of its own in
    front of it, without text: so whatever keeps reasoning keeps it, in every dialect.

    Attributes:
        text: as shown; "" when only the sealed form was given.
        signature: the maker's seal over `text`; "" when there is none.
        redacted: the sealed form (Anthropic `redacted_thinking.data`, OpenAI `encrypted_content`).
        is_summary: `text` is the maker's summary, not the reasoning itself.
    """

    text: str
    provenance: Provenance
    signature: str = ""
    redacted: str = ""
    is_summary: bool = False
    extras: Fields = ()


class Refusal(msgspec.Struct, frozen=True, gc=False):
    text: str
    extras: Fields = ()


class Opaque(msgspec.Struct, frozen=True, gc=False):
    """A part that only its own dialect understands: server tool calls, containers, compaction.

    Attributes:
        kind: the dialect's own type name; `json`: the whole part, its cache marker included.
        where: its path in the request; "" in an answer.
        elsewhere: what others are told in its place; empty where they can be told nothing.
    """

    dialect: Dialect
    kind: str
    json: JsonText
    where: str = ""
    elsewhere: "tuple[Text | Image | Document, ...]" = ()


class ToolResult(msgspec.Struct, frozen=True, gc=False):
    """What a tool gave back. The tool's name stands on the call with the same id.

    Attributes:
        is_plain: the client wrote a plain string where the dialect also takes a list of parts.
    """

    call_id: str
    parts: "tuple[ResultPart, ...]"
    is_error: bool = False
    kind: ToolKind = "function"
    is_plain: bool = False
    cache: CacheLifetime | None = None
    extras: Fields = ()


ResultPart: TypeAlias = Text | Image | Document | ToolReference | Opaque
Part: TypeAlias = (
    Text | Image | Document | ToolCall | ToolResult | ToolReference | Thinking | Refusal | Opaque
)


class Message(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    is_plain: the client wrote the content as a plain string; `parts` then is one `Text`.
    """

    role: Role
    parts: tuple[Part, ...]
    is_plain: bool = False
    extras: Fields = ()


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A tool that the client runs.

    Attributes:
        schema: JSON schema of the arguments; "" for a custom tool or where none was given.
        format: of a custom tool: its grammar, as the dialect's JSON; "" when free text.
        is_deferred: offered by name only until a tool search brings it up.
    """

    name: str
    description: str = ""
    schema: JsonText = ""
    kind: ToolKind = "function"
    format: JsonText = ""
    strict: bool | None = None
    is_deferred: bool = False
    cache: CacheLifetime | None = None
    extras: Fields = ()


class ServerTool(msgspec.Struct, frozen=True, gc=False):
    """A tool that the provider itself runs. Elsewhere the conversation goes without it or not at all:
    `turnout.dialects.fit.server_tools`.

    Attributes:
        kind: the dialect's versioned type (code_interpreter, ...).
        json: the whole definition; "" where it stands in a message, which keeps it.
    """

    dialect: Dialect
    name: str
    kind: str
    json: JsonText


class ToolChoice(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    mode: `named` means one of `names`; with the other modes `names` narrows what is allowed.
    """

    mode: Literal["auto", "required", "none", "named"]
    names: tuple[str, ...] = ()

    @property
    def is_forced(self) -> bool:
        return self.mode in {"required", "named"}


class Sampling(msgspec.Struct, frozen=True, gc=False):
    """Each None when the client did not say.

    Attributes:
        top_logprobs: log probabilities are wanted, with that many alternatives a token; 0 for none.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    top_logprobs: int | None = None


class OutputFormat(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    kind: `json` is any JSON object, `json_schema` one that fits `schema`.
    """

    kind: Literal["json", "json_schema"]
    schema: JsonText = ""
    name: str = ""
    strict: bool | None = None


ThinkingMode: TypeAlias = Literal["off", "between_tools", "on", "adaptive"]


class ThinkingControl(msgspec.Struct, frozen=True, gc=False):
    """How much the model is to think.

    Attributes:
        mode: None when the client did not say; `adaptive` leaves it to the model, `between_tools` asks
            for notes between calls and for no thinking in front of an answer.
        budget_tokens: the most thinking tokens, with mode `on`.
        effort: the client's word (none, minimal, low, medium, high, xhigh, max); "" when not said.
        display: the dialect's word for how thinking is to be shown (omitted, auto, ...).
        drops_unbound: thinking of the history that the target refuses to read is left out instead.
    """

    mode: ThinkingMode | None = None
    budget_tokens: int | None = None
    effort: str = ""
    display: str = ""
    drops_unbound: bool = False

    @property
    def is_off(self) -> bool:
        """Whether the client wants no thinking in front of an answer."""
        return self.mode in {"off", "between_tools"} or self.effort == "none"


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """One request.

    Attributes:
        dialect: where it came from; all `extras` below are fields of that dialect.
        model: as the client wrote it.
        parallel_tools: whether several calls in one answer are allowed; None when not said.
        include_usage: whether the client wants a usage report in the stream (OpenAI chat asks for
            it, Anthropic always sends it).
        user: `metadata.user_id` (Anthropic), `user` or `safety_identifier` (OpenAI).
        metadata: the other fields of the client's metadata object.
        verbosity: OpenAI's word for how much is to be said (low, medium, high); "" when not said.
        bound: what of it only the dialect's own API can answer, by the names of `turnout.bonds`.
    """

    dialect: Dialect
    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    output_format: OutputFormat | None = None
    thinking: ThinkingControl = ThinkingControl()
    stream: bool = False
    include_usage: bool = True
    user: str = ""
    metadata: Fields = ()
    service_tier: str = ""
    verbosity: str = ""
    prompt_cache_key: str = ""
    bound: tuple[str, ...] = ()
    extras: Fields = ()


def joined_text(parts: Iterable[Part], *, separator: str = "\n\n") -> str:
    """The texts and refusals among `parts`, for dialects that take one string in that place."""
    return separator.join(part.text for part in parts if isinstance(part, Text | Refusal))
