"""Where the providers' endpoints depart from their dialects, each with where it is documented.

Rules of this module: constants only; fields are named as the wire has them; an entry says what is
documented to be refused or ignored, and what an imitation of another vendor's API is not known to
take is left out of what we send there.
"""

from dataclasses import replace
from typing import Final

from turnout.catalog import provider_refusals as refusals
from turnout.catalog.models import FamilyQuirks
from turnout.quirks import OPENAI_ANSWER_SCHEMA, OPENAI_TOOL_SCHEMA, Quirks

CACHE_KEY: Final = "prompt_cache_key"
"""developers.openai.com/api/docs/guides/prompt-caching: is taken with the prefix for finding the machine."""

OPENAI_ONLY: Final = (
    CACHE_KEY,
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "service_tier",
    "store",
    "metadata",
    "verbosity",
    "prediction",
    "moderation",
    "web_search_options",
)
"""Fields of chat completions that speak of OpenAI's own service; imitations ignore or refuse them."""

COMPATIBLE: Final = Quirks(
    refuses=OPENAI_ONLY,
    renames=(("max_completion_tokens", "max_tokens"),),
    custom_tools=False,
    developer_role=False,
    image_details=("auto", "low", "high"),
    efforts=("low", "medium", "high"),
)
"""An OpenAI-compatible server: the form of 2024, which all of them take."""

LOCAL: Final = Quirks(
    refuses=("parallel_tool_calls",),
    # The templates of Qwen's models raise on any other system message (QwenLM/Qwen3.8#244,
    # vllm-project/vllm#41114), and a server of one's own runs the template that its model brings.
    one_system_message=True,
    refusals=refusals.LOCAL,
).over(COMPATIBLE)
"""Servers for models of one's own: docs.ollama.com/api/openai-compatibility lists what is taken."""

ANTHROPIC_IMITATION: Final = Quirks(
    # Fields of betas, and of Anthropic's own service; `metadata` is the user's device and account.
    refuses=(
        "metadata",
        "context_management",
        "output_config",
        "safeguards",
        "container",
        "mcp_servers",
        "service_tier",
        "speed",
        "inference_geo",
        "diagnostics",
    ),
    # Claude Code's first block: it differs from thread to thread, and a cache compares from there on.
    system_refuses=("x-anthropic-billing-header",),
    deferred_tools=False,
    system_anywhere=False,
    schema_kinds=(),
    thinking="budget",
    efforts=(),
)
"""An Anthropic-compatible endpoint of another vendor: the API of 2025 without betas."""

MOONSHOT_ANTHROPIC: Final = Quirks(
    # anthropics/claude-code#37757, farion1231/cc-switch#3377: refuses it in the words of its chat server,
    # to which an empty one counts as missing.
    call_reasoning="blank",
    refusals=refusals.MOONSHOT,
).over(ANTHROPIC_IMITATION)
ZHIPU_ANTHROPIC: Final = Quirks(refusals=refusals.ZHIPU).over(ANTHROPIC_IMITATION)
MINIMAX_ANTHROPIC: Final = Quirks(refusals=refusals.MINIMAX).over(ANTHROPIC_IMITATION)
ALIBABA_ANTHROPIC: Final = Quirks(refusals=refusals.ALIBABA).over(ANTHROPIC_IMITATION)
OPENROUTER_SESSION: Final = "x-session-id"
"""openrouter.ai/docs/api/api-reference: keeps a session at one of its providers, in both dialects."""

OPENROUTER_ANTHROPIC: Final = Quirks(
    cache_header=OPENROUTER_SESSION, refusals=refusals.OPENROUTER
).over(ANTHROPIC_IMITATION)
LOCAL_ANTHROPIC: Final = Quirks(refusals=refusals.LOCAL).over(ANTHROPIC_IMITATION)

DEEPSEEK_ANTHROPIC: Final = Quirks(
    # api-docs.deepseek.com/guides/anthropic_api: effort is taken, budgets are ignored.
    takes=("output_config",),
    efforts=("low", "high", "max"),
    # Likewise, in its words; QwenLM/qwen-code#3788: an empty block is taken.
    call_reasoning="empty",
).over(ANTHROPIC_IMITATION)

OPENAI_CHAT: Final = Quirks(
    # developers.openai.com/api/docs/guides/reasoning: of models that reason.
    thinking_refuses=(
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "stop",
    ),
    # developers.openai.com/api/reference, chat completions: models that reason refuse the old name, all
    # take the new one; Copilot CLI, Qwen Code and opencode send the old one.
    renames=(("max_tokens", "max_completion_tokens"),),
    cache_field=CACHE_KEY,
)
OPENAI_RESPONSES: Final = Quirks(
    thinking_refuses=("temperature", "top_p", "top_logprobs"), cache_field=CACHE_KEY
)

