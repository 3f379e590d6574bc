"""Requests with one thing in them replaced by any other JSON, for tests of readers."""

import json

from hypothesis import strategies as st

Json = object


def anything() -> st.SearchStrategy[Json]:
    """Any small JSON value."""
    leaves = st.none() | st.booleans() | st.integers(-5, 99) | st.text(max_size=5)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=4,
    )


def mutated(body: Json, data: st.DataObject, replacement: st.SearchStrategy[Json]) -> bytes:
    """The body as bytes, one value of it replaced."""
    place = data.draw(st.sampled_from(_places(body)))
    return json.dumps(_with(body, place, data.draw(replacement))).encode()


def _places(value: Json, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [here] if here else []
    match value:
        case dict():
            for key, inner in value.items():
                found.extend(_places(inner, (*here, str(key))))
        case list():
            for index, inner in enumerate(value):
                found.extend(_places(inner, (*here, index)))
        case _:
            pass
    return found


def _with(value: Json, place: tuple[str | int, ...], new: Json) -> Json:
    if not place:
        return new
    first, rest = place[0], place[1:]
    match value:
        case dict():
            return {key: _with(v, rest, new) if key == first else v for key, v in value.items()}
        case list():
            return [_with(v, rest, new) if i == first else v for i, v in enumerate(value)]
        case _:
            return value
