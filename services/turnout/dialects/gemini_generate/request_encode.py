"""The neutral conversation as a request for one model.

Rules: model and stream are said in the path, not here; a conversation comes fitted to its target
(`turnout.dialects.fit`), so its numbers and schemas go out as they are, the schemas as JSON schema; cache
markers, which this wire has not, are left out; what the answer would suffer without is refused by name;
fields of this dialect that the client sent come back in its characters.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import Conversation, ServerTool, Tool
from turnout.dialects.gemini_generate.contents_encode import encode_contents
from turnout.dialects.gemini_generate.thoughts import demands_signatures
from turnout.dialects.offered_tools import offered_tools
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

EFFORT_TOKENS: Final = {
    "minimal": 512,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
"""Budgets of models without levels, as Google's own OpenAI-compatible endpoint translates words:
https://ai.google.dev/gemini-api/docs/openai#thinking
"""

_LEVELS: Final = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
"""Levels of models that have them; only some know more than these."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_Json = dict[str, object]


def encode_request(conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
    own = conversation.dialect == "gemini_generate"
    system, contents = encode_contents(conversation, model=model, has=has)
    body: _Json = {}
    if system is not None:
        body["systemInstruction"] = system
    body |= dict(_tools(conversation, has=has, own=own))
    body["contents"] = contents
    config = dict(_config(conversation, model=model, own=own))
    extras = dict(conversation.extras) if own else {}
    written = extras.pop("generationConfig", "")
    if written:
        config |= _OBJECT.decode(written)
        if "responseSchema" in config:
            config.pop("responseJsonSchema", None)
    if config:
        body["generationConfig"] = config
    if own:
        if conversation.metadata:
            body["labels"] = raw_fields(conversation.metadata)
        if conversation.service_tier:
            body["serviceTier"] = conversation.service_tier
        body |= raw_fields(tuple(extras.items()))
    return msgspec.json.encode(body)


def _config(conversation: Conversation, *, model: str, own: bool) -> Iterator[tuple[str, object]]:
    if conversation.max_output_tokens is not None:
        yield "maxOutputTokens", conversation.max_output_tokens
    sampling = conversation.sampling
    values = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "seed": sampling.seed,
    }
    for name, value in values.items():
        if value is not None:
            yield name, value
    if sampling.top_logprobs is not None:
        yield "responseLogprobs", True
        if sampling.top_logprobs:
            yield "logprobs", sampling.top_logprobs
    if conversation.stop_sequences:
        yield "stopSequences", list(conversation.stop_sequences)
    yield from _output_format(conversation)
    thinking = _own_thinking(conversation) if own else _thinking(conversation, model=model)
    if thinking:
        yield "thinkingConfig", thinking


def _output_format(conversation: Conversation) -> Iterator[tuple[str, object]]:
    wanted = conversation.output_format
    if wanted is None:
        return
    yield "responseMimeType", "application/json"
    if wanted.schema:
        yield "responseJsonSchema", msgspec.Raw(wanted.schema.encode())


def _own_thinking(conversation: Conversation) -> _Json:
    thinking = conversation.thinking
    encoded: _Json = {}
    match thinking.mode:
        case "off" | "between_tools":
            encoded["thinkingBudget"] = 0
        case "adaptive":
            encoded["thinkingBudget"] = -1
        case "on" if thinking.budget_tokens is not None:
            encoded["thinkingBudget"] = thinking.budget_tokens
        case "on" | None:
            pass
    if thinking.effort:
        encoded["thinkingLevel"] = thinking.effort.upper()
    if thinking.display:
        encoded["includeThoughts"] = thinking.display == "included"
    return encoded


def _thinking(conversation: Conversation, *, model: str) -> _Json:
    """A foreign wish: as a level where the model has those, else as a budget."""
    thinking = conversation.thinking
    effort = thinking.effort
    if thinking.mode is None and not effort:
        return {}
    is_off = thinking.is_off
    encoded: _Json = {}
    if demands_signatures(model):
        budget = thinking.budget_tokens
        if is_off:
            encoded["thinkingLevel"] = "MINIMAL"
        elif effort:
            encoded["thinkingLevel"] = _LEVELS.get(effort, "HIGH")
        elif budget is not None:
            encoded["thinkingLevel"] = _level(budget)
    elif is_off:
        encoded["thinkingBudget"] = 0
    elif thinking.budget_tokens is not None:
        encoded["thinkingBudget"] = min(thinking.budget_tokens, EFFORT_TOKENS["max"])
    elif effort:
        encoded["thinkingBudget"] = EFFORT_TOKENS.get(effort, EFFORT_TOKENS["max"])
    else:
        encoded["thinkingBudget"] = -1
    if not is_off and thinking.display != "omitted":
        encoded["includeThoughts"] = True
    return encoded


def _level(budget_tokens: int) -> str:
    if budget_tokens <= EFFORT_TOKENS["low"]:
        return "LOW"
    return "MEDIUM" if budget_tokens <= EFFORT_TOKENS["medium"] else "HIGH"


def _tools(
    conversation: Conversation, *, has: Capabilities, own: bool
) -> Iterator[tuple[str, object]]:
    declared: list[_Json] = []
    entries: list[_Json] = []
    for tool in offered_tools(conversation):
        match tool:
            case Tool():
                declared.append(_tool(tool, own=own))
            case ServerTool(dialect="gemini_generate", name=name, json=json):
                entries.append({name: msgspec.Raw(json.encode())})
            case ServerTool(kind=kind):
                raise Unsupported(f"tools: only models of its own API know {kind}")
    if declared and not has.tools:
        raise Unsupported("tools: the target model takes none")
    if declared:
        entries.insert(0, {"functionDeclarations": declared})
    if entries:
        yield "tools", entries
    if own and any(name == "toolConfig" for name, _ in conversation.extras):
        return
    if declared and conversation.tool_choice is not None:
        yield "toolConfig", {"functionCallingConfig": _calling(conversation)}


def _tool(tool: Tool, *, own: bool) -> _Json:
    encoded: _Json = {"name": tool.name}
    if tool.description:
        encoded["description"] = tool.description
    if tool.schema and not (own and any(name == "parameters" for name, _ in tool.extras)):
        encoded["parametersJsonSchema"] = msgspec.Raw(tool.schema.encode())
    return encoded | raw_fields(tool.extras) if own else encoded


def _calling(conversation: Conversation) -> _Json:
    choice = conversation.tool_choice
    assert choice is not None
    match choice.mode:
        case "auto":
            # Names may only be given where a call is demanded, or validated.
            mode = "VALIDATED" if choice.names else "AUTO"
        case "none":
            return {"mode": "NONE"}
        case "required" | "named":
            mode = "ANY"
    encoded: _Json = {"mode": mode}
    if choice.names:
        encoded["allowedFunctionNames"] = list(choice.names)
    return encoded
