"""Reads an OpenAI Responses request the way OpenAI does, and refuses what it refuses.

Rules of this module: pure; what the fields of a request may be is here, what its items may be in
`openai_responses_input`, its tools in `openai_responses_tools`. Every model is served here that is
not Anthropic's or Gemini's; the checks that only OpenAI makes of a model's parameters apply to
OpenAI's models.
"""

from turnout.catalog import Catalog, Model
from turnout.simulator.answers import Ask
from turnout.simulator.exchange import Call, Headers, Refused, model_called, seed_of
from turnout.simulator.json_types import (
    JsonObject,
    array_of,
    is_array,
    object_of,
    text_of,
)
from turnout.simulator.measure import Measure, canonical, measure_of
from turnout.simulator.openai_checks import read_body
from turnout.simulator.openai_responses_input import (
    check_encrypted,
    check_pairing,
    last_request,
    normal,
    read_items,
)
from turnout.simulator.openai_responses_store import StoredResponses
from turnout.simulator.openai_responses_tools import check_format, offers, read_choice, read_tools
from turnout.simulator.prefix_charge import lifetime_of

MIN_OUTPUT_TOKENS = 16
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
NO_THOUGHT = ("none", "minimal")
ENCRYPTED = "reasoning.encrypted_content"
INCLUDABLE = (
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("message.input_image.image_url", "computer_call_output.output.image_url"),
    *("code_interpreter_call.outputs", ENCRYPTED, "message.output_text.logprobs"),
)

COUNTED_FIELDS = frozenset(
    (
        *("conversation", "input", "instructions", "model", "parallel_tool_calls", "personality"),
        *("previous_response_id", "reasoning", "text", "tool_choice", "tools", "truncation"),
    )
)
"""Fields of `/v1/responses/input_tokens` in openai 3.54.0."""

