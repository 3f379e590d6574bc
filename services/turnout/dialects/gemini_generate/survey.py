"""The facts of a request of this wire in one pass over its bytes.

Rules: the path says model and stream; only the top level and the contents' own fields are parsed, and
of contents those that the survey quotes or that hold pictures; a content without a role is the user's;
results are counted by their key, whose quotes are escaped inside a string; sound and film count as
documents; what Google runs or keeps (its tools, cached contents) is named as such.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from turnout.capabilities import Needs
from turnout.dialects.endpoints import gemini_call
from turnout.dialects.gemini_generate.foreign_thinking import has_foreign_reasoning
from turnout.dialects.gemini_generate.survey_contents import SurveyedContents
from turnout.dialects.prefix import Span, digest, head_of, length, message_digest
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.survey import BYTES_PER_TOKEN, Survey
from turnout.dialects.survey_thread import TypedText
from turnout.errors import InvalidRequest

_ABSENT: Final = msgspec.Raw()
_NOTHING: Final = frozenset({b"", b"null"})
_RESULT: Final = re.compile(rb'"function(?:R|_r)esponse"\s*:')
_JSON_TYPE: Final = "application/json"
_DECLARATIONS: Final = ("functionDeclarations", "function_declarations")
_MODEL_PREFIX: Final = "models/"

_Fields = dict[str, msgspec.Raw]


class _Thinking(msgspec.Struct):
    thinkingBudget: float | None = None
    thinking_budget: float | None = None
    thinkingLevel: str | None = None
    thinking_level: str | None = None


class _Config(msgspec.Struct):
    """Both spellings: a body may hold either."""

    maxOutputTokens: float | None = None
    max_output_tokens: float | None = None
    stopSequences: list[str] | None = None
    stop_sequences: list[str] | None = None
    responseMimeType: str | None = None
    response_mime_type: str | None = None
    responseSchema: msgspec.Raw = _ABSENT
    response_schema: msgspec.Raw = _ABSENT
    responseJsonSchema: msgspec.Raw = _ABSENT
    response_json_schema: msgspec.Raw = _ABSENT
    thinkingConfig: _Thinking | None = None
    thinking_config: _Thinking | None = None


class _Body(msgspec.Struct):
    contents: msgspec.Raw = _ABSENT
    model: str | None = None
    systemInstruction: msgspec.Raw = _ABSENT
    system_instruction: msgspec.Raw = _ABSENT
    tools: msgspec.Raw = _ABSENT
    generationConfig: _Config | None = None
    generation_config: _Config | None = None
    cachedContent: msgspec.Raw = _ABSENT
    cached_content: msgspec.Raw = _ABSENT
    generateContentRequest: msgspec.Raw = _ABSENT
    generate_content_request: msgspec.Raw = _ABSENT


class _Declared(msgspec.Struct):
    name: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_CONTENTS: Final = msgspec.json.Decoder(list[_Fields])
_CONTENT: Final = msgspec.json.Decoder(_Fields)
_TOOLS: Final = msgspec.json.Decoder(list[_Fields])
_DECLARED: Final = msgspec.json.Decoder(list[_Declared])


def survey_request(body: bytes, *, path: str) -> Survey:
    fields = _read(body)
    config = fields.generationConfig or fields.generation_config or _Config()
    call = gemini_call(path)
    contents = SurveyedContents(_contents(fields.contents))
    message_bytes = tuple(accumulate(map(length, contents.canonical)))
    system = _either(fields.systemInstruction, fields.system_instruction)
    system_digest = digest(system) if system else ""
    tools = _either(fields.tools, _ABSENT)
    names, kinds = _offered(fields.tools)
    if _either(fields.cachedContent, fields.cached_content):
        kinds.append("cachedContent")
    offered_digest = digest(tools)
    typed = TypedText(contents.roles, contents.typed)
    prompt_bytes = message_bytes[-1] + len(system) + len(tools)
    schema = _wants_schema(config)
    limit = _first(config.maxOutputTokens, config.max_output_tokens)
    media_type = config.responseMimeType or config.response_mime_type
    return Survey(
        model=call.model if call is not None else (fields.model or "").removeprefix(_MODEL_PREFIX),
        stream=call is not None and call.method == "streamGenerateContent",
        body_bytes=len(body),
        needs=Needs(
            prompt_tokens_estimate=round(
                max(0, prompt_bytes - contents.base64_bytes) / BYTES_PER_TOKEN
            )
            + contents.attached_tokens,
            max_output_tokens=None if limit is None else int(limit),
            tools=bool(names),
            images=contents.images > 0,
            documents=contents.documents > 0,
            structured_output=schema or media_type == _JSON_TYPE,
            thinking=_thinks(config),
            server_tools=tuple(kinds),
        ),
        head_digest=head_of(system_digest, offered_digest),
        offered_digest=offered_digest,
        tools_digest=digest(*(name.encode() for name in names)) if names else "",
        system_digest=system_digest,
        message_digests=tuple(map(message_digest, contents.canonical)),
        message_bytes=message_bytes,
        message_count=len(contents.roles),
        last_role=contents.roles[-1],
        tool_count=len(names),
        outcomes=() if typed.since_answer else contents.outcomes(since=typed.last_answer),
        tool_result_count=len(_RESULT.findall(fields.contents)),
        first_typed_text=typed.first(),
        text=typed.newest(),
        stop_sequences=tuple(config.stopSequences or config.stop_sequences or ()),
        has_output_format=schema,
        user_field="",
        prompt_cache_key="",
        breakpoints=(0, 0),
        has_foreign_thinking=has_foreign_reasoning(body),
        asks_usage=True,
    )


def _read(body: bytes) -> _Body:
    try:
        fields = _BODY.decode(body)
        deeper = _either(fields.generateContentRequest, fields.generate_content_request)
        return _BODY.decode(deeper) if deeper else fields
    except MALFORMED as error:
        raise complaint("", error) from None


def _either(first: msgspec.Raw, second: msgspec.Raw) -> Span:
    """What is there of two spellings of a field; nothing where it is null."""
    span = memoryview(first if first is not _ABSENT else second)
    return b"" if span[:5].tobytes() in _NOTHING else span


def _first(first: float | None, second: float | None) -> float | None:
    return second if first is None else first


def _contents(raw: msgspec.Raw) -> Sequence[_Fields]:
    try:
        is_one = raw is not _ABSENT and memoryview(raw)[:1].tobytes() == b"{"
        contents = [_CONTENT.decode(raw)] if is_one else _CONTENTS.decode(raw)
    except MALFORMED as error:
        if raw is _ABSENT or bytes(raw) == b"null":
            raise InvalidRequest("contents: required, a list of at least one content") from None
        raise complaint("contents", error) from None
    if not contents:
        raise InvalidRequest("contents: required, a list of at least one content")
    return contents


def _offered(raw: msgspec.Raw) -> tuple[list[str], list[str]]:
    """Names of the functions that the client runs, and of the tools that Google does."""
    names: list[str] = []
    kinds: list[str] = []
    span = _either(raw, _ABSENT)
    if not span:
        return names, kinds
    try:
        is_one = bytes(span[:1]) == b"{"
        entries = [_CONTENT.decode(span)] if is_one else _TOOLS.decode(span)
        for entry in entries:
            for name, value in entry.items():
                if name in _DECLARATIONS:
                    names += [one.name or "" for one in _DECLARED.decode(value)]
                elif bytes(value) != b"null":
                    kinds.append(name)
    except MALFORMED as error:
        raise complaint("tools", error) from None
    return names, kinds


def _wants_schema(config: _Config) -> bool:
    given = (
        _either(config.responseSchema, config.response_schema),
        _either(config.responseJsonSchema, config.response_json_schema),
    )
    return any(given)


def _thinks(config: _Config) -> bool:
    thinking = config.thinkingConfig or config.thinking_config
    if thinking is None:
        return False
    budget = _first(thinking.thinkingBudget, thinking.thinking_budget)
    level = thinking.thinkingLevel or thinking.thinking_level or ""
    return (budget is not None and budget != 0) or level.upper() not in {
        "",
        "MINIMAL",
        "THINKING_LEVEL_UNSPECIFIED",
    }
