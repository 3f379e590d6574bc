"""Words out of a provider's refusal, by what the catalog says of where they stand. Pure."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from turnout.dialects.field_paths import without_places
from turnout.dialects.reading import MALFORMED
from turnout.dialects.retry_after import come_back_in
from turnout.errors import BY_KIND, ContextTooLong, InvalidRequest, TurnoutError
from turnout.refusals import Refusals

MAX_MESSAGE_CHARACTERS: Final = 1_000
"""Of a provider's message: the sentences that clients act on come first."""

Headers = tuple[tuple[str, str], ...]
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | None"


class Words(msgspec.Struct, frozen=True):
    """What a refusal says.

    Attributes:
        message: on one line, cut.
        code: the provider's word or number for it.
        headers: those that the body repeats.

    """

    message: str = ""
    code: str = ""
    headers: Headers = ()


def read_words(body: bytes, refusals: Refusals) -> Words:
    """Nothing where the body is no JSON."""
    try:
        document: Json = msgspec.json.decode(body)
    except MALFORMED:
        return Words()
    messages = (_at(document, path) for path in refusals.message)
    message = next((found for found in messages if isinstance(found, str) and found), "")
    codes = (_at(document, path) for path in refusals.code)
    code = next((found for found in codes if _is_word(found)), "")
    headers = [_at(document, path) for path in refusals.headers]
    return Words(shown(message), str(code), tuple(_pairs(headers)))


def _at(document: Json, path: str) -> Json:
    for name in path.split("."):
        match document:
            case dict():
                document = document.get(name)
            case list() if name.isdecimal() and int(name) < len(document):
                document = document[int(name)]
            case _:
                return None
    return document


def _is_word(found: Json) -> bool:
    return isinstance(found, str | int) and not isinstance(found, bool) and found != ""


def _pairs(found: list[Json]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for headers in found
        if isinstance(headers, dict)
        for name, value in headers.items()
        if isinstance(value, str)
    ]


def shown(message: str) -> str:
    return " ".join(message.split())[:MAX_MESSAGE_CHARACTERS]


def kind_by_word(status: int, code: str, refusals: Refusals) -> type[TurnoutError] | None:
    """What the provider's own word means, or its status where that has a meaning of its own."""
    for word, kind in refusals.kinds:
        if word in {code, str(status)}:
            return BY_KIND[kind]
    return None


def whole_error(
    kind: type[TurnoutError],
    words: Words,
    status: int,
    headers: Sequence[tuple[str, str]],
    refusals: Refusals,
    *,
    now: float,
) -> TurnoutError:
    """The error that an answer with these headers is, of a kind that its dialect has read."""
    told = (*headers, *words.headers)
    return kind(
        words.message or f"the upstream answered with status {status} and no message",
        retry_after_seconds=come_back_in(kind, words.message, told, refusals, now=now),
        upstream_status=status,
    )


def speaks_of_context(message: str, refusals: Refusals) -> bool:
    text = message.lower()
    return any(sign in text for sign in refusals.context_signs)


def for_another_dialect(error: TurnoutError, target: str) -> TurnoutError:
    """What `target` says of a request that was translated for it, to a client that has seen neither
    its fields nor their places. Sentences stay: clients look for some of them.
    """
    if type(error) is not InvalidRequest:
        return error
    return InvalidRequest(
        f"{target} refused the translated request: {without_places(error.message)}",
        upstream_status=error.upstream_status,
    )


def as_meant(error: TurnoutError, refusals: Refusals) -> TurnoutError:
    """An error out of a stream, which its dialect has read, by what this endpoint means with it."""
    if isinstance(error, ContextTooLong) or not speaks_of_context(error.message, refusals):
        return error
    return ContextTooLong(error.message, upstream_status=error.upstream_status)
