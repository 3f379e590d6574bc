from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.catalog.models import CacheTerms, PrefixMinimum
from turnout.catalog.token_families import Family
from turnout.dialects.usage import Usage
from turnout.policy import cache
from turnout.policy.cache import HitCounts, Rung, Written
from turnout.policy.request import Prefix

EXPLICIT = CacheTerms(kind="explicit", lifetimes_seconds=(300, 3_600), minimum_prefix_tokens=1_024)
AUTOMATIC = CacheTerms(
    kind="automatic", lifetimes_seconds=(300,), minimum_prefix_tokens=1_024, block_tokens=128
)
DISK = CacheTerms(kind="automatic", lifetimes_seconds=(3_600,), block_tokens=64)


def prompt(*words: str, head: str = "head", each: int = 1_000) -> Prefix:
    return Prefix(
        head_digest=head,
        digests=tuple("+".join((head, *words[: count + 1])) for count in range(len(words))),
        tokens=tuple(each * (count + 2) for count in range(len(words))),
    )


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-5, 0), (0, 0), (60, 0), (61, 1), (120, 1), (300, 2), (301, 3), (7_200, 6), (90_000, 7)],
)
def test_gaps_fall_into_the_measured_buckets(seconds: float, bucket: int) -> None:
    assert cache.gap_bucket(seconds) == bucket


@pytest.mark.parametrize(
    ("usage", "terms", "expected"),
    [
        (Usage(cache_read=5_000, cache_write_5m=700, fresh_input=9), EXPLICIT, Written(5_700, 300)),
        (Usage(cache_write_1h=700, fresh_input=9), EXPLICIT, Written(700, 3_600)),
        (Usage(cache_write_1h=700, cache_write_5m=50), EXPLICIT, Written(750, 300)),
        (Usage(cache_read=5_000, fresh_input=9_000), EXPLICIT, Written(5_000, None)),
        (Usage(fresh_input=9_000), EXPLICIT, Written(0, None)),
        (Usage(cache_read=1_024, fresh_input=1_000), AUTOMATIC, Written(1_920, None)),
        (Usage(fresh_input=1_000), AUTOMATIC, Written(0, None)),
        (Usage(fresh_input=9_000), None, Written(0, None)),
    ],
)
def test_what_an_answer_leaves_in_the_cache(
    usage: Usage, terms: CacheTerms | None, expected: Written
) -> None:
    assert cache.written(usage, terms) == expected


def test_the_head_takes_the_longer_lifetime_of_the_answer_that_wrote_it() -> None:
    both = Usage(cache_write_1h=4_000, cache_write_5m=900)
    assert cache.head_written(both, EXPLICIT, head_tokens=3_000) == Written(3_000, 3_600)
    tail = Usage(cache_read=4_000, cache_write_5m=900)
    assert cache.head_written(tail, EXPLICIT, head_tokens=3_000) == Written(3_000, None)
    little = Usage(cache_write_5m=900, fresh_input=3_000)
    assert cache.head_written(little, EXPLICIT, head_tokens=3_000) == Written(900, 300)


def test_the_default_lifetime_is_the_shortest_on_offer() -> None:
    assert cache.default_lifetime(EXPLICIT) == ("5m", 300)
    assert cache.default_lifetime(DISK) == ("automatic", 3_600)
    assert cache.default_lifetime(None) == ("automatic", 300)
    assert cache.default_lifetime(CacheTerms(kind="none")) == ("automatic", 300)


class Halves:
    """A table in which every share is half of the one before, whatever is asked of it."""

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        return 0.5 ** cache.gap_bucket(gap_seconds)


PRIOR = cache.prior_shares(Halves(), "openai", "automatic", 300.0)


def test_the_table_is_asked_for_every_bucket() -> None:
    assert tuple(0.5**bucket for bucket in range(cache.GAP_BUCKETS)) == PRIOR


def test_without_observations_the_table_counts() -> None:
    assert cache.hit_share(PRIOR, (), bucket=2) == 0.25


def test_observations_outweigh_the_table_in_time() -> None:
    counts = [HitCounts()] * cache.GAP_BUCKETS
    counts[3] = HitCounts(seen=cache.PRIOR_OBSERVATIONS, found=cache.PRIOR_OBSERVATIONS)
    assert cache.hit_share(PRIOR, counts, bucket=3) == pytest.approx((0.125 + 1) / 2)
    assert cache.hit_share(PRIOR, counts, bucket=2) == pytest.approx(0.25)


@given(seen=st.floats(0, 1e6), share=st.floats(0, 1))
def test_a_share_is_a_share(seen: float, share: float) -> None:
    counts = [HitCounts(seen, seen * share)] * cache.GAP_BUCKETS
    for bucket in range(cache.GAP_BUCKETS):
        found = cache.hit_share(PRIOR, counts, bucket=bucket)
        assert -1e-9 <= found <= 1 + 1e-9


def test_a_paid_lifetime_ends_when_it_ends_and_a_learned_one_when_hits_do() -> None:
    def believed(kind: cache.LifetimeKind, *counts: HitCounts) -> float:
        return cache.believed_seconds(kind, 300, PRIOR, counts)

    never, always = HitCounts(1e9, 0.0), HitCounts(1e9, 1e9)
    late = [always, always, never, *[always] * (cache.GAP_BUCKETS - 3)]
    assert believed("5m") == 300
    assert believed("5m", *[never] * cache.GAP_BUCKETS) == 300
    assert believed("automatic") == 600
    assert believed("automatic", *late) == 120
    assert believed("automatic", *[never] * cache.GAP_BUCKETS) == 0
    assert believed("automatic", *[always] * cache.GAP_BUCKETS) == 86_400


