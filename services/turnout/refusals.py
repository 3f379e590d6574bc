"""What an endpoint's refusals look like, as a value: where their words stand and what these mean.

Rules: a level says only what differs from the one below and is asked first; places in a body are
paths of names and numbers (`error.metadata.raw`, `0.error.message`); signs are in lower case. Nothing
here acts: the dialects' `errors` read by it, through `dialects.refusal_words` and `dialects.retry_after`.
"""

from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias

from turnout.errors import ErrorKind

ResetForm: TypeAlias = Literal["duration", "epoch_milliseconds", "iso"]
"""`6m0s`, `120ms` or plain seconds; a time as unix milliseconds; a time as RFC 3339 writes it."""

DURATION: Final = r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+"
"""`2m59.56s`; a part of patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit of an account as headers tell it.

    Attributes:
        remaining: the header that says what is left.
        reset: the header that says when it is whole again.
    """

    remaining: str
    reset: str
    form: ResetForm = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How an endpoint refuses.

    Attributes:
        message: where the sentence stands; the first place that holds a text counts.
        code: where the word or number for it stands; likewise.
        headers: where in the body headers are repeated.
        kinds: what a word, or a status as digits, means; asked before everything else.
        context_signs: parts of sentences about a prompt that is too long.
        retry_sentences: regular expressions whose first group is how long to wait.
        limits: looked at where nothing says when to come back.
    """

    message: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    kinds: tuple[tuple[str, ErrorKind], ...] = ()
    context_signs: tuple[str, ...] = ()
    retry_sentences: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()

    def over(self, below: "Refusals") -> "Refusals":
        """This level laid over the one below."""
        return Refusals(
            **{
                field.name: tuple(
                    dict.fromkeys((*getattr(self, field.name), *getattr(below, field.name)))
                )
                for field in fields(self)
            }
        )


PLAIN: Final = Refusals()
"""Nothing said."""

OPENAI: Final = Refusals(
    # The second of each pair is what imitations do: a string for the object, the fields at the top,
    # FastAPI's `detail` as a text or as a list of complaints.
    message=("error.message", "error", "message", "detail", "detail.0.msg"),
    code=("error.code", "code", "error.type", "type"),
    kinds=(
        ("context_length_exceeded", "context_too_long"),
        ("rate_limit_exceeded", "rate_limited"),
        ("rate_limit_error", "rate_limited"),
        ("insufficient_quota", "rate_limited"),
        ("slow_down", "overloaded"),
    ),
    context_signs=(
        "context_length_exceeded",
        "maximum context length",
        "exceeds the context window",
        "context window",
        "context length",
        "prompt is too long",
        "input is too long",
        "maximum prompt length",
        "too many tokens",
    ),
    # Of a limit that has been reached: "Please try again in 41.724s."
    retry_sentences=(rf"try again in ({DURATION})",),
    # platform.openai.com/docs/guides/rate-limits: x-ratelimit-reset-requests: 1s, -tokens: 6m0s.
    limits=(
        Limit(remaining="x-ratelimit-remaining-requests", reset="x-ratelimit-reset-requests"),
        Limit(remaining="x-ratelimit-remaining-tokens", reset="x-ratelimit-reset-tokens"),
    ),
)

ANTHROPIC: Final = Refusals(
    message=("error.message", "error", "message"),
    code=("error.type",),
    context_signs=(
        "prompt is too long",
        "exceed context limit",
        "exceeds the context window",
        "context_length_exceeded",
        "maximum context length",
        "input is too long",
    ),
    # platform.claude.com/docs/en/api/rate-limits: resets in RFC 3339.
    limits=tuple(
        Limit(
            remaining=f"anthropic-ratelimit-{what}-remaining",
            reset=f"anthropic-ratelimit-{what}-reset",
            form="iso",
        )
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)

GEMINI: Final = Refusals(
    context_signs=(
        "exceeds the maximum number of tokens",
        "input token count",
        "context window",
        "context length",
    ),
    retry_sentences=(rf"retry in ({DURATION})",),
)
"""Its bodies have a form of their own (google.rpc.Status), which its dialect reads."""
