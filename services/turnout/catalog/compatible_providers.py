"""Providers whose API is another vendor's: a new one of these is an entry here, or in the user's file.

Rules of this module: constants only; an address is the documented one; cache terms that are not
documented are assumed to be no better than OpenAI's; servers of one's own take no key and are on
loopback, where they listen by default. Imitations of `openai_responses` are left out: they take none
of the tools that agents send in that dialect (custom, namespaces, tool search), and chat carries all.
"""

from turnout.catalog import compatible_families as families
from turnout.catalog import provider_quirks as quirks
from turnout.catalog.models import Auth, CacheTerms, Endpoint, FamilyQuirks, Provider
from turnout.quirks import Quirks

FIVE_MINUTES = 300
_ONE_HOUR = 3_600
_TWO_HOURS = 7_200

ASSUMED_TERMS = CacheTerms(
    kind="automatic",
    lifetimes_seconds=(FIVE_MINUTES,),
    minimum_prefix_tokens=1_024,
    block_tokens=128,
)
"""Automatic caching whose details are not documented: taken to be no better than OpenAI's."""

GROQ_TERMS = CacheTerms(
    kind="automatic",
    lifetimes_seconds=(_TWO_HOURS,),
    minimum_prefix_tokens=1_024,
    block_tokens=128,
)
"""console.groq.com/docs/prompt-caching: expires after two hours without use; the sizes are assumed."""

CEREBRAS_TERMS = CacheTerms(
    kind="automatic", lifetimes_seconds=(FIVE_MINUTES,), minimum_prefix_tokens=128, block_tokens=128
)
"""inference-docs.cerebras.ai/capabilities/prompt-caching: blocks of 128 tokens, five minutes at least."""

PREFIX_TERMS = CacheTerms(
    kind="automatic", lifetimes_seconds=(FIVE_MINUTES,), minimum_prefix_tokens=16, block_tokens=16
)
"""A server that keeps the prefixes it has room for: docs.vllm.ai, automatic prefix caching, in blocks
of 16 tokens. How long is a matter of room; five minutes is assumed."""


def _chat(
    base_url: str,
    departs: Quirks = quirks.COMPATIBLE,
    of_models: tuple[FamilyQuirks, ...] = (),
) -> Endpoint:
    return Endpoint(dialect="openai_chat", base_url=base_url, quirks=departs, families=of_models)


def _anthropic(
    base_url: str, departs: Quirks = quirks.ANTHROPIC_IMITATION, *, auth: Auth = "x-api-key"
) -> Endpoint:
    return Endpoint(dialect="anthropic_messages", base_url=base_url, auth=auth, quirks=departs)


def _local(port: int) -> tuple[Endpoint, ...]:
    root = f"http://127.0.0.1:{port}"
    return (
        Endpoint(dialect="openai_chat", base_url=f"{root}/v1", auth="none", quirks=quirks.LOCAL),
        _anthropic(root, quirks.LOCAL_ANTHROPIC, auth="none"),
    )


