"""What one pass over a request's bytes tells, without translating it.

The ingress surveys every body; the scorer and the tracker work on the survey alone and never see
a body. A survey costs about as much as finding the spans of the messages: texts are hashed as raw
bytes and only the newest step is looked into.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
from msgspec import structs

from turnout.capabilities import Needs
from turnout.catalog.token_families import UNKNOWN, in_tokens_of
from turnout.dialects.prefix import head_of
from turnout.dialects.survey_results import ToolOutcome
from turnout.dialects.task_lists import NO_TASKS, TaskList, followed_by

BYTES_PER_TOKEN: Final = UNKNOWN.bytes_per_token
"""Of a model of no known family; `for_model` knows the others."""

DOCUMENT_BYTES_PER_TOKEN: Final = 33
"""A page of a PDF is about 100 kB of base64 and 3,000 tokens."""

EMPTY_MESSAGE: Final = b'{"role":"user","content":""}'
_EMPTY_MESSAGE_TOKENS: Final = round(len(EMPTY_MESSAGE) / BYTES_PER_TOKEN)


class Survey(msgspec.Struct, frozen=True, gc=False):
    """The facts of one request body.

    Attributes:
        model: the model name as the client wrote it; "" when absent.
        stream: whether the client asked for a stream.
        body_bytes: length of the body.
        needs: what the request asks of a model; token figures estimated from bytes.
        attachment_tokens: the part of that estimate which images and documents have.
        head_digest: of system prompt and tools, normalised (volatile billing lines left out).
        tools_digest: of the tool names alone, in order; "" without tools.
        offered_digest: of the declared tools as written, less cache markers.
        system_digest: of the system prompt alone, normalised; "" without one.
        message_digests: of each message alone: equal messages have equal digests, whatever the cache
            markers on them and whether a text is written as string or as one text block.
        message_bytes: cumulated raw size up to and including each message, for growth estimates.
        message_count: messages in the body, system messages at their place included.
        last_role: role of the last message.
        tool_count: tools offered.
        tool_names: the names that `tools_digest` is of.
        outcomes: tool results in the newest step, in order; empty when the user typed something. Their
            texts never leave the ingress.
        tool_result_count: tool results in the whole body.
        first_typed_text: head of the first text the user typed (reminder and context blocks left
            out), cut to 4,000 characters: for fingerprints; never leaves the ingress.
        text: what was typed in the newest turn in which anything was, head and tail cut to 4,000
            characters: for embedding.
        stop_sequences: as given.
        has_output_format: a schema for the answer is asked for.
        user_field: `metadata.user_id` (Anthropic) or `user` (OpenAI); "" when absent.
        prompt_cache_key: as given; no thread key: Codex, Copilot and Qwen send one for
            main loop and subagents alike.
        breakpoints: cache markers set by the client, by lifetime: (five minutes, one hour).
        has_foreign_thinking: reasoning in the history, or words between agents, that the dialect's own
            vendor would refuse.
        asks_usage: a stream is to end with its usage (`stream_options.include_usage`).
        tasks: what the calls in the history say of the agent's task list.
        ended_turn: the user has typed something behind an answer that called no tool.
    """

    model: str
    stream: bool
    body_bytes: int
    needs: Needs
    head_digest: str
    offered_digest: str
    tools_digest: str
    system_digest: str
    message_digests: tuple[bytes, ...]
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
    asks_usage: bool = False
    attachment_tokens: int = 0
    tool_names: tuple[str, ...] = ()
    tasks: TaskList = NO_TASKS
    ended_turn: bool = False


def for_model(survey: Survey) -> Survey:
    """The survey with the prompt in tokens of the family of the model that is asked for. Runs of
    messages are surveyed without their model's name, so this is the last thing done to a survey.
    """
    needs = survey.needs
    text_tokens = needs.prompt_tokens_estimate - survey.attachment_tokens
    tokens = in_tokens_of(text_tokens, counted_for="", model=survey.model)
    if tokens == text_tokens:
        return survey
    return structs.replace(
        survey,
        needs=structs.replace(needs, prompt_tokens_estimate=tokens + survey.attachment_tokens),
    )


def joined(around: Survey, runs: Sequence[Survey], *, body_bytes: int) -> Survey:
    """The survey of a body from those of its parts.

    Args:
        around: the body with `EMPTY_MESSAGE` as its only one.
        runs: its messages in runs, each as a body of its own, in order; all but the first begin
            with an assistant's message.
        body_bytes: length of the body.

    """
    first, last = runs[0], runs[-1]
    system_digest = first.system_digest or around.system_digest
    tasks = NO_TASKS
    for run in runs:
        tasks = followed_by(tasks, run.tasks)
    sizes = list(first.message_bytes)
    for run in runs[1:]:
        before = sizes[-1] if sizes else 0
        sizes += [before + size for size in run.message_bytes]
    tokens = around.needs.prompt_tokens_estimate - _EMPTY_MESSAGE_TOKENS
    return structs.replace(
        around,
        body_bytes=body_bytes,
        needs=structs.replace(
            around.needs,
            prompt_tokens_estimate=sum([run.needs.prompt_tokens_estimate for run in runs], tokens),
            images=any(run.needs.images for run in runs),
            documents=any(run.needs.documents for run in runs),
        ),
        system_digest=system_digest,
        head_digest=head_of(system_digest, around.offered_digest),
        message_digests=tuple(chain.from_iterable([run.message_digests for run in runs])),
        message_bytes=tuple(sizes),
        message_count=sum([run.message_count for run in runs]),
        last_role=last.last_role,
        outcomes=last.outcomes,
        tool_result_count=sum([run.tool_result_count for run in runs]),
        first_typed_text=next((run.first_typed_text for run in runs if run.first_typed_text), ""),
        text=next((run.text for run in reversed(runs) if run.text), ""),
        breakpoints=(
            sum([run.breakpoints[0] for run in runs], around.breakpoints[0]),
            sum([run.breakpoints[1] for run in runs], around.breakpoints[1]),
        ),
        has_foreign_thinking=any(run.has_foreign_thinking for run in runs),
        attachment_tokens=sum([run.attachment_tokens for run in runs]),
        tasks=tasks,
        ended_turn=last.ended_turn,
    )
