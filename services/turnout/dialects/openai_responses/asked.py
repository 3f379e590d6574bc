"""What a response object repeats of its request.

Rules: a setting is repeated in the client's own characters, and one that the client left out has the
default of OpenAI's API reference; what tells of the answer and not of the question is what happened
here: nothing is stored, nothing runs in the background, and a tier that was asked for is not known to
have been given.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from turnout.dialects.reading import MALFORMED

Json = dict[str, object]

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = b"null"
_LINE_ENDS: Final = (b"\n", b"\r")

_DEFAULTS: Final[Json] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_DEFAULT_PARTS: Final[Mapping[str, Json]] = {
    "metadata": {},
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
}
_OF_EVERY_ANSWER: Final[Json] = {"background": False, "previous_response_id": None, "store": False}
_STANDARD_TIERS: Final = frozenset({b'"auto"', b'"default"'})


def repeated(body: bytes) -> Json:
    """What every response object of an answer to `body` says; the defaults where that is no object."""
    asked = _given(body)
    told = {name: _shown(asked.get(name), default) for name, default in _DEFAULTS.items()}
    for name, defaults in _DEFAULT_PARTS.items():
        parts = _given(asked.get(name, b"{}"))
        told[name] = defaults | {part: _shown(json, None) for part, json in parts.items()}
    tier = bytes(asked.get("service_tier", b'"auto"'))
    told["service_tier"] = "default" if tier in _STANDARD_TIERS else None
    return told | _OF_EVERY_ANSWER


def one_line(json: bytes) -> msgspec.Raw:
    """A JSON value without line ends, which would end the event that it stands in."""
    has_line_ends = any(end in json for end in _LINE_ENDS)
    return msgspec.Raw(msgspec.json.format(json, indent=-1) if has_line_ends else json)


def _shown(json: msgspec.Raw | None, default: object) -> object:
    return default if json is None else one_line(bytes(json))


def _given(json: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The fields that the client wrote; null is the same as absent."""
    try:
        fields = _FIELDS.decode(json)
    except MALFORMED:
        return {}
    return {name: value for name, value in fields.items() if bytes(value) != _NULL}