COMPATIBLE_PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="deepseek",
        endpoints=(
            _chat("https://api.deepseek.com/v1", quirks.DEEPSEEK_CHAT, families.DEEPSEEK),
            # api-docs.deepseek.com/guides/anthropic_api
            _anthropic("https://api.deepseek.com/anthropic", quirks.DEEPSEEK_ANTHROPIC),
        ),
        api_key_env="DEEPSEEK_API_KEY",
        # api-docs.deepseek.com, context caching on disk: units of 64 tokens, cleared after "a few
        # hours to a few days" without use; one hour is the part that can be counted on.
        cache=CacheTerms(
            kind="automatic",
            lifetimes_seconds=(_ONE_HOUR,),
            minimum_prefix_tokens=64,
            block_tokens=64,
        ),
        stops_billing_on_close=True,
    ),
    Provider(
        name="moonshot_ai",
        endpoints=(
            _chat("https://api.moonshot.ai/v1", quirks.MOONSHOT_CHAT, families.MOONSHOT),
            # platform.moonshot.ai/docs/guide/agent-support: ANTHROPIC_AUTH_TOKEN, a bearer token.
            # platform.moonshot.ai/docs/api/chat names neither lifetime nor minimum of its cache.
            _anthropic(
                "https://api.moonshot.ai/anthropic", quirks.MOONSHOT_ANTHROPIC, auth="bearer"
            ),
        ),
        api_key_env="MOONSHOT_API_KEY",
        cache=ASSUMED_TERMS,
    ),
    Provider(
        name="x_ai",
        endpoints=(_chat("https://api.x.ai/v1", quirks.XAI_CHAT),),
        api_key_env="XAI_API_KEY",
        # docs.x.ai/developers/advanced-api-usage/prompt-caching: may be evicted at any time.
        cache=ASSUMED_TERMS,
        stops_billing_on_close=True,
    ),
    Provider(
        name="mistral_ai",
        endpoints=(_chat("https://api.mistral.ai/v1", quirks.MISTRAL_CHAT),),
        api_key_env="MISTRAL_API_KEY",
        cache=ASSUMED_TERMS,
    ),
    Provider(
        name="z_ai",
        endpoints=(
            _chat("https://api.z.ai/api/paas/v4", quirks.ZHIPU_CHAT, families.ZHIPU),
            # docs.z.ai/devpack/tool/claude: with a bearer token. The address is that of pay as you
            # go; a coding plan has api/coding/paas/v4 (docs.z.ai/devpack), which `BASE_URL` names.
            # docs.z.ai/guides/capabilities/cache: automatic, without lifetime or minimum.
            _anthropic("https://api.z.ai/api/anthropic", quirks.ZHIPU_ANTHROPIC, auth="bearer"),
        ),
        api_key_env="ZAI_API_KEY",
        cache=ASSUMED_TERMS,
    ),
    Provider(
        name="minimax",
        endpoints=(
            _chat("https://api.minimax.io/v1", quirks.MINIMAX_CHAT, families.MINIMAX),
            # platform.minimax.io/docs/api-reference/text-anthropic-api. Beside caching by itself it
            # takes four breakpoints of five minutes (.../anthropic-api-compatible-cache).
            _anthropic("https://api.minimax.io/anthropic", quirks.MINIMAX_ANTHROPIC),
        ),
        api_key_env="MINIMAX_API_KEY",
        cache=ASSUMED_TERMS,
    ),
    Provider(
        name="alibaba",
        endpoints=(
            _chat(
                "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
                quirks.ALIBABA_CHAT,
                families.ALIBABA,
            ),
            # alibabacloud.com/help/en/model-studio/anthropic-api-messages
            _anthropic(
                "https://dashscope-intl.aliyuncs.com/apps/anthropic", quirks.ALIBABA_ANTHROPIC
            ),
        ),
        api_key_env="DASHSCOPE_API_KEY",
        # Model Studio, context cache: implicit from 256 tokens; lifetime not stated.
        cache=CacheTerms(
            kind="automatic", lifetimes_seconds=(FIVE_MINUTES,), minimum_prefix_tokens=256
        ),
    ),
    Provider(
        name="openrouter",
        endpoints=(
            _chat("https://openrouter.ai/api/v1", quirks.OPENROUTER_CHAT),
            # openrouter.ai/docs/guides/guides/claude-code-integration: with a bearer token.
            _anthropic("https://openrouter.ai/api", quirks.OPENROUTER_ANTHROPIC, auth="bearer"),
        ),
        api_key_env="OPENROUTER_API_KEY",
        cache=ASSUMED_TERMS,
    ),
    Provider(
        name="groq",
        endpoints=(_chat("https://api.groq.com/openai/v1", quirks.GROQ_CHAT),),
        api_key_env="GROQ_API_KEY",
        cache=GROQ_TERMS,
    ),
    Provider(
        name="together_ai",
        endpoints=(_chat("https://api.together.xyz/v1", quirks.TOGETHER_CHAT),),
        api_key_env="TOGETHER_API_KEY",
        cache=ASSUMED_TERMS,
        stops_billing_on_close=True,
    ),
    Provider(
        name="fireworks_ai",
        endpoints=(
            _chat("https://api.fireworks.ai/inference/v1", quirks.FIREWORKS_CHAT),
            # docs.fireworks.ai/tools-sdks/anthropic-compatibility: with a bearer token.
            _anthropic("https://api.fireworks.ai/inference", auth="bearer"),
        ),
        api_key_env="FIREWORKS_API_KEY",
        cache=ASSUMED_TERMS,
        stops_billing_on_close=True,
    ),
    Provider(
        name="cerebras",
        endpoints=(_chat("https://api.cerebras.ai/v1", quirks.CEREBRAS_CHAT),),
        api_key_env="CEREBRAS_API_KEY",
        cache=CEREBRAS_TERMS,
    ),
    # docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Provider(name="vllm", endpoints=_local(8000), cache=PREFIX_TERMS),
    # docs.ollama.com/api/openai-compatibility and .../anthropic-compatibility
    Provider(name="ollama", endpoints=_local(11434), cache=PREFIX_TERMS),
    # github.com/ggml-org/llama.cpp, tools/server/README.md; Anthropic's API since its #17570.
    Provider(name="llama_cpp", endpoints=_local(8080), cache=PREFIX_TERMS),
    # lmstudio.ai/docs/developer/openai-compat and .../anthropic-compat
    Provider(name="lm_studio", endpoints=_local(1234), cache=PREFIX_TERMS),
)