OPENAI_FAMILIES: Final = (
    # developers.openai.com/api/docs/models: effort, verbosity and custom tools came with gpt-5;
    # gpt-5 and the o series know no `none`, gpt-5.1 and later no `minimal`.
    FamilyQuirks(
        names=r"(gpt-4|gpt-3|chatgpt).*",
        quirks=Quirks(
            refuses=("reasoning_effort", "verbosity", "reasoning"), custom_tools=False, efforts=()
        ),
    ),
    FamilyQuirks(
        names=r"o\d.*",
        quirks=Quirks(
            refuses=("verbosity", "parallel_tool_calls"),
            custom_tools=False,
            efforts=("low", "medium", "high"),
        ),
    ),
    FamilyQuirks(names=r"gpt-5(-.*)?", quirks=Quirks(efforts=("minimal", "low", "medium", "high"))),
    FamilyQuirks(
        names=r"gpt-(5\.\d|[6-9]).*",
        quirks=Quirks(efforts=("none", "low", "medium", "high", "xhigh")),
    ),
)

CLAUDE_FAMILIES: Final = (
    # platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages: from Opus 4.8
    # on, and Sonnet 5; those before take system messages in front only.
    FamilyQuirks(
        names=r"(.*\.)?claude-((3|sonnet-4|haiku-4|opus-4-[0-7]|opus-4-2).*|opus-4(@.*)?|mythos-preview)",
        quirks=Quirks(system_anywhere=False),
    ),
    # platform.claude.com/docs/en/build-with-claude/effort: from Opus 4.5 and Sonnet 4.6 on;
    # .../adaptive-thinking: from 4.6 on; before, budgets only.
    FamilyQuirks(
        names=r"(.*\.)?claude-(3.*|(sonnet|haiku)-4-5.*|(sonnet|opus)-4(-[01].*|-2025.*|@.*)?)",
        quirks=Quirks(
            refuses=("safeguards",),
            thinking="budget",
            efforts=(),
            one_of_temperature_and_top_p=True,
        ),
    ),
    FamilyQuirks(
        names=r"(.*\.)?claude-opus-4-5.*",
        quirks=Quirks(thinking="budget", efforts=("low", "medium", "high")),
    ),
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus|sonnet)-4-6.*",
        quirks=Quirks(efforts=("low", "medium", "high", "max")),
    ),
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus-4-[56]|sonnet-4-6).*",
        quirks=Quirks(one_of_temperature_and_top_p=True),
    ),
    # platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal: from 4.6 on.
    FamilyQuirks(
        names=r"(.*\.)?claude-((opus|sonnet)-4-[6-9]|(opus|sonnet|haiku|fable|mythos)-[5-9]|mythos-preview).*",
        quirks=Quirks(answers_begun=False),
    ),
    # platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-7: sampling is refused.
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus-4-[78]|(opus|sonnet|haiku|fable|mythos)-[5-9]).*",
        quirks=Quirks(refuses=("temperature", "top_p", "top_k")),
    ),
    # platform.claude.com/docs/en/build-with-claude/preserved-thinking/prefix-checks: these models.
    FamilyQuirks(
        names=r"(.*\.)?claude-((opus|sonnet|haiku)-5-[5-9]|(fable|mythos)-5-[1-9]).*",
        quirks=Quirks(preserved_thinking=True),
    ),
    # .../models/sonnet-5-5/migration-guide, "Thinking runs by default", and .../models/opus-5-5/
    # whats-new-opus-5-5: from Opus 5 and Sonnet 5 on without being asked.
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus|sonnet|haiku|fable|mythos)-[5-9].*",
        quirks=Quirks(thinks_unasked=True),
    ),
    # .../build-with-claude/thinking-troubleshooting: which `thinking.type` each model refuses. Opus 5 and
    # Haiku 5.5 are turned off up to effort high, Sonnet 5.5 likewise and by a word of its own; Opus 5.5,
    # Fable and Mythos never.
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus-5(-2.*|@.*)?|haiku-5-[5-9].*)",
        quirks=Quirks(unthinking_efforts=("low", "medium", "high")),
    ),
    FamilyQuirks(
        names=r"(.*\.)?claude-sonnet-5-[5-9].*",
        quirks=Quirks(thinking_off="between_tools", unthinking_efforts=("low", "medium", "high")),
    ),
    FamilyQuirks(
        names=r"(.*\.)?claude-(opus-5-[5-9]|(fable|mythos)-[5-9]).*",
        quirks=Quirks(thinking_off="never"),
    ),
    # .../api/errors, "Forced tool use not supported": Opus 5.5, Sonnet 5.5, Fable 5.1, Mythos 5.1.
    # Fable 5 and Mythos 5: the API's own error (github.com/Yeachan-Heo/gajae-code/pull/482).
    FamilyQuirks(
        names=r"(.*\.)?claude-((opus|sonnet)-5-[5-9]|(fable|mythos)-[5-9]).*",
        quirks=Quirks(forced_tool_choice=False),
    ),
)

