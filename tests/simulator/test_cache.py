"""The prompt cache model: who reads what, until when, and what it costs; no clock, no sleeping."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from turnout.simulator.cache import (
    LOOKBACK_BLOCKS,
    Block,
    Charge,
    PromptCache,
    account_of,
)

ME = account_of(credential="key", model="claude-opus-5-5")
FIVE_MINUTES, ONE_HOUR = 300, 3_600


def block(name: str, tokens: int = 1_000, lifetime: int | None = None) -> Block:
    return Block(name.encode(), tokens, lifetime)


def send(
    cache: PromptCache, *blocks: Block, now: float = 0.0, account: bytes = ME, minimum: int = 1_024
) -> Charge:
    charge = cache.charge_explicit(blocks, account=account, minimum_tokens=minimum, now=now)
    cache.commit(charge, now=now)
    return charge


def test_without_breakpoints_nothing_is_written_or_read() -> None:
    cache = PromptCache()
    for _ in range(2):
        charge = send(cache, block("a", 5_000), block("b", 5_000))
        assert (charge.fresh, charge.read, charge.written) == (10_000, 0, {})


def test_a_breakpoint_writes_its_prefix_and_the_next_request_reads_it() -> None:
    cache = PromptCache()
    prompt = (block("tools", 3_000), block("system", 2_000, FIVE_MINUTES), block("hello", 10))
    first, second = send(cache, *prompt), send(cache, *prompt, now=1.0)
    assert (first.fresh, first.read, first.written) == (10, 0, {FIVE_MINUTES: 5_000})
    assert (second.fresh, second.read, second.written) == (10, 5_000, {})


def test_a_growing_thread_reads_the_last_prefix_and_writes_only_the_growth() -> None:
    cache = PromptCache()
    head = block("head", 5_000, FIVE_MINUTES)
    send(cache, head, block("turn 1", 500, FIVE_MINUTES))
    second = send(
        cache, head, block("turn 1", 500), block("reply", 200), block("turn 2", 300, FIVE_MINUTES)
    )
    assert (second.fresh, second.read, second.written) == (0, 5_500, {FIVE_MINUTES: 500})


def test_an_entry_ends_with_its_lifetime() -> None:
    cache = PromptCache()
    prompt = (block("head", 5_000, FIVE_MINUTES),)
    send(cache, *prompt, now=0.0)
    assert send(cache, *prompt, now=299.9).read == 5_000
    assert send(cache, *prompt, now=299.9 + 300.0).read == 0


def test_a_read_refreshes_the_lifetime() -> None:
    cache = PromptCache()
    prompt = (block("head", 5_000, FIVE_MINUTES),)
    for minute in range(0, 60, 4):
        charge = send(cache, *prompt, now=minute * 60.0)
        assert charge.read == (5_000 if minute else 0)


def test_a_one_hour_entry_outlives_a_pause() -> None:
    cache = PromptCache()
    prompt = (block("head", 5_000, ONE_HOUR),)
    assert send(cache, *prompt).written == {ONE_HOUR: 5_000}
    assert send(cache, *prompt, now=3_599.0).read == 5_000


def test_a_read_through_an_earlier_entry_keeps_that_entrys_lifetime() -> None:
    cache = PromptCache()
    send(cache, block("head", 5_000, FIVE_MINUTES))
    send(cache, block("head", 5_000), block("more", 100, ONE_HOUR), now=100.0)
    assert send(cache, block("head", 5_000, FIVE_MINUTES), now=401.0).read == 0
    assert send(cache, block("head", 5_000), block("more", 100, ONE_HOUR), now=402.0).read == 5_100


def test_mixed_lifetimes_split_the_write_at_the_breakpoints() -> None:
    charge = send(
        PromptCache(),
        block("head", 5_000, ONE_HOUR),
        block("turn", 700, FIVE_MINUTES),
        block("end", 30),
    )
    assert charge.written == {ONE_HOUR: 5_000, FIVE_MINUTES: 700}
    assert charge.fresh == 30


def test_a_prefix_below_the_minimum_is_not_cached() -> None:
    cache = PromptCache()
    short = (block("head", 1_023, FIVE_MINUTES),)
    assert send(cache, *short).written == {}
    assert send(cache, *short).read == 0
    assert send(cache, block("head", 1_024, FIVE_MINUTES)).written == {FIVE_MINUTES: 1_024}


def test_a_changed_head_reads_nothing() -> None:
    cache = PromptCache()
    send(cache, block("head", 5_000), block("turn", 100, FIVE_MINUTES))
    assert send(cache, block("HEAD", 5_000), block("turn", 100, FIVE_MINUTES)).read == 0


def test_accounts_and_models_share_nothing() -> None:
    cache = PromptCache()
    prompt = (block("head", 5_000, FIVE_MINUTES),)
    send(cache, *prompt)
    for credential, model in (("other", "claude-opus-5-5"), ("key", "claude-haiku-5-5")):
        other = account_of(credential=credential, model=model)
        assert send(cache, *prompt, account=other).read == 0


def test_the_search_for_an_earlier_entry_ends_after_twenty_blocks() -> None:
    for between, expected in ((LOOKBACK_BLOCKS - 1, 5_000), (LOOKBACK_BLOCKS, 0)):
        cache = PromptCache()
        send(cache, block("head", 5_000, FIVE_MINUTES))
        middle = [block(f"m{number}", 10) for number in range(between - 1)]
        prompt = [block("head", 5_000), *middle, block("end", 10, FIVE_MINUTES)]
        assert send(cache, *prompt).read == expected


def test_two_requests_at_once_both_write() -> None:
    cache = PromptCache()
    prompt = (block("head", 5_000, FIVE_MINUTES),)
    charges = [
        cache.charge_explicit(prompt, account=ME, minimum_tokens=1_024, now=0.0) for _ in range(2)
    ]
    assert [charge.read for charge in charges] == [0, 0]


def test_the_store_is_bounded_and_forgets_what_is_unused_longest() -> None:
    cache = PromptCache(max_entries=2)
    first, second, third = (block(name, 5_000, FIVE_MINUTES) for name in ("a", "b", "c"))
    send(cache, first)
    send(cache, second)
    send(cache, first, now=1.0)
    send(cache, third, now=2.0)
    assert send(cache, first, now=3.0).read == 5_000
    assert send(cache, second, now=4.0).read == 0


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.integers(min_value=0, max_value=3_000),
                st.sampled_from((None, FIVE_MINUTES, ONE_HOUR)),
            ),
            max_size=8,
        ),
        max_size=6,
    ),
    st.floats(min_value=0, max_value=1_000),
)
def test_every_token_is_in_exactly_one_figure(
    prompts: list[list[tuple[str, int, int | None]]], step: float
) -> None:
    cache = PromptCache()
    for number, prompt in enumerate(prompts):
        blocks = [block(f"{name}{tokens}", tokens, life) for name, tokens, life in prompt]
        charge = send(cache, *blocks, now=number * step)
        assert charge.total == sum(tokens for _, tokens, _ in prompt)
        assert min(charge.fresh, charge.read, *charge.written.values(), 0) == 0


def automatic(cache: PromptCache, pieces: str, *, now: float = 0.0, rest: int = 0) -> Charge:
    charge = cache.charge_automatic(
        [piece.encode() for piece in pieces],
        total_tokens=len(pieces) * 128 + rest,
        account=ME,
        minimum_tokens=1_024,
        block_tokens=128,
        lifetime_seconds=FIVE_MINUTES,
        now=now,
    )
    cache.commit(charge, now=now)
    return charge


def test_an_automatic_prefix_is_read_in_steps_of_whole_blocks() -> None:
    cache = PromptCache()
    assert automatic(cache, "abcdefghij", rest=50).read == 0
    second = automatic(cache, "abcdefghijkl", rest=99)
    assert second.read == 10 * 128
    assert sum(second.written.values()) == 2 * 128
    assert second.fresh == 99


def test_an_automatic_prefix_below_the_minimum_is_neither_kept_nor_read() -> None:
    cache = PromptCache()
    assert automatic(cache, "abcdefg", rest=100) == Charge(fresh=996, read=0)
    automatic(cache, "abcdefghij")
    changed_early = automatic(cache, "abcdefgXYZ")
    assert changed_early.read == 0
    assert automatic(cache, "abcdefghXY").read == 8 * 128


def test_an_automatic_entry_lives_from_its_last_use() -> None:
    cache = PromptCache()
    automatic(cache, "abcdefgh", now=0.0)
    assert automatic(cache, "abcdefgh", now=200.0).read == 1_024
    assert automatic(cache, "abcdefgh", now=499.0).read == 1_024
    assert automatic(cache, "abcdefgh", now=800.0).read == 0


def test_clear_forgets() -> None:
    cache = PromptCache()
    send(cache, block("head", 5_000, FIVE_MINUTES))
    cache.clear()
    assert send(cache, replace(block("head", 5_000, FIVE_MINUTES))).read == 0
