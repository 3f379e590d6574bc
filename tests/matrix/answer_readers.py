"""What a client finds in an answer, read from plain JSON of its wire."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.matrix.declared import Json
from turnout.capabilities import Dialect

Reader = Callable[[Dialect, Json], object]


def of(dialect: Dialect, reader: Reader) -> Callable[[Json], object]:
    return lambda whole: reader(dialect, whole)


def _parts(whole: Json) -> list[Json]:
    """Gemini's."""
    found: list[Json] = whole["candidates"][0].get("content", {}).get("parts", [])
    return found


def _content(whole: Json) -> Iterator[Json]:
    """Content parts of a response's messages."""
    for item in whole["output"]:
        if item["type"] == "message":
            yield from item["content"]


def text(dialect: Dialect, whole: Json) -> object:
    match dialect:
        case "anthropic_messages":
            return "".join(b["text"] for b in whole["content"] if b["type"] == "text")
        case "openai_chat":
            return whole["choices"][0]["message"]["content"] or ""
        case "openai_responses":
            return "".join(p["text"] for p in _content(whole) if p["type"] == "output_text")
        case "gemini_generate":
            return "".join(p["text"] for p in _parts(whole) if "text" in p and not p.get("thought"))


def thinking(dialect: Dialect, whole: Json) -> object:
    match dialect:
        case "anthropic_messages":
            return "".join(b["thinking"] for b in whole["content"] if b["type"] == "thinking")
        case "openai_chat":
            return whole["choices"][0]["message"].get("reasoning_content", "")
        case "openai_responses":
            items = [item for item in whole["output"] if item["type"] == "reasoning"]
            return "".join(part["text"] for item in items for part in item["summary"])
        case "gemini_generate":
            return "".join(p["text"] for p in _parts(whole) if p.get("thought"))


def calls(dialect: Dialect, whole: Json) -> object:
    """Functions as (id, name, arguments); arguments are an object always."""
    match dialect:
        case "anthropic_messages":
            blocks = [b for b in whole["content"] if b["type"] == "tool_use"]
            return [(b["id"], b["name"], b["input"]) for b in blocks]
        case "openai_chat":
            told = whole["choices"][0]["message"].get("tool_calls", [])
            inner = [(c["id"], c["function"]) for c in told if c["type"] == "function"]
            return [(i, f["name"], json.loads(f["arguments"])) for i, f in inner]
        case "openai_responses":
            items = [item for item in whole["output"] if item["type"] == "function_call"]
            return [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items]
        case "gemini_generate":
            told = [part["functionCall"] for part in _parts(whole) if "functionCall" in part]
            return [(c["id"], c["name"], c["args"]) for c in told]


def custom_calls(dialect: Dialect, whole: Json) -> object:
    match dialect:
        case "openai_chat":
            told = whole["choices"][0]["message"].get("tool_calls", [])
            inner = [(c["id"], c["custom"]) for c in told if c["type"] == "custom"]
            return [(i, c["name"], c["input"]) for i, c in inner]
        case "openai_responses":
            items = [item for item in whole["output"] if item["type"] == "custom_tool_call"]
            return [(i["call_id"], i["name"], i["input"]) for i in items]
        case _:
            raise AssertionError(dialect)


def stop(dialect: Dialect, whole: Json) -> object:
    """The wire's own word for why the answer ended."""
    match dialect:
        case "anthropic_messages":
            return whole["stop_reason"]
        case "openai_chat":
            return whole["choices"][0]["finish_reason"]
        case "openai_responses":
            details = whole["incomplete_details"]
            return whole["status"] if details is None else details["reason"]
        case "gemini_generate":
            return whole["candidates"][0]["finishReason"]


def refusal(dialect: Dialect, whole: Json) -> object:
    """What a refusal says, where it would be looked for."""
    match dialect:
        case "openai_chat":
            return whole["choices"][0]["message"]["refusal"]
        case "openai_responses":
            return "".join(p["refusal"] for p in _content(whole) if p["type"] == "refusal")
        case "anthropic_messages" | "gemini_generate":
            return text(dialect, whole)


