"""A request as the policy sees it: who asks, what kind of step it is, how large it is.

No text, no bodies, no credentials: everything here may be kept in a fact.
"""

from typing import Final, Literal, TypeAlias, get_args

import msgspec

from turnout.capabilities import Dialect, Needs
from turnout.catalog.token_families import Family, family_of, family_share
from turnout.policy.checks import Framework, Verdict

Harness: TypeAlias = Literal[
    "claude_code",
    "codex",
    "opencode",
    "gemini_cli",
    "qwen_code",
    "copilot",
    "pi",
    "cline",
    "aider",
    "anthropic_sdk",
    "openai_sdk",
    "unknown",
]

RequestClass: TypeAlias = Literal["main", "subagent", "compaction", "auxiliary"]
"""Whose state a request moves: auxiliary requests never move their session's main thread."""

StepKind: TypeAlias = Literal[
    "user_input",
    "tool_continuation",
    "subagent_start",
    "compaction",
    "title",
    "classification",
    "probe",
    "token_count",
]

TaskKind: TypeAlias = Literal[
    "bug_fix", "feature", "tests", "explore", "review", "docs", "research", "other"
]

Mode: TypeAlias = Literal["observe", "cache", "subagents", "full"]
"""How far Turnout may go for a tenant, each further than the one before: decide and record what was asked
for; choose cache lifetimes; choose models for subagents; choose for all threads."""

Arm: TypeAlias = Literal["", "treatment", "control"]
"""Which group of the experiment a session is in; "" where sessions are not assigned."""
TASK_KINDS: Final[tuple[TaskKind, ...]] = get_args(TaskKind)


CredentialSource: TypeAlias = Literal["client", "env", "simulated"]
"""Where the secret for a target comes from: passed through, our environment, or none needed."""


class Tags(msgspec.Struct, frozen=True, gc=False):
    """Who the work is for; from request headers or the router key. "" when not said."""

    team: str = ""
    repository: str = ""
    branch: str = ""
    ticket: str = ""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who is asking and in which thread.

    Attributes:
        tenant: whose settings and mode apply.
        principal: router key or provider account behind a passed-through credential, as a digest;
            never a token.
        session, thread: as the harness names them, or a fingerprint.
        thread_key: digest of (principal, session, thread); the key of all thread state.
        is_explicit: the harness named session and thread itself; false for fingerprints.
        user_turn: the harness's own mark of the user's turn, "" when it sends none.
        arm: control is served as asked, whatever the mode allows.

    """

    tenant: str
    principal: str
    harness: Harness
    session: str
    thread: str
    thread_key: str
    is_subagent: bool
    is_explicit: bool
    request_class: RequestClass
    user_turn: str = ""
    arm: Arm = ""


class Features(msgspec.Struct, frozen=True, gc=False):
    """Sizes and shape of one request, as far as the decision needs them.

    Attributes:
        prompt_tokens_estimate lives in `needs`.
        attachment_tokens: the part of that estimate which images and documents have.
        step_tool_results, step_tool_errors: in the newest step.
        head_digest: of system prompt and tools; names the shared head of the prompt.
        head_tokens: estimated tokens of that head.
        last_message_digest: chained digest of the whole prompt; recognises a retry.
        text_digest: of the text that was typed, mixed with the beginning of its thread; "" in other
            steps than `user_input` and when nothing was typed.
        lacks_breakpoints: an Anthropic prompt that nothing of is cached, unless a breakpoint is added.
        has_foreign_thinking: reasoning in the history, or words between agents, that the dialect's own
            vendor would refuse.
        asks_usage: the client of an `openai_chat` stream wants the chunk with its usage.
        check, check_framework: how a run of tests, a build or a linter came out in the newest step, and
            whose; "" when there was none or it cannot be told.
        call_digest: of the calls whose results the newest step brings, mixed with the beginning of their
            thread; equal ones are the same calls with the same arguments.
        edit_digest: of the files that they change, likewise; "" when they change none.
        open_tasks: items of the agent's task list that were not done when the last answer ended its turn;
            0 in other steps than `user_input`.

    """

    dialect: Dialect
    requested_model: str
    step_kind: StepKind
    stream: bool
    body_bytes: int
    needs: Needs
    message_count: int
    tool_count: int
    tool_result_count: int
    step_tool_results: int
    step_tool_errors: int
    head_digest: str
    head_tokens: int
    last_message_digest: str
    text_digest: str
    asks_one_hour: bool = False
    has_foreign_thinking: bool = False
    asks_usage: bool = False
    check: Verdict = ""
    check_framework: Framework = ""
    call_digest: str = ""
    edit_digest: str = ""
    lacks_breakpoints: bool = False
    open_tasks: int = 0
    attachment_tokens: int = 0


def prompt_tokens_in(family: Family, features: Features) -> float:
    """The prompt's estimate, which is for the model asked for, in tokens of a family. What a picture or a
    page costs is no matter of a vocabulary, so it is the same number in each.
    """
    text_tokens = features.needs.prompt_tokens_estimate - features.attachment_tokens
    share = family_share(counted_for=family_of(features.requested_model), family=family)
    return text_tokens * share + features.attachment_tokens


class TextSignal(msgspec.Struct, frozen=True, gc=False):
    """What the text said, without the text: the input that a replay needs.

    Attributes:
        cluster: index in the artifact's table, -1 when the text was not used.
        similarity: cosine to that cluster's centroid.
        skipped: why the text was not used ("" when it was): no_text, not_needed (it could not change
            the decision), late, queue_full, failed, closed.

    """

    cluster: int = -1
    similarity: float = 0.0
    task_kind: TaskKind = "other"
    skipped: str = ""


class Prefix(msgspec.Struct, frozen=True, gc=False):
    """The prompt as a chain of digests, to find out how much of it is old.

    Attributes:
        digests: chained, one per message; the i-th covers head and messages up to i.
        tokens: estimated prompt tokens up to and including each message.

    """

    head_digest: str
    digests: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
