"""How the providers refuse where they do it otherwise than the vendor of the dialect, with sources.

Rules of this module: constants only; sentences are those that earendil-works/pi collects from the
providers (packages/ai/src/utils/overflow.ts) unless a page is named; what a provider is not known to
say is not here. No source was found for the reset headers of Mistral, xAI and Fireworks.
"""

from typing import Final

from turnout.refusals import DURATION, Limit, Refusals

# learn.microsoft.com, answers 2140040: "Please retry after 37 seconds."
AZURE: Final = Refusals(retry_sentences=(r"retry after (\d+) second",))

GOOGLE_CHAT: Final = Refusals(
    # bytedance/deer-flow#1515: the OpenAI-compatible endpoint answers with google.rpc.Status in a list.
    # ai.google.dev/gemini-api/docs/troubleshooting has the words. Vertex AI's is taken to be alike.
    message=("0.error.message",),
    code=("0.error.status", "error.status"),
    kinds=(("RESOURCE_EXHAUSTED", "rate_limited"), ("UNAVAILABLE", "overloaded")),
    context_signs=("exceeds the maximum number of tokens",),
    retry_sentences=(rf"retry in ({DURATION})",),
)

# kimi.com/code/docs/en/kimi-code/error-reference: "Your request exceeded model token limit: 262144".
MOONSHOT: Final = Refusals(context_signs=("exceeded model token limit",))

# docs.z.ai/api-reference/api-code: numbers of its own beside the statuses.
ZHIPU: Final = Refusals(kinds=(("1211", "unknown_model"), ("1302", "rate_limited")))

MINIMAX: Final = Refusals(context_signs=("context window exceeds limit",))

# alibabacloud.com/help/en/model-studio/coding-plan-faq: "Range of input length should be [1, xxx]".
ALIBABA: Final = Refusals(context_signs=("range of input length should be",))

OPENROUTER: Final = Refusals(
    # openrouter.ai/docs/api-reference/errors: metadata holds `raw`, what the provider behind it said,
    # and for limits of its own the headers: Gitlawb/openclaude#936 (X-RateLimit-Reset in milliseconds).
    message=("error.metadata.raw",),
    headers=("error.metadata.headers",),
    context_signs=("exceeds the maximum allowed input length",),
    limits=(
        Limit(
            remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", form="epoch_milliseconds"
        ),
    ),
)

GROQ: Final = Refusals(
    # console.groq.com/docs/errors: 498 is flex capacity. Its limits are named as OpenAI's.
    kinds=(("498", "overloaded"),),
    context_signs=("reduce the length of the messages",),
)

# docs.together.ai/docs/rate-limits: x-ratelimit-reset is the retry interval that is suggested.
TOGETHER: Final = Refusals(
    limits=(Limit(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset"),)
)

CEREBRAS: Final = Refusals(
    context_signs=("reduce the length of the messages",),
    # inference-docs.cerebras.ai/support/rate-limits: seconds, with fractions.
    limits=(
        Limit(
            remaining="x-ratelimit-remaining-requests-day", reset="x-ratelimit-reset-requests-day"
        ),
        Limit(
            remaining="x-ratelimit-remaining-tokens-minute",
            reset="x-ratelimit-reset-tokens-minute",
        ),
    ),
)

LOCAL: Final = Refusals(
    # llama.cpp: exceed_context_size_error, "exceeds the available context size"; LM Studio: "greater
    # than the context length"; Ollama: "prompt too long; exceeded max context length".
    code=("error.type",),
    kinds=(("exceed_context_size_error", "context_too_long"),),
    context_signs=(
        "exceeds the available context size",
        "greater than the context length",
        "exceeded max context length",
    ),
)
