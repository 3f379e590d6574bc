"""Chains that are remembered are the chains that would be made."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.prefix import chain
from turnout.ingress.chains import Chains

# Few of each, so that threads begin alike, grow, are cut and are edited.
MESSAGES = st.lists(st.sampled_from([b"a" * 8, b"b" * 8]), max_size=6).map(tuple)
ASKED = st.lists(st.tuples(st.sampled_from(["head-1", "head-2"]), MESSAGES), max_size=30)


@given(asked=ASKED, max_digests=st.integers(0, 12))
def test_what_was_asked_before_changes_nothing(
    asked: list[tuple[str, tuple[bytes, ...]]], max_digests: int
) -> None:
    chains = Chains(max_digests=max_digests)
    for head, messages in asked:
        assert chains.of(head, messages) == chain(head, messages)
        assert chains.size <= max_digests


def test_a_thread_that_goes_on_has_its_first_digests_from_before() -> None:
    chains = Chains()
    first = chains.of("head", (b"1", b"2"))
    second = chains.of("head", (b"1", b"2", b"3"))
    assert all(one is other for one, other in zip(first, second, strict=False))
    assert chains.size == 3