FIELDS = (COUNTED_FIELDS - {"personality"}) | {
    *("access_programs", "background", "background_options", "context_management", "image"),
    *("include", "max_output_tokens", "max_tool_calls", "metadata", "moderation", "prompt"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature"),
    *("top_logprobs", "top_p", "user", "client_metadata"),
}
"""Top-level fields of openai 3.54.0, and Codex's own."""

ECHOED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what it says where the request says nothing."""


def read_request(data: bytes, headers: Headers, catalog: Catalog, stored: StoredResponses) -> Call:
    """A call, or `Refused`."""
    body = read_body(data, headers)
    model = _model(body, catalog)
    _check_fields(body, FIELDS)
    before = _stored_items(body, stored)
    _check_parameters(body, model)
    given = read_items(body)
    stores = body.get("store") is not False
    check_encrypted(given, model, stores=stores)
    items = [*before, *given]
    check_pairing(items)
    tools = read_tools(body)
    check_format(body)
    measure = measure_of(model)
    prompt = _prompt(body, items, tools, measure)
    prompt_tokens = measure.count_bytes(len(prompt))
    window = model.capabilities.context_tokens
    if window is not None and prompt_tokens > window:
        raise Refused(
            "Your input exceeds the context window of this model. Please adjust your input and try"
            " again.",
            code="context_length_exceeded",
            param="input",
        )
    reasoning = object_of(body.get("reasoning"))
    compacts = bool(items) and items[-1].get("type") == "compaction_trigger"
    return Call(
        model=model,
        ask=_ask(body, model, items, tools, prompt, compacts=compacts),
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens,
        prompt=prompt,
        lifetime_seconds=lifetime_of(body, model, catalog),
        omit_thinking=not (reasoning.get("summary") or reasoning.get("generate_summary")),
        seals_thinking=ENCRYPTED in array_of(body.get("include")),
        compacts=compacts,
        echo=_echo(body, tools),
        kept_items=tuple(items) if stores else (),
    )


def count_request(data: bytes, headers: Headers, catalog: Catalog, stored: StoredResponses) -> int:
    """Tokens in the prompt of a request, or `Refused`."""
    body = read_body(data, headers)
    measure = measure_of(_model(body, catalog))
    _check_fields(body, COUNTED_FIELDS)
    items = [*_stored_items(body, stored), *read_items(body)]
    return measure.count_bytes(len(_prompt(body, items, read_tools(body), measure)))


def _model(body: JsonObject, catalog: Catalog) -> Model:
    name = text_of(body.get("model"))
    if not name:
        raise Refused(
            "Missing required parameter: 'model'.",
            code="missing_required_parameter",
            param="model",
        )
    model = model_called(name, catalog, "openai_responses")
    if model is None:
        raise Refused(
            f"The requested model '{name}' does not exist.",
            code="model_not_found",
            param="model",
        )
    return model


def _check_fields(body: JsonObject, fields: frozenset[str]) -> None:
    for name in body:
        if name not in fields:
            raise Refused(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def _stored_items(body: JsonObject, stored: StoredResponses) -> tuple[JsonObject, ...]:
    """What the request goes on from; conversations are not kept here."""
    previous = body.get("previous_response_id")
    items: tuple[JsonObject, ...] | None = ()
    if isinstance(previous, str):
        if not previous.startswith("resp"):
            raise Refused(
                f"Invalid 'previous_response_id': '{previous}'. Expected an ID that begins with"
                " 'resp'.",
                code="invalid_value",
                param="previous_response_id",
            )
        items = stored.items_of(previous)
    if items is None:
        raise Refused(
            f"Previous response with id '{previous}' not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    if body.get("conversation") is not None:
        raise Refused("Conversation not found.", status=404, param="conversation")
    if body.get("background") is True and body.get("store") is False:
        raise Refused("Background mode requires 'store' to be true.", param="background")
    return items


def _check_parameters(body: JsonObject, model: Model) -> None:
    for name in ("instructions", "prompt_cache_key"):
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(
                f"Invalid type for '{name}': expected a string.", code="invalid_type", param=name
            )
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < MIN_OUTPUT_TOKENS):
        raise Refused(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >="
            f" {MIN_OUTPUT_TOKENS}, but got {limit} instead.",
            code="integer_below_min_value",
            param="max_output_tokens",
        )
    for number, wanted in enumerate(array_of(body.get("include"))):
        _check_choice(wanted, INCLUDABLE, f"include[{number}]")
    reasoning = object_of(body.get("reasoning"))
    if reasoning.get("effort") is not None:
        _check_choice(reasoning["effort"], EFFORTS, "reasoning.effort")
    if model.provider == "openai":
        _check_kind(body, reasoning, model)


def _check_kind(body: JsonObject, reasoning: JsonObject, model: Model) -> None:
    """What only models that reason take, and what those do not take."""
    thinks = model.capabilities.thinking
    # A model that has been told not to reason is sampled like others.
    refused = ("temperature", "top_p") if thinks and reasoning.get("effort") != "none" else ()
    for name in refused:
        if body.get(name, 1) not in (None, 1):
            raise Refused(
                f"Unsupported parameter: '{name}' is not supported with this model.", param=name
            )
    if thinks:
        return
    if reasoning.get("effort") is not None:
        raise Refused(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            code="unsupported_parameter",
            param="reasoning.effort",
        )
    if ENCRYPTED in array_of(body.get("include")):
        raise Refused("Encrypted content is not supported with this model.", param="include")


def _check_choice(value: object, choices: tuple[str, ...], where: str) -> None:
    if value not in choices:
        raise Refused(
            f"Invalid value: '{value}'. Supported values are: "
            + ", ".join(f"'{choice}'" for choice in choices[:-1])
            + f", and '{choices[-1]}'.",
            code="invalid_value",
            param=where,
        )


def _prompt(
    body: JsonObject, items: list[JsonObject], tools: list[JsonObject], measure: Measure
) -> bytes:
    """The prompt in the order it is cached in: tools, instructions, items."""
    told = (normal(item) for item in items if item.get("type") != "compaction_trigger")
    pieces = (tools, body.get("instructions"), *told)
    return b"\n".join(canonical(piece, measure) for piece in pieces)


def _ask(
    body: JsonObject,
    model: Model,
    items: list[JsonObject],
    tools: list[JsonObject],
    prompt: bytes,
    *,
    compacts: bool,
) -> Ask:
    text, steps = last_request(items)
    offered = offers(tools, items)
    choice = read_choice(body, offered)
    form = object_of(object_of(body.get("text")).get("format"))
    limit = body.get("max_output_tokens")
    schema = form.get("schema") if form.get("type") == "json_schema" else None
    return Ask(
        seed=seed_of(model.id, [prompt]),
        user_text=text,
        tools=choice.tools,
        forced_tool=choice.forced,
        tools_allowed=choice.allowed and not compacts,
        parallel=body.get("parallel_tool_calls") is not False,
        steps_done=steps,
        thinking=_thinks(body, model) and not compacts,
        output_schema={"type": "object"} if form.get("type") == "json_object" else schema,
        max_tokens=limit if isinstance(limit, int) else None,
        measure=measure_of(model),
    )


def _thinks(body: JsonObject, model: Model) -> bool:
    effort = object_of(body.get("reasoning")).get("effort")
    if not model.capabilities.thinking or effort in NO_THOUGHT:
        return False
    # OpenAI's reasoning models reason unless told not to; others when asked to.
    return model.provider == "openai" or effort is not None


def _echo(body: JsonObject, tools: list[JsonObject]) -> JsonObject:
    given = {name: body[name] for name in ECHOED if body.get(name) is not None}
    reasoning = object_of(body.get("reasoning"))
    text = object_of(body.get("text"))
    plain: JsonObject = {"type": "text"}
    return {
        **ECHOED,
        **given,
        "reasoning": {
            "effort": reasoning.get("effort"),
            "summary": reasoning.get("summary"),
        },
        "text": {
            "format": text.get("format") or plain,
            "verbosity": text.get("verbosity") or "medium",
        },
        "tools": [_told_tool(tool) for tool in tools],
    }


def _told_tool(tool: JsonObject) -> JsonObject:
    """A tool as the response repeats it: what its author left out is said."""
    if tool.get("type") != "function" or is_array(tool.get("tools")):
        return tool
    return {"description": None, "strict": True, **tool}