def citations(dialect: Dialect, whole: Json) -> object:
    """Pages as (link, title)."""
    match dialect:
        case "anthropic_messages":
            blocks = [b for b in whole["content"] if b["type"] == "text"]
            return [(c["url"], c["title"]) for b in blocks for c in b.get("citations", ())]
        case "openai_chat":
            told = whole["choices"][0]["message"].get("annotations", [])
            return [(a["url_citation"]["url"], a["url_citation"]["title"]) for a in told]
        case "openai_responses":
            return [
                (a["url"], a["title"]) for p in _content(whole) for a in p.get("annotations", ())
            ]
        case "gemini_generate":
            grounding = whole["candidates"][0].get("groundingMetadata", {})
            chunks = grounding.get("groundingChunks", ())
            return [(chunk["web"]["uri"], chunk["web"]["title"]) for chunk in chunks]


def logprobs(dialect: Dialect, whole: Json) -> object:
    """Tokens as (token, log probability, likeliest others)."""
    match dialect:
        case "openai_chat":
            told = (whole["choices"][0]["logprobs"] or {}).get("content", [])
        case "openai_responses":
            told = [one for part in _content(whole) for one in part.get("logprobs", ())]
        case _:
            result = whole["candidates"][0].get("logprobsResult", {})
            tops = result.get("topCandidates", ())
            return [
                (
                    one["token"],
                    one["logProbability"],
                    [t["token"] for t in tops[n]["candidates"]],
                )
                for n, one in enumerate(result.get("chosenCandidates", ()))
            ]
    return [(t["token"], t["logprob"], [o["token"] for o in t["top_logprobs"]]) for t in told]


def usage(dialect: Dialect, whole: Json) -> object:
    """All of the prompt, what of it was read from a cache, all output, what of it was thought."""
    match dialect:
        case "anthropic_messages":
            said = whole["usage"]
            read, written = said["cache_read_input_tokens"], said["cache_creation_input_tokens"]
            thought = said.get("output_tokens_details", {}).get("thinking_tokens", 0)
            return (said["input_tokens"] + read + written, read, said["output_tokens"], thought)
        case "openai_chat":
            said = whole["usage"]
            assert said["total_tokens"] == said["prompt_tokens"] + said["completion_tokens"]
            return (
                said["prompt_tokens"],
                said["prompt_tokens_details"]["cached_tokens"],
                said["completion_tokens"],
                said["completion_tokens_details"]["reasoning_tokens"],
            )
        case "openai_responses":
            said = whole["usage"]
            assert said["total_tokens"] == said["input_tokens"] + said["output_tokens"]
            return (
                said["input_tokens"],
                said["input_tokens_details"]["cached_tokens"],
                said["output_tokens"],
                said["output_tokens_details"]["reasoning_tokens"],
            )
        case "gemini_generate":
            said = whole["usageMetadata"]
            thought = said["thoughtsTokenCount"]
            output = said["candidatesTokenCount"] + thought
            assert said["totalTokenCount"] == said["promptTokenCount"] + output
            return (said["promptTokenCount"], said["cachedContentTokenCount"], output, thought)


def written(dialect: Dialect, whole: Json) -> object:
    """Tokens that were written to a cache."""
    said: Any = whole["usage"]
    match dialect:
        case "anthropic_messages":
            return said["cache_creation_input_tokens"]
        case "openai_chat":
            return said["prompt_tokens_details"].get("cache_write_tokens", 0)
        case _:
            return said["input_tokens_details"].get("cache_write_tokens", 0)


def first_input(dialect: Dialect, whole: Json) -> object:
    """Whether the first report of a stream has an input side."""
    said = whole["first_usage"]
    if dialect == "gemini_generate":
        return said["promptTokenCount"] > 0
    return said["input_tokens"] > 0


def model(dialect: Dialect, whole: Json) -> object:
    return whole["modelVersion" if dialect == "gemini_generate" else "model"]


def fragments(dialect: Dialect, whole: Json) -> object:
    """Whether arguments came in many pieces, none of which waited for the end."""
    return whole["fragments"] > 3
