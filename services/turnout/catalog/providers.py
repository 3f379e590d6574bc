"""The providers we know: address, key, cache terms, and whether hanging up stops the bill.

Rules of this module: constants only. Cache terms are the providers' documented ones; where a
provider documents none, the entry says that they are assumed. `closing_stops_billing` is True only
where closing a stream has been shown to stop generation (OpenAI, Anthropic, DeepSeek, xAI); it is
known not to at Google AI Studio, Mistral, MiniMax and Alibaba, and False where nothing is known.
"""

from turnout.catalog.models import CacheTerms, Provider

FIVE_MINUTES = 300
HALF_AN_HOUR = 1_800
ONE_HOUR = 3_600
ONE_DAY = 86_400

ASSUMED_TERMS = CacheTerms(
    kind="automatic",
    lifetimes_seconds=(FIVE_MINUTES,),
    minimum_prefix_tokens=1_024,
    block_tokens=128,
)
"""Automatic caching whose details are not documented: taken to be no better than OpenAI's."""

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="anthropic",
        dialect="anthropic_messages",
        base_url="https://api.anthropic.com",
        api_key_env="ANTHROPIC_API_KEY",
        auth="x-api-key",
        # docs.claude.com, prompt caching. Some models ask for more than 1,024 tokens; a shorter
        # prefix is then served uncached without an error.
        cache=CacheTerms(
            kind="explicit",
            lifetimes_seconds=(FIVE_MINUTES, ONE_HOUR),
            minimum_prefix_tokens=1_024,
            max_breakpoints=4,
        ),
        closing_stops_billing=True,
    ),
    Provider(
        name="openai",
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        api_key_env="OPENAI_API_KEY",
        auth="bearer",
        # developers.openai.com, prompt caching: kept for 5 to 10 minutes without use, at least 30
        # minutes from gpt-5.6 on, up to a day with `prompt_cache_retention`; hits in steps of 128
        # from 1,024 tokens up.
        cache=CacheTerms(
            kind="automatic",
            lifetimes_seconds=(FIVE_MINUTES, HALF_AN_HOUR, ONE_DAY),
            minimum_prefix_tokens=1_024,
            block_tokens=128,
        ),
        closing_stops_billing=True,
    ),
    Provider(
        name="gcp.gemini",
        # Google's OpenAI-compatible endpoint, until `gemini_generate` can be spoken.
        dialect="openai_chat",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        api_key_env="GEMINI_API_KEY",
        auth="bearer",
        # ai.google.dev, implicit caching: 2,048 tokens for the 2.5 models; lifetime not stated.
        cache=CacheTerms(
            kind="automatic", lifetimes_seconds=(FIVE_MINUTES,), minimum_prefix_tokens=2_048
        ),
        closing_stops_billing=False,
    ),
    Provider(
        name="deepseek",
        dialect="openai_chat",
        base_url="https://api.deepseek.com/v1",
        api_key_env="DEEPSEEK_API_KEY",
        auth="bearer",
        # api-docs.deepseek.com, context caching on disk: units of 64 tokens, cleared after "a few
        # hours to a few days" without use; one hour is the part that can be counted on.
        cache=CacheTerms(
            kind="automatic",
            lifetimes_seconds=(ONE_HOUR,),
            minimum_prefix_tokens=64,
            block_tokens=64,
        ),
        closing_stops_billing=True,
    ),
    Provider(
        name="moonshot_ai",
        dialect="openai_chat",
        base_url="https://api.moonshot.ai/v1",
        api_key_env="MOONSHOT_API_KEY",
        auth="bearer",
        cache=ASSUMED_TERMS,
        closing_stops_billing=False,
    ),
    Provider(
        name="x_ai",
        dialect="openai_chat",
        base_url="https://api.x.ai/v1",
        api_key_env="XAI_API_KEY",
        auth="bearer",
        cache=ASSUMED_TERMS,
        closing_stops_billing=True,
    ),
    Provider(
        name="mistral_ai",
        dialect="openai_chat",
        base_url="https://api.mistral.ai/v1",
        api_key_env="MISTRAL_API_KEY",
        auth="bearer",
        cache=ASSUMED_TERMS,
        closing_stops_billing=False,
    ),
    Provider(
        name="z_ai",
        dialect="openai_chat",
        base_url="https://api.z.ai/api/paas/v4",
        api_key_env="ZAI_API_KEY",
        auth="bearer",
        cache=ASSUMED_TERMS,
        closing_stops_billing=False,
    ),
    Provider(
        name="minimax",
        dialect="openai_chat",
        base_url="https://api.minimax.io/v1",
        api_key_env="MINIMAX_API_KEY",
        auth="bearer",
        cache=ASSUMED_TERMS,
        closing_stops_billing=False,
    ),
    Provider(
        name="alibaba",
        dialect="openai_chat",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        api_key_env="DASHSCOPE_API_KEY",
        auth="bearer",
        # Model Studio, context cache: implicit from 256 tokens; lifetime not stated.
        cache=CacheTerms(
            kind="automatic", lifetimes_seconds=(FIVE_MINUTES,), minimum_prefix_tokens=256
        ),
        closing_stops_billing=False,
    ),
)
