"""The providers we know: addresses, keys and cache terms.

Rules of this module: constants only. Cache terms are the providers' documented ones; where a
provider documents none, the entry says that they are assumed.

The first endpoint is the one that translated requests go to. OpenAI's own models: responses, which
keeps the reasoning of a turn in sealed items that come back on the next; imitations: chat, which is
what they were built for; Gemini: its own API, which alone has thought signatures.
"""

from dataclasses import replace

from turnout.catalog import provider_quirks as quirks
from turnout.catalog.compatible_providers import ASSUMED_TERMS, COMPATIBLE_PROVIDERS, FIVE_MINUTES
from turnout.catalog.models import CacheTerms, Endpoint, PrefixMinimum, Provider

HALF_AN_HOUR = 1_800
ONE_HOUR = 3_600
ONE_DAY = 86_400

ANTHROPIC_TERMS = CacheTerms(
    kind="explicit",
    lifetimes_seconds=(FIVE_MINUTES, ONE_HOUR),
    minimum_prefix_tokens=1_024,
    max_breakpoints=4,
    own_breakpoint=True,
    minimums=(
        PrefixMinimum(names=r"(.*\.)?claude-(opus-4-[56]|haiku-4-5)(-.*|@.*)?", tokens=4_096),
        PrefixMinimum(names=r"(.*\.)?claude-opus-4-7(-.*|@.*)?", tokens=2_048),
        PrefixMinimum(names=r"(.*\.)?claude-3(-5)?-haiku.*", tokens=2_048),
        PrefixMinimum(names=r"(.*\.)?claude-(opus|fable|mythos)-5(-\d{8}.*|@.*)?", tokens=512),
    ),
)
"""platform.claude.com/docs/en/build-with-claude/prompt-caching, whose minimums docs.litellm.ai/docs/
completion/prompt_caching repeats; a shorter prefix is served uncached without an error. Of models that
are not named there 1,024 is assumed."""

OPENAI_TERMS = CacheTerms(
    kind="automatic",
    lifetimes_seconds=(FIVE_MINUTES, HALF_AN_HOUR, ONE_DAY),
    minimum_prefix_tokens=1_024,
    block_tokens=128,
)
"""developers.openai.com, prompt caching: kept for 5 to 10 minutes without use, at least 30 minutes
from gpt-5.6 on, up to a day with `prompt_cache_retention`; hits in steps of 128 from 1,024 tokens."""

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="anthropic",
        endpoints=(
            Endpoint(
                dialect="anthropic_messages",
                base_url="https://api.anthropic.com",
                auth="x-api-key",
                is_original=True,
                families=quirks.CLAUDE_FAMILIES,
            ),
        ),
        api_key_env="ANTHROPIC_API_KEY",
        cache=ANTHROPIC_TERMS,
        stops_billing_on_close=True,
    ),
    Provider(
        name="openai",
        endpoints=(
            Endpoint(
                dialect="openai_responses",
                base_url="https://api.openai.com/v1",
                # openai/codex, `model-provider-info`: where Codex goes that is signed in with ChatGPT.
                subscription_url="https://chatgpt.com/backend-api/codex",
                is_original=True,
                quirks=quirks.OPENAI_RESPONSES,
                families=quirks.OPENAI_FAMILIES,
            ),
            Endpoint(
                dialect="openai_chat",
                base_url="https://api.openai.com/v1",
                is_original=True,
                quirks=quirks.OPENAI_CHAT,
                families=quirks.OPENAI_FAMILIES,
            ),
        ),
        api_key_env="OPENAI_API_KEY",
        cache=OPENAI_TERMS,
        stops_billing_on_close=True,
    ),
    Provider(
        name="gcp.gemini",
        endpoints=(
            Endpoint(
                dialect="gemini_generate",
                base_url="https://generativelanguage.googleapis.com",
                auth="x-goog-api-key",
                is_original=True,
                families=quirks.GEMINI_FAMILIES,
            ),
            Endpoint(
                dialect="openai_chat",
                base_url="https://generativelanguage.googleapis.com/v1beta/openai",
                quirks=quirks.GEMINI_CHAT,
                families=quirks.GEMINI_FAMILIES,
            ),
        ),
        api_key_env="GEMINI_API_KEY",
        # ai.google.dev/gemini-api/docs/caching: 4,096 tokens, for the 2.5 models 2,048; lifetime not
        # stated.
        cache=CacheTerms(
            kind="automatic",
            lifetimes_seconds=(FIVE_MINUTES,),
            minimum_prefix_tokens=4_096,
            minimums=(PrefixMinimum(names=r"gemini-2\..*", tokens=2_048),),
        ),
    ),
    # learn.microsoft.com/azure/foundry/openai/api-version-lifecycle: the v1 API, without dated
    # versions; `model` is the name of the deployment. Every resource has an address of its own:
    # https://<resource>.openai.azure.com/openai/v1.
    Provider(
        name="azure.ai.openai",
        endpoints=(
            Endpoint(
                dialect="openai_responses",
                base_url="",
                auth="api-key",
                is_original=True,
                quirks=quirks.AZURE_RESPONSES,
                families=quirks.OPENAI_FAMILIES,
            ),
            Endpoint(
                dialect="openai_chat",
                base_url="",
                auth="api-key",
                is_original=True,
                quirks=quirks.AZURE_CHAT,
                families=quirks.OPENAI_FAMILIES,
            ),
        ),
        api_key_env="AZURE_OPENAI_API_KEY",
        cache=OPENAI_TERMS,
        stops_billing_on_close=True,
    ),
    # docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html and api-keys-use.html: one
    # host a region, a bearer key, Anthropic's and OpenAI's APIs. Signed requests (SigV4) and the
    # Converse API are not spoken.
    Provider(
        name="aws.bedrock",
        endpoints=(
            Endpoint(
                dialect="anthropic_messages",
                base_url="https://bedrock-mantle.us-east-1.api.aws/anthropic",
                is_original=True,
                families=quirks.CLAUDE_FAMILIES,
            ),
            Endpoint(
                dialect="openai_chat",
                base_url="https://bedrock-mantle.us-east-1.api.aws/v1",
                quirks=quirks.BEDROCK_CHAT,
            ),
        ),
        api_key_env="AWS_BEARER_TOKEN_BEDROCK",
        # platform.claude.com/docs/en/build-with-claude/prompt-caching: `cache_control` beside the messages is not
        # for Bedrock.
        cache=replace(ANTHROPIC_TERMS, own_breakpoint=False),
    ),
    # docs.cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview: bearer tokens live
    # an hour and are not renewed by us; project and region stand in the address:
    # https://<region>-aiplatform.googleapis.com/v1/projects/<p>/locations/<region>/endpoints/openapi.
    # Gemini's own API and Anthropic's on Vertex have other paths and bodies and are not spoken.
    Provider(
        name="gcp.vertex_ai",
        endpoints=(
            Endpoint(
                dialect="openai_chat",
                base_url="",
                quirks=quirks.VERTEX_CHAT,
                families=quirks.GEMINI_FAMILIES,
            ),
        ),
        api_key_env="GOOGLE_OAUTH_ACCESS_TOKEN",
        cache=ASSUMED_TERMS,
    ),
    *COMPATIBLE_PROVIDERS,
)
