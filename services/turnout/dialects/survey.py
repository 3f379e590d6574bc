"""What one pass over a request's bytes tells, without translating it.

The ingress surveys every body; the scorer and the tracker work on the survey alone and never see
a body. A survey costs about as much as finding the spans of the messages: texts are hashed as raw
bytes and only the newest step is looked into.
"""

import msgspec

from turnout.capabilities import Needs


class ToolOutcome(msgspec.Struct, frozen=True, gc=False):
    """One tool result of the newest step: the tool's name where the history tells it, no text."""

    tool: str
    call_id: str
    is_error: bool
    result_bytes: int


class Survey(msgspec.Struct, frozen=True, gc=False):
    """The facts of one request body.

    Attributes:
        model: the model name as the client wrote it; "" when absent.
        stream: whether the client asked for a stream.
        body_bytes: length of the body.
        needs: what the request asks of a model; token figures estimated from bytes.
        head_digest: of system prompt and tools, normalised (volatile billing lines left out).
        tools_digest: of the tool names alone, in order; "" without tools.
        system_digest: of the system prompt alone, normalised.
        message_digests: chained, one per message: equal prefixes have equal digests, whatever the
            cache markers on them and whether a text is written as string or as one text block.
        message_bytes: cumulated raw size up to and including each message, for growth estimates.
        message_count: messages in the body, system messages at their place included.
        last_role: role of the last message.
        tool_count: tools offered.
        outcomes: tool results in the newest step, in order; empty when the user typed something.
        tool_result_count: tool results in the whole body.
        first_typed_text: head of the first text the user typed (reminder and context blocks left
            out), cut to 4,000 characters: for fingerprints; never leaves the ingress.
        text: the newest typed text, head and tail cut to 4,000 characters: for embedding.
        stop_sequences: as given.
        has_output_format: a schema for the answer is asked for.
        user_field: `metadata.user_id` (Anthropic) or `user` (OpenAI); "" when absent.
        prompt_cache_key: as given; no thread key: Codex, Copilot and Qwen send one for
            main loop and subagents alike.
        breakpoints: cache markers set by the client, by lifetime: (five minutes, one hour).
        has_foreign_thinking: thinking in the history that Anthropic has not signed; it refuses that.
    """

    model: str
    stream: bool
    body_bytes: int
    needs: Needs
    head_digest: str
    tools_digest: str
    system_digest: str
    message_digests: tuple[str, ...]
    message_bytes: tuple[int, ...]
    message_count: int
    last_role: str
    tool_count: int
    outcomes: tuple[ToolOutcome, ...]
    tool_result_count: int
    first_typed_text: str
    text: str
    stop_sequences: tuple[str, ...]
    has_output_format: bool
    user_field: str
    prompt_cache_key: str
    breakpoints: tuple[int, int]
    has_foreign_thinking: bool = False
