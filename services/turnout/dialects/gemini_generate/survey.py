"""The facts of a request of this wire in one pass over its bytes.

Rules: the path says model and stream; only the top level and the contents' own fields are parsed, and
of contents those that the survey quotes or that hold pictures; a content without a role is the user's;
results are counted by their key, whose quotes are escaped inside a string; what Google runs or keeps
(its tools, cached contents), and what no other wire has (sound, film, answers in pictures), is named.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from turnout.capabilities import Needs
from turnout.dialects.endpoints import gemini_call
from turnout.dialects.gemini_generate.fields import JSON_MEDIA_TYPE, WireFields, bound_forms, snake
from turnout.dialects.gemini_generate.foreign_thinking import has_foreign_reasoning
from turnout.dialects.gemini_generate.survey_contents import SurveyedContents, names_media
from turnout.dialects.prefix import Span, digest, head_of, length, message_digest
from turnout.dialects.reading import MALFORMED, complaint, decode_string
from turnout.dialects.survey import BYTES_PER_TOKEN, Survey
from turnout.dialects.survey_thread import TypedText
from turnout.dialects.task_lists import TASK_TOOLS, task_list
from turnout.errors import InvalidRequest

_ABSENT: Final = msgspec.Raw()
_NOTHING: Final = frozenset({b"", b"null"})
_RESULT: Final = re.compile(rb'"functionResponse"\s*:')
_SNAKE_RESULT: Final = re.compile(rb'"function_response"\s*:')
_SNAKE_KEY: Final = b'"function_response"'
_DECLARATIONS: Final = ("functionDeclarations", "function_declarations")
_MODEL_PREFIX: Final = "models/"
_OBJECT_BEGINS: Final = ord("{")
_LITTLE: Final = frozenset({"", "MINIMAL", "THINKING_LEVEL_UNSPECIFIED"})

_Fields = dict[str, msgspec.Raw]


class _Declared(msgspec.Struct):
    name: str | None = None


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_DECLARED: Final = msgspec.json.Decoder(list[_Declared])


def survey_request(body: bytes, *, path: str) -> Survey:
    fields = _read(body)
    written = _field(fields, "generationConfig")
    config = WireFields(bytes(written) or b"{}", "generationConfig")
    call = gemini_call(path)
    raw_contents = _field(fields, "contents")
    system, tools = _field(fields, "systemInstruction"), _field(fields, "tools")
    names, kinds = _offered(tools)
    contents = SurveyedContents(
        _objects(raw_contents, "contents"),
        has_media=names_media(body),
        has_task_tools=not TASK_TOOLS.isdisjoint(names),
    )
    if not contents.roles:
        raise InvalidRequest("contents: required, a list of at least one content")
    message_bytes = tuple(accumulate(map(length, contents.canonical)))
    system_digest = digest(system) if system else ""
    if _field(fields, "cachedContent"):
        kinds.append("cachedContent")
    if (config.integer("candidateCount") or 1) > 1:
        kinds.append("candidateCount")
    offered_digest = digest(tools)
    typed = TypedText(contents.roles, contents.typed)
    prompt_bytes = message_bytes[-1] + len(system) + len(tools)
    wants_schema = any(config.raw(f"response{kind}Schema") for kind in ("", "Json"))
    media_type = config.string("responseMimeType")
    kinds += bound_forms(
        media_type, config.strings("responseModalities"), config.json("responseFormat")
    )
    kinds += contents.bound
    return Survey(
        model=call.model if call is not None else _model(fields),
        stream=call is not None and call.method == "streamGenerateContent",
        body_bytes=len(body),
        needs=Needs(
            prompt_tokens_estimate=round(
                max(0, prompt_bytes - contents.base64_bytes) / BYTES_PER_TOKEN
            )
            + contents.attached_tokens,
            max_output_tokens=config.integer("maxOutputTokens"),
            tools=bool(names),
            images=contents.images > 0,
            documents=contents.documents > 0,
            structured_output=wants_schema or media_type == JSON_MEDIA_TYPE,
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
        tool_result_count=_result_count(body, raw_contents),
        first_typed_text=typed.first(),
        text=typed.newest(),
        stop_sequences=config.strings("stopSequences"),
        has_output_format=wants_schema,
        user_field="",
        prompt_cache_key="",
        breakpoints=(0, 0),
        has_foreign_thinking=has_foreign_reasoning(body),
        attachment_tokens=contents.attached_tokens,
        asks_usage=True,
        tool_names=tuple(names),
        tasks=task_list(contents.task_calls),
        ended_turn=typed.ended_turn(contents.has_calls),
    )


def _result_count(body: bytes, contents: Span) -> int:
    count = len(_RESULT.findall(contents))
    # A pattern that begins with fixed letters is fast, and looking for fixed bytes faster still.
    return count + (len(_SNAKE_RESULT.findall(contents)) if _SNAKE_KEY in body else 0)


def _read(body: bytes) -> _Fields:
    try:
        fields = _FIELDS.decode(body)
        deeper = _field(fields, "generateContentRequest")
        return _FIELDS.decode(deeper) if deeper else fields
    except MALFORMED as error:
        raise complaint("", error, body) from None


def _field(fields: _Fields, name: str) -> Span:
    """The field in either spelling, where it lies; nothing where it is absent or null."""
    raw = fields.get(name)
    span = memoryview(fields.get(snake(name), _ABSENT) if raw is None else raw)
    return b"" if span[:5].tobytes() in _NOTHING else span


def _objects(raw: Span, where: str) -> Sequence[_Fields]:
    """A list of objects, or one alone."""
    if not raw:
        return ()
    try:
        return [_FIELDS.decode(raw)] if raw[0] == _OBJECT_BEGINS else _LIST.decode(raw)
    except MALFORMED as error:
        raise complaint(where, error) from None


def _model(fields: _Fields) -> str:
    raw = bytes(_field(fields, "model"))
    return decode_string(raw, "model").removeprefix(_MODEL_PREFIX) if raw else ""


def _offered(raw: Span) -> tuple[list[str], list[str]]:
    """Names of the functions that the client runs, and of the tools that Google does."""
    names: list[str] = []
    kinds: list[str] = []
    for entry in _objects(raw, "tools"):
        for name, value in entry.items():
            if name not in _DECLARATIONS:
                kinds += [name] if bytes(value) != b"null" else []
                continue
            try:
                names += [one.name or "" for one in _DECLARED.decode(value)]
            except MALFORMED as error:
                raise complaint(f"tools.{name}", error) from None
    return names, kinds


def _thinks(config: WireFields) -> bool:
    thinking = config.object("thinkingConfig")
    if thinking is None:
        return False
    return bool(thinking.integer("thinkingBudget")) or thinking.word("thinkingLevel") not in _LITTLE