def test_rungs_stand_close_at_the_end_and_are_in_real_tokens() -> None:
    prefix = prompt(*"abcdefgh")
    usage = Usage(cache_read=2 * prefix.tokens[-1])
    rungs = cache.ladder(prefix, head_tokens=900, usage=usage)
    assert [rung.count for rung in rungs] == [8, 7, 6, 4, 0]
    assert [rung.tokens for rung in rungs] == [18_000, 16_000, 14_000, 10_000, 1_800]
    estimated = cache.ladder(prefix, head_tokens=900, usage=None)
    assert [rung.tokens for rung in estimated] == [9_000, 8_000, 7_000, 5_000, 900]
    empty = cache.ladder(Prefix(head_digest="h"), head_tokens=900, usage=usage)
    assert empty == (Rung(0, "h", 900),)


@pytest.mark.parametrize(
    ("then", "tokens", "share"),
    [
        (prompt(*"abcdefgh"), 8_500, 1.0),
        (prompt(*"abcdefghij"), 8_500, 1.0),
        (prompt(*"abcdefg"), 8_000, 7 / 8),
        (prompt(*"abcdeX"), 5_000, 4 / 8),
        (prompt("X"), 900, 0.0),
        (prompt(*"abcdefgh", head="other"), 0, 0.0),
        (prompt(), 900, 0.0),
    ],
)
def test_what_is_kept_of_a_prompt(then: Prefix, tokens: int, share: float) -> None:
    rungs = cache.ladder(prompt(*"abcdefgh"), head_tokens=900, usage=None)
    assert cache.warm_tokens(8_500, rungs, then) == tokens
    assert cache.kept_share(rungs, then) == share


@given(
    old=st.lists(st.sampled_from("ab"), max_size=40),
    new=st.lists(st.sampled_from("ab"), max_size=40),
)
def test_no_more_is_kept_than_is_the_same(old: list[str], new: list[str]) -> None:
    common = 0
    for mine, other in zip(old, new, strict=False):
        if mine != other:
            break
        common += 1
    share = cache.kept_share(cache.ladder(prompt(*old), head_tokens=1, usage=None), prompt(*new))
    kept = round(share * len(old))
    # The rungs halve: at worst half of what lies before the end is given up.
    assert common >= kept >= max(0, common - (len(old) - common) - 1)


def test_a_retry_is_the_same_prompt_and_nothing_else() -> None:
    rungs = cache.ladder(prompt("a", "b"), head_tokens=1, usage=None)
    assert cache.is_same_prompt(rungs, prompt("a", "b"))
    assert not cache.is_same_prompt(rungs, prompt("a"))
    assert not cache.is_same_prompt(rungs, prompt("a", "b", "c"))
    assert not cache.is_same_prompt(rungs, prompt("a", "x"))
    nothing = cache.ladder(prompt(), head_tokens=1, usage=None)
    assert not cache.is_same_prompt(nothing, prompt())
    assert not cache.is_same_prompt((), prompt("a"))


def test_small_expectations_teach_nothing() -> None:
    assert cache.observed_share(1_023, Usage(cache_read=0)) is None
    assert cache.observed_share(2_000, Usage(cache_read=500)) == 0.25
    assert cache.observed_share(2_000, Usage(cache_read=9_000)) == 1


def test_growth_is_a_mean_over_growing_steps() -> None:
    def grown(*tokens: int) -> float:
        families: list[Family] = ["gpt-5" for _ in tokens]
        return cache.mean_growth(tokens, families)

    assert grown(100, 300, 700, 50, 150) == pytest.approx(700 / 3)
    assert grown(100) == 0
    assert grown() == 0


def test_a_move_to_another_family_is_no_growth() -> None:
    """The newest counts its tokens for 2.48 bytes, the one before it for 3.89."""
    moved: list[Family] = ["deepseek", "deepseek", "claude-4.7"]
    share = 3.89 / 2.48
    assert cache.mean_growth([50_000, 51_000, 80_000], moved) == pytest.approx(1_000 * share)
    back: list[Family] = [*moved, "claude-4.7"]
    assert cache.mean_growth([50_000, 51_000, 80_000, 82_000], back) == pytest.approx(
        (1_000 * share + 2_000) / 2
    )
    assert cache.mean_growth([50_000, 80_000], moved[1:]) == 0
    assert cache.mean_output([100, 100, 300], moved) == pytest.approx((200 * share + 300) / 3)


def test_terms_are_those_of_the_targets_model() -> None:
    terms = replace(AUTOMATIC, minimums=(PrefixMinimum(names="small-.*", tokens=64),))
    usage = Usage(fresh_input=640)
    terms_of = cache.terms_by_target({"openai": terms})
    for name, tokens in (("small-1", 640), ("large-1", 0)):
        found = terms_of(f"openai/{name}@env")
        assert cache.written(usage, found).tokens == tokens
    assert terms_of("nobody/x@env") is None