GEMINI_FAMILIES: Final = (
    # ai.google.dev/gemini-api/docs/thinking: from Gemini 3 on, and 2.5 Pro, cannot be told not to think.
    # .../generate-content/thinking#thinking-levels: MINIMAL draws a 400 but at these Flash models
    # (earendil-works/pi#9455); as a budget 2.5 Pro takes what it comes to.
    FamilyQuirks(
        names=r"(.*/)?gemini-(?![12]\b|(pro|flash)$).*",
        quirks=Quirks(thinking_off="never", efforts=("low", "medium", "high")),
    ),
    FamilyQuirks(
        names=r"(.*/)?gemini-(2\.5-pro|3-flash|3\.[156]-flash).*",
        quirks=Quirks(thinking_off="never", efforts=("minimal", "low", "medium", "high")),
    ),
    # docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-5-flash-lite, and
    # Zoo-Code-Org/Zoo-Code#1052: 3.6 Flash and what came with it and after it.
    FamilyQuirks(
        names=r"(.*/)?gemini-(3\.5-flash-lite|3\.[6-9]|[4-9]|(flash|flash-lite)-latest).*",
        quirks=Quirks(answers_begun=False),
    ),
)

GEMINI_CHAT: Final = Quirks(
    refusals=refusals.GOOGLE_CHAT,
    # ai.google.dev/gemini-api/docs/openai: efforts minimal, low, medium, high and none.
    refuses=("seed", "logit_bias", "parallel_tool_calls"),
    efforts=("none", "minimal", "low", "medium", "high"),
).over(COMPATIBLE)

THINKING_DISABLED: Final = ("thinking", '{"type":"disabled"}')

DEEPSEEK_CHAT: Final = Quirks(
    # api-docs.deepseek.com/guides/thinking_mode: low, high and max, and a switch, which is on; sampling has
    # no effect with it.
    # api-docs.deepseek.com/guides/json_mode: no schema.
    refuses=("parallel_tool_calls", "seed"),
    # The same page: a 400 for a turn with calls without its reasoning_content, in all later requests.
    # theopenco/llmgateway#2093 tried what stands for reasoning that there is none of.
    efforts=("none", "low", "high", "max"),
    effort_none=THINKING_DISABLED,
    call_reasoning="empty",
    schema_kinds=("json",),
    most_stop_sequences=16,
).over(COMPATIBLE)

MOONSHOT_CHAT: Final = Quirks(
    refusals=refusals.MOONSHOT,
    # The API's own errors: "when using anyOf, type should be defined in anyOf items instead of the
    # parent schema", also at the root and for oneOf, and "tools.function.parameters.type is required
    # and must be object" (github.com/MoonshotAI/kimi-code/issues/2661).
    tool_schema=replace(OPENAI_TOOL_SCHEMA, restates=("oneOf",), types_beside_unions=False),
    # platform.moonshot.ai/docs/guide: temperature from 0 to 1, no effort.
    refuses=("reasoning_effort", "seed"),
    # .../use-kimi-k2-thinking-model: reasoning_content on every message with calls;
    # theopenco/llmgateway#2093: an empty one counts as missing, a space does not.
    takes=(CACHE_KEY, "safety_identifier"),
    # platform.moonshot.ai/docs/api/chat: a session's id, for better hits.
    cache_field=CACHE_KEY,
    most_temperature=1.0,
    most_stop_sequences=5,
    efforts=(),
    call_reasoning="blank",
).over(COMPATIBLE)

ZHIPU_CHAT: Final = Quirks(
    refusals=refusals.ZHIPU,
    # docs.z.ai/api-reference/llm/chat-completion: one stop word, temperature from 0 to 1, JSON
    # objects without a schema, tool choice auto alone.
    refuses=("seed", "parallel_tool_calls", "presence_penalty", "frequency_penalty"),
    forced_tool_choice=False,
    # docs.z.ai/guides/capabilities/thinking-mode, preserved thinking: off unless asked for at this endpoint.
    reads_reasoning=("thinking", '{"type":"enabled","clear_thinking":false}'),
    # The same page, default thinking behaviour: on unless switched off.
    efforts=("none", "low", "medium", "high"),
    effort_none=THINKING_DISABLED,
    schema_kinds=("json",),
    most_temperature=1.0,
    most_stop_sequences=1,
).over(COMPATIBLE)

