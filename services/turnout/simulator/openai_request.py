"""Reads an OpenAI Chat Completions request the way OpenAI does, and refuses what it refuses.

Rules of this module: pure. Every model of the catalog is served here but Anthropic's and those that
OpenAI serves by Responses alone, whatever dialect the catalog gives it; the checks that only OpenAI
makes (unknown fields, `max_tokens` on reasoning models) apply to OpenAI's models only.
"""

import re

from turnout.catalog import Catalog, Model
from turnout.simulator.answers import Ask, ToolOffer
from turnout.simulator.exchange import Call, Headers, Refused, model_called, seed_of
from turnout.simulator.json_types import (
    JsonObject,
    array_of,
    is_array,
    is_object,
    object_of,
    text_of,
)
from turnout.simulator.measure import canonical, measure_of
from turnout.simulator.openai_checks import read_body
from turnout.simulator.prefix_charge import lifetime_of

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_TOOL_ID = 64

FIELDS = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "tools", "tool_choice", "stop", "n"),
        *("parallel_tool_calls", "response_format", "max_tokens", "max_completion_tokens"),
        *("temperature", "top_p", "seed", "user", "store", "metadata", "service_tier"),
        *("frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs"),
        *("reasoning_effort", "verbosity", "prompt_cache_key", "prompt_cache_retention"),
        *("prompt_cache_options", "safety_identifier", "prediction", "modalities", "audio"),
        *("functions", "function_call", "web_search_options", "moderation"),
    )
)
"""Top-level fields of openai 3.54.0."""


def read_request(data: bytes, headers: Headers, catalog: Catalog) -> Call:
    """A call, or `Refused`."""
    body = read_body(data, headers)
    model = _model(body, catalog)
    if model.provider == "openai":
        _check_fields(body, model)
    messages = _messages(body)
    _check_pairing(messages)
    tools = _tools(body)
    output_limit = _output_limit(body)
    measure = measure_of(model)
    pieces = [canonical(told, measure) for told in (tools, *map(_normal, messages))]
    prompt = b"\n".join(pieces)
    prompt_tokens = measure.count_bytes(len(prompt))
    window = model.capabilities.context_tokens
    if window is not None and prompt_tokens > window:
        raise Refused(
            f"This model's maximum context length is {window} tokens. However, your messages"
            f" resulted in {prompt_tokens} tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    options = object_of(body.get("stream_options"))
    return Call(
        model=model,
        ask=_ask(body, model, messages, tools, prompt, output_limit),
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens,
        prompt=prompt,
        lifetime_seconds=lifetime_of(body, model, catalog),
        include_usage=options.get("include_usage") is True,
    )


def _model(body: JsonObject, catalog: Catalog) -> Model:
    name = text_of(body.get("model"))
    if not name:
        raise Refused("you must provide a model parameter")
    model = model_called(name, catalog, "openai_chat", "openai_responses")
    if model is None:
        raise Refused(
            f"The model `{name}` does not exist or you do not have access to it.",
            status=404,
            code="model_not_found",
        )
    if not catalog.speaks(model, "openai_chat"):
        raise Refused(
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
            status=404,
            param="model",
        )
    return model


def _check_fields(body: JsonObject, model: Model) -> None:
    for name in body:
        if name not in FIELDS:
            raise Refused(f"Unrecognized request argument supplied: {name}")
    if not model.capabilities.thinking:
        return
    if "max_tokens" in body:
        raise Refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
            " 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    # A model that has been told not to reason is sampled like others.
    if body.get("temperature", 1) != 1 and body.get("reasoning_effort") != "none":
        raise Refused(
            "Unsupported value: 'temperature' does not support this value with this model. Only"
            " the default (1) value is supported.",
            code="unsupported_value",
            param="temperature",
        )


def _messages(body: JsonObject) -> list[JsonObject]:
    if not (items := array_of(body.get("messages"))):
        raise Refused(
            "Missing required parameter: 'messages'.",
            code="missing_required_parameter",
            param="messages",
        )
    messages: list[JsonObject] = []
    for number, item in enumerate(items):
        message = object_of(item)
        role = message.get("role")
        if role not in ROLES:
            raise Refused(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user',"
                " 'function', 'tool', and 'developer'.",
                code="invalid_value",
                param=f"messages[{number}].role",
            )
        content = message.get("content")
        spoken = isinstance(content, str) or is_array(content)
        if not spoken and not (role == "assistant" and message.get("tool_calls")):
            raise Refused(
                "Invalid value for 'content': expected a string, got null.",
                param=f"messages.[{number}].content",
            )
        messages.append(message)
    return messages


def _check_pairing(messages: list[JsonObject]) -> None:
    owed: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            call = text_of(message.get("tool_call_id"))
            if call not in owed:
                raise Refused(
                    "Invalid parameter: messages with role 'tool' must be a response to a"
                    " preceding message with 'tool_calls'.",
                    param=f"messages.[{number}].role",
                )
            owed.discard(call)
            continue
        _check_settled(owed, number)
        for place, item in enumerate(array_of(message.get("tool_calls"))):
            owed.add(_call_id(object_of(item), f"messages[{number}].tool_calls[{place}]"))
    _check_settled(owed, len(messages))


def _check_settled(owed: set[str], number: int) -> None:
    if owed:
        raise Refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding"
            " to each 'tool_call_id'. The following tool_call_ids did not have response messages:"
            f" {', '.join(sorted(owed))}",
            param=f"messages.[{number}].role",
        )


