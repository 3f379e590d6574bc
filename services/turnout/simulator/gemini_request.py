"""Reads a Gemini request the way Google does, and refuses what it refuses.

Rules of this module: pure; the fields are read in `gemini_fields`, the turns in `gemini_contents`,
tools and schemas in `gemini_tools`; here is what a model can be asked for. Google's models alone
are served in this format.
"""

import re

from turnout.catalog import Catalog, Model
from turnout.simulator.answers import Ask
from turnout.simulator.bodies import Unreadable, read_object
from turnout.simulator.exchange import Call, Headers, Refused, credential_of, model_called, seed_of
from turnout.simulator.gemini_contents import (
    check_contents,
    check_signatures,
    invalid,
    last_request,
    parts_of,
)
from turnout.simulator.gemini_fields import read_message
from turnout.simulator.gemini_tools import check_mode, declarations, offers, output_schema
from turnout.simulator.json_types import JsonObject, array_of, object_of, text_of
from turnout.simulator.measure import Measure, canonical, measure_of
from turnout.simulator.prefix_charge import shortest_lifetime

OLD_GENERATION = re.compile(r"gemini-[12]\b")
"""Before Gemini 3: thinking has a budget and no level, signatures need not come back."""

LEVELS = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH")
TAKES_NO_PREFILL = re.compile(r"gemini-(3\.5-flash-lite|3\.[6-9]|[4-9])")
"""docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-5-flash-lite"""

TAKES_MINIMAL = re.compile(r"gemini-(3-flash|3\.[156]-flash)")
"""https://ai.google.dev/gemini-api/docs/generate-content/thinking#thinking-levels"""

BUDGETS = {"pro": (128, 32_768), "lite": (512, 24_576), "flash": (1, 24_576)}
"""Least and most thinking tokens of Gemini 2.5, by a part of the name; -1 leaves it to the model
and 0 switches thinking off, which Pro does not do (https://ai.google.dev/gemini-api/docs/thinking).
"""

SEARCHES = ("google_search", "google_search_retrieval", "code_execution", "url_context")


def is_old(model: Model) -> bool:
    """The model is of a generation before Gemini 3."""
    return OLD_GENERATION.match(model.id) is not None


def read_request(
    data: bytes, headers: Headers, catalog: Catalog, *, name: str, method: str, version: str
) -> Call:
    """A call of the model `name`, or `Refused`."""
    model, body = _addressed(data, headers, catalog, name=name, method=method, version=version)
    fields = read_message(body, "Request")
    if fields.get("cached_content"):
        raise Refused("CachedContent not found (or permission denied)", status=403)
    contents = _contents(fields)
    check_contents(contents)
    if contents[-1].get("role") == "model" and TAKES_NO_PREFILL.match(model.id):
        raise Refused("Requests ending with a model turn are not supported.")
    check_signatures(contents, model=model.id, needed=not is_old(model))
    functions = declarations(fields)
    mode, names = check_mode(fields, functions)
    _check_tools(fields, functions, model)
    config = object_of(fields.get("generation_config"))
    thinking = object_of(config.get("thinking_config"))
    _check_thinking(thinking, model)
    _check_config(config, model)
    measure = measure_of(model)
    prompt = _prompt(fields, measure)
    prompt_tokens = measure.count_bytes(len(prompt))
    window = model.capabilities.context_tokens
    if window is not None and prompt_tokens > window:
        raise Refused(
            f"The input token count ({prompt_tokens}) exceeds the maximum number of tokens allowed"
            f" ({window})."
        )
    text, steps = last_request(contents)
    offered = offers(functions)
    limit = config.get("max_output_tokens")
    return Call(
        model=model,
        ask=Ask(
            seed=seed_of(model.id, [prompt]),
            user_text=text,
            tools=tuple(tool for tool in offered if not names or tool.name in names),
            forced_tool="" if mode == "ANY" else None,
            tools_allowed=mode != "NONE",
            steps_done=steps,
            thinking=_thinks(thinking, model),
            output_schema=output_schema(config),
            stop_sequences=tuple(
                text for text in array_of(config.get("stop_sequences")) if isinstance(text, str)
            ),
            max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
            measure=measure,
        ),
        stream=method == "streamGenerateContent",
        prompt_tokens=prompt_tokens,
        prompt=prompt,
        lifetime_seconds=shortest_lifetime(model, catalog),
        omit_thinking=thinking.get("include_thoughts") is not True,
    )