MINIMAX_CHAT: Final = Quirks(
    refusals=refusals.MINIMAX,
    # platform.minimax.io/docs/api-reference/text-openai-api: temperature in (0, 1]; penalties and
    # logit_bias are ignored.
    refuses=("presence_penalty", "frequency_penalty", "logit_bias", "reasoning_effort", "seed"),
    most_temperature=1.0,
    efforts=(),
).over(COMPATIBLE)

ALIBABA_CHAT: Final = Quirks(
    refusals=refusals.ALIBABA,
    # alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope
    refuses=("reasoning_effort",),
    # alibabacloud.com/help/en/model-studio/deep-thinking, hybrid thinking mode.
    efforts=("none",),
    effort_none=("enable_thinking", "false"),
).over(COMPATIBLE)

MISTRAL_CHAT: Final = Quirks(
    # docs.mistral.ai/api (chat): `random_seed` for `seed`; no stream_options, logprobs or penalties
    # by token; usage comes unasked in the last chunk. Ids of calls: the API's own error says
    # "must be a-z, A-Z, 0-9, with a length of 9".
    refuses=("stream_options", "logprobs", "top_logprobs", "logit_bias", "user"),
    takes=("metadata", CACHE_KEY),
    cache_field=CACHE_KEY,
    renames=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed")),
    # Likewise: "Unexpected role 'system' after role 'assistant'", "... 'user' after role 'tool'"
    # (zed-industries/zed#31736).
    one_system_message=True,
    results_want_answer=True,
    call_id_pattern="[a-zA-Z0-9]{9}",
    call_id_characters=9,
    efforts=("none", "high"),
    reports_usage_unasked=True,
    most_temperature=1.5,
).over(COMPATIBLE)

XAI_CHAT: Final = Quirks(
    # docs.x.ai/docs/guides/reasoning: models that reason refuse penalties and stop.
    refuses=("logit_bias",),
    takes=(CACHE_KEY,),
    # docs.x.ai/developers/advanced-api-usage/prompt-caching: the field is for its Responses API.
    cache_header="x-grok-conv-id",
    thinking_refuses=("presence_penalty", "frequency_penalty", "stop"),
).over(COMPATIBLE)

GROQ_CHAT: Final = Quirks(
    refusals=refusals.GROQ,
    # console.groq.com/docs/openai: a 400 for logprobs, logit_bias and top_logprobs.
    refuses=("logprobs", "top_logprobs", "logit_bias"),
    takes=("service_tier",),
).over(COMPATIBLE)

CEREBRAS_CHAT: Final = Quirks(
    refusals=refusals.CEREBRAS,
    # inference-docs.cerebras.ai/capabilities/structured-outputs: unions by anyOf, never by a list of
    # types.
    answer_schema=replace(OPENAI_ANSWER_SCHEMA, type_lists=False),
    # inference-docs.cerebras.ai/resources/openai: penalties and logit_bias draw a 400.
    refuses=("presence_penalty", "frequency_penalty", "logit_bias"),
).over(COMPATIBLE)

# docs.fireworks.ai/guides/prompt-caching: the key keeps a conversation at its replica.
FIREWORKS_CHAT: Final = Quirks(takes=(CACHE_KEY,), cache_field=CACHE_KEY).over(COMPATIBLE)

TOGETHER_CHAT: Final = Quirks(refusals=refusals.TOGETHER).over(COMPATIBLE)

OPENROUTER_CHAT: Final = Quirks(
    # openrouter.ai/docs/api-reference/overview: fields that a model does not know are left out there,
    # not refused.
    takes=(CACHE_KEY, "verbosity", "metadata"),
    cache_header=OPENROUTER_SESSION,
    refusals=refusals.OPENROUTER,
).over(COMPATIBLE)

AZURE_CHAT: Final = Quirks(refusals=refusals.AZURE).over(OPENAI_CHAT)
AZURE_RESPONSES: Final = Quirks(refusals=refusals.AZURE).over(OPENAI_RESPONSES)

BEDROCK_CHAT: Final = Quirks(
    # docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
    refuses=OPENAI_ONLY,
    custom_tools=False,
)

VERTEX_CHAT: Final = Quirks(
    refusals=refusals.GOOGLE_CHAT,
    # docs.cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview: what is not listed
    # there is ignored.
    refuses=("logit_bias", "parallel_tool_calls"),
).over(COMPATIBLE)