def _call_id(call: JsonObject, where: str) -> str:
    name = text_of(call.get("id"))
    if not 0 < len(name) <= MAX_TOOL_ID:
        raise Refused(
            f"Invalid '{where}.id': expected a string with length 1 to {MAX_TOOL_ID}, but got a"
            f" string with length {len(name)} instead.",
            code="string_above_max_length",
            param=f"{where}.id",
        )
    function = object_of(call.get("function"))
    if call.get("type") == "function" and not isinstance(function.get("arguments"), str):
        raise Refused(
            f"Invalid type for '{where}.function.arguments': expected a string.",
            code="invalid_type",
            param=f"{where}.function.arguments",
        )
    return name


def _tools(body: JsonObject) -> list[JsonObject]:
    tools = [object_of(tool) for tool in array_of(body.get("tools"))]
    for number, tool in enumerate(tools):
        if tool.get("type") == "function":
            name = text_of(object_of(tool.get("function")).get("name"))
            if not NAME.fullmatch(name):
                raise Refused(
                    f"Invalid 'tools[{number}].function.name': string does not match pattern."
                    " Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                    code="invalid_value",
                    param=f"tools[{number}].function.name",
                )
    return tools


def _output_limit(body: JsonObject) -> int | None:
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is None:
        return None
    if not isinstance(limit, int) or limit < 1:
        raise Refused(
            "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 1.",
            code="integer_below_min_value",
            param="max_completion_tokens",
        )
    return limit


def _normal(message: JsonObject) -> JsonObject:
    """A text and a list of one text part are the same prompt."""
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**dict(sorted(message.items())), "content": content}


def _ask(
    body: JsonObject,
    model: Model,
    messages: list[JsonObject],
    tools: list[JsonObject],
    prompt: bytes,
    output_limit: int | None,
) -> Ask:
    text, steps = _last_request(messages)
    choice = body.get("tool_choice")
    forced = object_of(choice)
    named = text_of(object_of(forced.get("function") or forced.get("custom")).get("name"))
    form = object_of(body.get("response_format"))
    stop = body.get("stop")
    return Ask(
        seed=seed_of(model.id, [prompt]),
        user_text=text,
        tools=tuple(_offer(tool) for tool in tools),
        forced_tool=named or ("" if choice == "required" else None),
        tools_allowed=choice != "none",
        parallel=body.get("parallel_tool_calls") is not False,
        steps_done=steps,
        thinking=_thinks(body, model),
        output_schema=(
            {"type": "object"}
            if form.get("type") == "json_object"
            else object_of(form.get("json_schema")).get("schema")
        ),
        stop_sequences=tuple(text for text in (array_of(stop) or [stop]) if isinstance(text, str)),
        max_tokens=output_limit,
        measure=measure_of(model),
    )


def _offer(tool: JsonObject) -> ToolOffer:
    if tool.get("type") == "custom":
        told = object_of(tool.get("custom"))
        grammar = object_of(object_of(told.get("format")).get("grammar"))
        return ToolOffer(
            text_of(told.get("name")),
            None,
            kind="freeform",
            grammar=text_of(grammar.get("definition")),
        )
    function = object_of(tool.get("function"))
    return ToolOffer(text_of(function.get("name")), function.get("parameters"))


def _thinks(body: JsonObject, model: Model) -> bool:
    effort = body.get("reasoning_effort")
    if not model.capabilities.thinking or effort in {"none", "minimal"}:
        return False
    switch = object_of(body.get("thinking")).get("type")
    if switch == "disabled" or body.get("enable_thinking") is False:
        return False
    switched_on = switch == "enabled"
    # OpenAI's reasoning models reason unless told not to; others when asked to.
    return model.provider == "openai" or switched_on or effort is not None


def _last_request(messages: list[JsonObject]) -> tuple[str, int]:
    """What a person said last, and how many messages with tool calls came after it."""
    steps = 0
    for message in reversed(messages):
        if message.get("tool_calls"):
            steps += 1
        if message["role"] != "user":
            continue
        content = message.get("content")
        if isinstance(content, str):
            return content, steps
        texts = [text_of(part.get("text")) for part in array_of(content) if is_object(part)]
        if any(texts):
            return next(text for text in reversed(texts) if text), steps
    return "", steps
