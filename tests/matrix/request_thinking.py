"""How much is to be thought, and which form the answer is to have."""

from tests.matrix.declared import Feature, Json, Side, silent
from tests.matrix.request_controls import at

EFFORT = Feature(
    "effort",
    "effort of thinking",
    "medium",
    {
        "anthropic_messages": Side(
            {"output_config": {"effort": "medium"}}, at(("output_config", "effort"))
        ),
        "openai_chat": Side({"reasoning_effort": "medium"}, at(("reasoning_effort",))),
        "openai_responses": Side({"reasoning": {"effort": "medium"}}, at(("reasoning", "effort"))),
        "gemini_generate": Side(
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "MEDIUM"}}},
            at(("generationConfig", "thinkingConfig", "thinkingLevel")),
            value="MEDIUM",
        ),
    },
)

_BUDGET = 3_000

BUDGET = Feature(
    "thinking_budget",
    "thinking budget in tokens, where the model takes one",
    _BUDGET,
    {
        "anthropic_messages": Side(
            {"thinking": {"type": "enabled", "budget_tokens": _BUDGET}},
            at(("thinking", "budget_tokens")),
        ),
        "openai_chat": silent("OpenAI takes words of effort (next row)"),
        "openai_responses": silent("OpenAI takes words of effort (next row)"),
        "gemini_generate": Side(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": _BUDGET}}},
            at(("generationConfig", "thinkingConfig", "thinkingBudget")),
        ),
    },
    model="tuned",
)

BUDGET_AS_EFFORT = Feature(
    "budget_as_effort",
    "thinking budget, as effort where the model takes words",
    "low",
    {
        "anthropic_messages": Side(
            {"thinking": {"type": "enabled", "budget_tokens": _BUDGET}},
            at(("output_config", "effort")),
            differs=True,
        ),
        "openai_chat": Side(None, at(("reasoning_effort",)), why="OpenAI has no budgets"),
        "openai_responses": Side(None, at(("reasoning", "effort")), why="OpenAI has no budgets"),
        "gemini_generate": Side(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": _BUDGET}}},
            at(("generationConfig", "thinkingConfig", "thinkingLevel")),
            value="MEDIUM",
            differs=True,
        ),
    },
)

OFF = Feature(
    "thinking_off",
    "no thinking",
    "none",
    {
        "anthropic_messages": Side(
            {"thinking": {"type": "disabled"}}, at(("thinking", "type")), value="disabled"
        ),
        "openai_chat": Side({"reasoning_effort": "none"}, at(("reasoning_effort",))),
        "openai_responses": Side({"reasoning": {"effort": "none"}}, at(("reasoning", "effort"))),
        "gemini_generate": Side(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
            at(("generationConfig", "thinkingConfig", "thinkingLevel")),
            # The least that this model does.
            value="LOW",
            differs=True,
        ),
    },
)

ANSWER_SCHEMA: Json = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["title", "n"],
    "additionalProperties": False,
}

SCHEMA = Feature(
    "json_schema",
    "answer by a JSON schema",
    ANSWER_SCHEMA,
    {
        "anthropic_messages": Side(
            {"output_config": {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}},
            at(("output_config", "format", "schema")),
        ),
        "openai_chat": Side(
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "title", "schema": ANSWER_SCHEMA},
                }
            },
            at(("response_format", "json_schema", "schema")),
        ),
        "openai_responses": Side(
            {"text": {"format": {"type": "json_schema", "name": "t", "schema": ANSWER_SCHEMA}}},
            at(("text", "format", "schema")),
        ),
        "gemini_generate": Side(
            {
                "generationConfig": {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": ANSWER_SCHEMA,
                }
            },
            at(("generationConfig", "responseJsonSchema")),
        ),
    },
)

JSON_OBJECT = Feature(
    "json_object",
    "answer as any JSON object",
    "json_object",
    {
        "anthropic_messages": silent("Anthropic takes schemas only"),
        "openai_chat": Side(
            {"response_format": {"type": "json_object"}}, at(("response_format", "type"))
        ),
        "openai_responses": Side(
            {"text": {"format": {"type": "json_object"}}}, at(("text", "format", "type"))
        ),
        "gemini_generate": Side(
            {"generationConfig": {"responseMimeType": "application/json"}},
            at(("generationConfig", "responseMimeType")),
            value="application/json",
        ),
    },
)

SHOWN = Feature(
    "reasoning_shown",
    "reasoning asked to be shown",
    "auto",
    {
        "anthropic_messages": Side(
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "medium"},
            },
            at(("thinking", "display")),
            value="summarized",
        ),
        "openai_chat": silent("chat has no word for it"),
        "openai_responses": Side(
            {"reasoning": {"effort": "medium", "summary": "auto"}}, at(("reasoning", "summary"))
        ),
        "gemini_generate": Side(
            {
                "generationConfig": {
                    "thinkingConfig": {"thinkingLevel": "MEDIUM", "includeThoughts": True}
                }
            },
            at(("generationConfig", "thinkingConfig", "includeThoughts")),
            value=True,
        ),
    },
)

THINKING: tuple[Feature, ...] = (
    EFFORT,
    BUDGET,
    BUDGET_AS_EFFORT,
    OFF,
    SHOWN,
    SCHEMA,
    JSON_OBJECT,
)
