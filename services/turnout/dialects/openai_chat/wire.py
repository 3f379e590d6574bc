"""The shapes of this wire's answers: chunks of a stream and whole ones.

Rules: answers are read leniently, because servers that call themselves compatible differ in every
optional field; null is the same as absent.
"""

from typing import Final

import msgspec

from turnout.dialects.openai_chat.logprobs import WireLogprobs
from turnout.dialects.openai_usage import OutputDetails, PromptDetails


class WireUsage(msgspec.Struct):
    """Attributes:
    cached_tokens: Moonshot's place for the cached part.
    prompt_cache_hit_tokens: DeepSeek's.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None


class CalledFunction(msgspec.Struct):
    """A function's `arguments` or a custom tool's `input`, whole or in part."""

    name: str | None = None
    arguments: object = None
    input: str | None = None


class WireToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledFunction | None = None


class ContentPart(msgspec.Struct):
    type: str | None = None
    text: str | None = None


class Delta(msgspec.Struct):
    """A piece of a message in a stream, and a whole message outside of one.

    Attributes:
        content: a string; Mistral also writes a list of parts.
        reasoning: vLLM's and OpenRouter's name for `reasoning_content`.
        function_call: the form before there were parallel calls.

    """

    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: object = None
    refusal: str | None = None
    reasoning_details: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None
    tool_calls: list[WireToolCall] | None = None
    function_call: CalledFunction | None = None


class Choice(msgspec.Struct):
    """Attributes:
    stop_reason: vLLM's: the stop sequence that was met, or a token id.
    usage: Moonshot reports it here.
    """

    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: WireLogprobs | None = None
    stop_reason: object = None
    usage: WireUsage | None = None


ABSENT: Final = msgspec.Raw()


class Chunk(msgspec.Struct):
    """A chunk of a stream or a whole answer."""

    id: str | None = None
    created: object = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: msgspec.Raw = ABSENT

    @property
    def has_error(self) -> bool:
        return bytes(self.error) not in {b"", b"null"}


CHUNK: Final = msgspec.json.Decoder(Chunk)


def content_text(delta: Delta) -> str:
    """The text of a delta's content, whether string or list of parts."""
    match delta.content:
        case str() as text:
            return text
        case None:
            return ""
        case parts:
            return "".join(part.text or "" for part in parts if part.type == "text")


def reasoning_text(delta: Delta) -> str:
    """The reasoning of a delta, under whichever name; where both are sent they say the same."""
    if delta.reasoning_content:
        return delta.reasoning_content
    return delta.reasoning if isinstance(delta.reasoning, str) else ""
