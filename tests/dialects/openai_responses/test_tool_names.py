"""Names of tools in namespaces, there and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, joined_name, split_name

NAMES = st.text(alphabet="a_-01", min_size=1, max_size=6) | st.just(TOOL_SEARCH)


@given(st.just("") | NAMES, NAMES)
def test_every_name_comes_back(namespace: str, name: str) -> None:
    assert split_name(joined_name(namespace, name)) == (namespace, name)


@given(st.tuples(st.just("") | NAMES, NAMES), st.tuples(st.just("") | NAMES, NAMES))
def test_different_tools_have_different_names(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert (joined_name(*a) == joined_name(*b)) == (a == b)


@given(st.just("") | NAMES, NAMES)
def test_names_are_legal_everywhere(namespace: str, name: str) -> None:
    joined = joined_name(namespace, name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", joined)
    if namespace and re.match(r"[a-zA-Z_]", namespace):
        assert re.match(r"[a-zA-Z_]", joined)


@pytest.mark.parametrize("name", ["read_file", "mcp__github__get_issue", "apply_patch", "a-b"])
def test_ordinary_names_stay(name: str) -> None:
    assert joined_name("", name) == name


def test_a_function_called_like_the_search_is_told_from_it() -> None:
    assert joined_name("", TOOL_SEARCH) != TOOL_SEARCH


@pytest.mark.parametrize("name", ["--x", "--", "a--", ""])
def test_what_no_client_has_named_is_split_somehow(name: str) -> None:
    namespace, rest = split_name(name)
    assert isinstance(namespace + rest, str)