def count_request(
    data: bytes, headers: Headers, catalog: Catalog, *, name: str, version: str
) -> int:
    """Tokens in the prompt of a `countTokens` request, or `Refused`."""
    model, body = _addressed(
        data, headers, catalog, name=name, method="countTokens", version=version
    )
    asked = read_message(body, "CountRequest")
    fields = object_of(asked.get("generate_content_request")) or asked
    check_contents(_contents(fields))
    declarations(fields)
    measure = measure_of(model)
    return measure.count_bytes(len(_prompt(fields, measure)))


def _addressed(
    data: bytes, headers: Headers, catalog: Catalog, *, name: str, method: str, version: str
) -> tuple[Model, JsonObject]:
    """The model of the path and the body as it stands."""
    if not credential_of(headers):
        raise Refused(
            "Method doesn't allow unregistered callers (callers without established identity)."
            " Please use API Key or other form of API consumer identity to call this API.",
            status=403,
        )
    model = model_called(name, catalog, "gemini_generate")
    if model is None:
        raise Refused(
            f"models/{name} is not found for API version {version}, or is not supported for"
            f" {method}. Call ListModels to see the list of available models and their supported"
            " methods.",
            status=404,
        )
    try:
        return model, read_object(data)
    except Unreadable as error:
        raise Refused(f"Invalid JSON payload received. {error}") from error


def _contents(fields: JsonObject) -> list[JsonObject]:
    return [object_of(content) for content in array_of(fields.get("contents"))]


def _check_tools(fields: JsonObject, functions: list[JsonObject], model: Model) -> None:
    """Gemini before 3 has either its own tools or the caller's."""
    own = [name for tool in array_of(fields.get("tools")) for name in object_of(tool)]
    built_in = [name for name in SEARCHES if name in own]
    if built_in and functions and is_old(model):
        raise Refused(
            f"Built-in tools ({{{', '.join(built_in)}}}) and Function Calling cannot be combined in"
            " the same request. Please choose one of these tools to continue."
        )
    config = object_of(fields.get("generation_config"))
    if functions and config.get("response_mime_type") == "application/json" and is_old(model):
        raise Refused(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )


def _check_thinking(thinking: JsonObject, model: Model) -> None:
    budget, level = thinking.get("thinking_budget"), text_of(thinking.get("thinking_level"))
    if not model.capabilities.thinking:
        if thinking:
            raise Refused("Thinking is not enabled for this model.")
        return
    if budget is not None and level:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if level:
        if is_old(model):
            raise Refused("Thinking level is not supported for this model.")
        if level.upper() not in LEVELS:
            raise Refused(
                "Invalid value at 'generation_config.thinking_config.thinking_level'"
                " (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig"
                f'.ThinkingLevel), "{level}"'
            )
        if level.upper() == "MINIMAL" and TAKES_MINIMAL.match(model.id) is None:
            raise Refused(
                "Thinking level MINIMAL is not supported for this model. Please retry with other"
                " thinking level."
            )
    if isinstance(budget, int) and is_old(model):
        _check_budget(budget, model)


def _check_budget(budget: int, model: Model) -> None:
    least, most = next(
        (limits for part, limits in BUDGETS.items() if part in model.id), BUDGETS["flash"]
    )
    if budget == 0 and "pro" in model.id:
        raise Refused("Budget 0 is invalid. This model only works in thinking mode.")
    if budget not in {-1, 0} and not least <= budget <= most:
        raise Refused(
            f"The thinking budget {budget} is invalid. Please choose a value between {least} and"
            f" {most}."
        )


def _check_config(config: JsonObject, model: Model) -> None:
    limit, most = config.get("max_output_tokens"), model.capabilities.max_output_tokens
    if isinstance(limit, int) and most is not None and not 0 <= limit <= most:
        raise Refused(
            f"Unable to submit request because it has a maxOutputTokens value of {limit} but the"
            f" supported range is from 1 (inclusive) to {most + 1} (exclusive). Update the value"
            " and try again."
        )
    temperature = config.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        raise invalid(
            "generation_config.temperature", "temperature must be in the range [0.0, 2.0]."
        )
    if config.get("candidate_count") not in (None, 1):
        raise Refused("Multiple candidates is not enabled for this model")


def _thinks(thinking: JsonObject, model: Model) -> bool:
    return model.capabilities.thinking and thinking.get("thinking_budget") != 0


def _prompt(fields: JsonObject, measure: Measure) -> bytes:
    """The prompt in the order it is cached in: system instruction, tools, contents."""
    told = ([content.get("role"), parts_of(content)] for content in _contents(fields))
    pieces = (fields.get("system_instruction"), fields.get("tools"), *told)
    return b"\n".join(canonical(piece, measure) for piece in pieces)
