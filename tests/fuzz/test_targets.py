"""The fuzzed functions over their seeds, what fuzzing has found before, and small mutations of both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import seeds
from tests.fuzz.harness import TARGETS

SEEDS = {name: seeds.of(name) for name in TARGETS}

PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [
            *(b"null", b"{}", b"[]", b'""', b"1", b"-1", b"1e400", b"\xff", b'\\ud800"', b"true"),
            *(b'"', b"{", b"}", b"]", b":", b",", b"\n\n", b"\r", b"data: ", b"event: ", b"[DONE]"),
        ]
    ),
)


@st.composite
def spoilt(draw: st.DrawFn, among: list[bytes]) -> bytes:
    """Some bytes of one of them replaced, left out or doubled."""
    data = bytearray(draw(st.sampled_from(among)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        data[at : at + length] = draw(PIECES)
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_cases(name: str) -> None:
    assert SEEDS[name]
    for data in SEEDS[name]:
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_mutations(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(spoilt(SEEDS[name])))
