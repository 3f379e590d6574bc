"""How targets stand: by what this replica's calls met, and by what others have told."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.breaker import EJECTION_SECONDS, IN_A_ROW, Ending
from turnout.policy.latency import HALF_LIFE_SECONDS, Size
from turnout.policy.limit import CEILING, KEPT_SHARE
from turnout.policy.output_rate import OutputRate
from turnout.policy.standing import (
    CallEnd,
    Standing,
    StandingReport,
    TargetGauge,
    TargetHealth,
)
from turnout.policy.throttle import THROTTLED_SECONDS
from turnout.upstream_dispatcher.standings import MOST_IN_A_REPORT, Standings

NOW = 1_790_000_000.0
TARGET = "anthropic/model-0@env"
OTHER = "openai/model-1@env"
PEERS = (TARGET, OTHER)


def standings(replica: str = "a", *, most_targets: int = 100) -> Standings:
    return Standings(replica=replica, most_targets=most_targets)


def end(
    ending: Ending = "answered",
    *,
    sent_at: float = NOW,
    size: Size = "under_2k",
    first_content: float | None = None,
    come_back: float | None = None,
    rate: float | None = None,
) -> CallEnd:
    return CallEnd(
        ending=ending,
        sent_at=sent_at,
        size=size,
        open_seconds=7.0,
        first_content_seconds=first_content,
        output_rate=None if rate is None else OutputRate(rate, rate),
        come_back_seconds=come_back,
    )


def called(
    on: Standings,
    how: CallEnd,
    *,
    times: int = 1,
    target: str = TARGET,
    account: str = "",
    peers: tuple[str, ...] = PEERS,
    now: float = NOW,
) -> None:
    for _ in range(times):
        on.begun(target, account=account, now=how.sent_at)
        on.ended(target, how, peers=peers, account=account, now=now)


def of(
    on: Standings,
    target: str = TARGET,
    size: Size = "under_2k",
    *,
    account: str = "",
    now: float = NOW,
) -> Standing:
    return on.of(target, size, account=account, now=now)


def test_a_target_that_was_never_asked_is_healthy_and_as_fast_as_any() -> None:
    on = standings()
    small, large = of(on), of(on, size="more")
    assert (small.state, small.free, small.most) == ("healthy", CEILING, CEILING)
    assert small.eligible_at <= NOW
    assert small.first_content.samples == 0
    assert small.first_content.p95 < large.first_content.p95
    assert on.gauges(now=NOW) == []


def test_times_are_kept_by_size() -> None:
    on = standings()
    called(on, end(first_content=20.0, size="under_64k"), times=400)
    assert of(on, size="under_64k").first_content.p50 == pytest.approx(20.0, rel=0.08)
    assert of(on, size="under_2k").first_content.samples == 0


@pytest.mark.parametrize(
    ("ending", "is_told"),
    [
        ("timeout", True),
        ("broke_off", True),
        ("stalled", True),
        ("given_up", True),
        ("error", False),
        ("throttled", False),
        ("answered", False),
    ],
)
def test_a_call_without_content_says_longer_where_it_might_have_come(
    ending: Ending, is_told: bool
) -> None:
    on = standings()
    called(on, end(ending))
    assert of(on).first_content.samples == (1.0 if is_told else 0.0)


def test_content_is_a_time_however_the_call_ended() -> None:
    on = standings()
    called(on, end("broke_off", first_content=2.0))
    assert of(on).first_content.samples == 1.0


def test_a_failing_target_is_ejected_and_probed_by_one() -> None:
    on = standings()
    called(on, end("error"), times=IN_A_ROW)
    ejected = of(on)
    assert (ejected.state, ejected.free) == ("ejected", 0)
    assert ejected.eligible_at == NOW + EJECTION_SECONDS
    later = ejected.eligible_at
    assert (of(on, now=later).state, of(on, now=later).free) == ("probing", 1)
    on.begun(TARGET, now=later)
    assert (of(on, now=later).state, of(on, now=later).free) == ("probing", 0)


def test_the_only_target_of_a_request_is_not_ejected() -> None:
    on = standings()
    called(on, end("error"), times=50, peers=(TARGET, TARGET))
    assert of(on).state == "healthy"


def test_the_last_that_is_not_ejected_stays() -> None:
    on = standings()
    called(on, end("error"), times=50)
    called(on, end("error"), times=50, target=OTHER)
    assert (of(on).state, of(on, OTHER).state) == ("ejected", "healthy")


@pytest.mark.parametrize(("told", "wait"), [(30.0, 30.0), (None, THROTTLED_SECONDS)])
def test_a_throttled_account_is_next_eligible_when_the_provider_says(
    told: float | None, wait: float
) -> None:
    on = standings()
    called(on, end("throttled", come_back=told))
    assert (of(on).state, of(on).free, of(on).eligible_at) == ("throttled", 0, NOW + wait)
    assert of(on, now=NOW + wait).state == "healthy"


def test_an_answer_that_uses_up_the_limits_says_when_they_are_whole() -> None:
    on = standings()
    called(on, end(come_back=12.0))
    assert (of(on).state, of(on).eligible_at) == ("throttled", NOW + 12)
    called(on, end(sent_at=NOW + 1), now=NOW + 2)
    assert of(on, now=NOW + 2).state == "healthy"


def test_accounts_of_clients_are_throttled_and_limited_apart() -> None:
    on = standings()
    for _ in range(40):
        on.begun(TARGET, account="one", now=NOW)
    on.ended(TARGET, end("throttled"), peers=PEERS, account="one", now=NOW)
    assert (of(on, account="one").state, of(on, account="one").most) == (
        "throttled",
        int(40 * KEPT_SHARE),
    )
    assert (of(on, account="two").state, of(on, account="two").most) == ("healthy", CEILING)


def test_what_is_under_way_takes_room() -> None:
    on = standings()
    on.begun(TARGET, now=NOW)
    assert of(on).free == CEILING - 1
    on.ended(TARGET, end("given_up"), peers=PEERS, now=NOW)
    assert of(on).free == CEILING


def test_the_least_recently_used_are_forgotten() -> None:
    on = standings(most_targets=2)
    for target in ("a/1@env", "a/2@env", "a/1@env", "a/3@env"):
        called(on, end(first_content=1.0), target=target)
    assert {gauge.target for gauge in on.gauges(now=NOW)} == {"a/1@env", "a/3@env"}
    report = on.report(now=NOW)
    assert report is not None
    assert [seen.target for seen in report.targets] == ["a/1@env", "a/3@env"]
    on.ended("a/2@env", end("given_up"), peers=(), now=NOW)
    assert of(on, "a/2@env").free == CEILING


def sent(report: StandingReport | None) -> StandingReport:
    """Over the bus."""
    assert report is not None
    return msgspec.json.decode(msgspec.json.encode(report), type=StandingReport)


def test_a_report_holds_what_is_new_and_only_once() -> None:
    on = standings()
    assert on.report(now=NOW) is None
    called(on, end(first_content=1.0), times=3)
    called(on, end("error"))
    called(on, end("throttled", come_back=9.0))
    report = sent(on.report(now=NOW))
    (seen,) = report.targets
    assert (report.replica, report.number) == ("a", 1)
    assert (seen.target, seen.calls, seen.failures) == (TARGET, 4, 1)
    assert [times.buckets for times in seen.times] == [((64, 3.0, 0.0),)]
    assert [one.wait_seconds for one in report.throttles] == [9.0]
    assert on.report(now=NOW) is None
    called(on, end(first_content=1.0))
    assert sent(on.report(now=NOW)).number == 2


def test_the_merged_view_is_ones_own_and_the_others() -> None:
    one, two, both = standings("a"), standings("b"), standings("c")
    for on, seconds in ((one, 1.0), (two, 9.0)):
        called(on, end(first_content=seconds), times=200)
        called(both, end(first_content=seconds), times=200)
    two.heard(sent(one.report(now=NOW)), now=NOW)
    assert of(two).first_content.p50 == pytest.approx(of(both).first_content.p50)
    assert of(two).first_content.samples == pytest.approx(400)
    own = sent(two.report(now=NOW))
    assert own.targets[0].calls == 200


def test_ones_own_report_says_nothing_new() -> None:
    on = standings()
    called(on, end(first_content=1.0), times=3)
    on.heard(sent(on.report(now=NOW)), now=NOW)
    assert of(on).first_content.samples == pytest.approx(3)


def test_what_others_are_told_of_an_account_holds_here() -> None:
    one, two = standings("a"), standings("b")
    called(one, end("throttled", come_back=30.0), account="x")
    two.heard(sent(one.report(now=NOW + 10)), now=NOW + 500)
    assert of(two, account="x", now=NOW + 500).eligible_at == NOW + 520
    assert of(two, now=NOW + 500).state == "healthy"


def test_failures_of_others_count_with_the_first_of_ones_own() -> None:
    one, two = standings("a"), standings("b")
    called(one, end("error"), times=20)
    two.heard(sent(one.report(now=NOW)), now=NOW)
    assert of(two).state == "healthy"
    called(two, end("error"))
    assert of(two).state == "ejected"


def test_a_slow_answer_is_told_as_a_failure() -> None:
    on = standings()
    called(on, end(rate=50.0), times=20)
    called(on, end(rate=1.0))
    (seen,) = sent(on.report(now=NOW)).targets
    assert (seen.calls, seen.failures) == (21, 1)


def health(on: Standings, account: str = "", *, now: float = NOW) -> tuple[TargetHealth, ...]:
    return on.health([(TARGET, account), (OTHER, account)], now=now)


def test_what_is_not_to_be_asked_is_told_of_those_that_could_be() -> None:
    on = standings()
    assert health(on) == ()
    called(on, end("error"), times=IN_A_ROW)
    called(on, end("throttled", come_back=40.0), target=OTHER)
    assert health(on) == (
        TargetHealth(TARGET, "ejected", NOW + EJECTION_SECONDS),
        TargetHealth(OTHER, "throttled", NOW + 40.0),
    )
    # Failing is the target's, throttling the account's.
    assert [one.target for one in health(on, "another")] == [TARGET]
    assert on.health([("a/b@env", "")], now=NOW) == ()
    # Who is probed may be chosen, else nobody would probe it.
    assert [one.target for one in health(on, now=NOW + EJECTION_SECONDS)] == [OTHER]
    assert health(on, now=NOW + 40.0) == ()


def test_a_replica_that_asks_nobody_hears_what_others_leave_alone() -> None:
    one, two = standings("a"), standings("b")
    called(one, end("error"), times=IN_A_ROW)
    two.heard(sent(one.report(now=NOW + 2.0)), now=NOW + 5.0)
    (told,) = health(two, now=NOW + 5.0)
    assert told == TargetHealth(TARGET, "ejected", NOW + 5.0 + EJECTION_SECONDS - 2.0)


def test_a_replica_that_asks_nobody_hears_what_others_are_told() -> None:
    one, two = standings("a"), standings("b")
    called(one, end("throttled", come_back=30.0))
    two.heard(sent(one.report(now=NOW + 2.0)), now=NOW + 5.0)
    assert health(two, now=NOW + 5.0) == (TargetHealth(TARGET, "throttled", NOW + 5.0 + 28.0),)


def test_an_answer_that_uses_the_limits_up_is_told_at_once() -> None:
    on = standings()
    on.used_up(TARGET, 20.0, now=NOW)
    assert health(on) == (TargetHealth(TARGET, "throttled", NOW + 20.0),)
    assert health(on, now=NOW + 20.0) == ()


def test_one_replica_with_a_broken_network_keeps_the_others_threads_from_nobody() -> None:
    one, two, listening = standings("a"), standings("b"), standings("c")
    called(one, end("error"), times=IN_A_ROW)
    called(two, end(), times=2 * IN_A_ROW)
    listening.heard(sent(one.report(now=NOW)), now=NOW)
    listening.heard(sent(two.report(now=NOW)), now=NOW)
    assert health(listening) == ()


def test_means_are_told_of_those_sizes_that_were_seen_of_late() -> None:
    on = standings()
    assert on.latencies(PEERS, now=NOW) == ()
    called(on, end(first_content=8.0), times=400)
    (seen,) = on.latencies(PEERS, now=NOW)
    assert (seen.target, seen.size) == (TARGET, "under_2k")
    assert seen.seconds == pytest.approx(8.0, rel=0.05)
    assert on.latencies([OTHER], now=NOW) == ()
    assert on.latencies(PEERS, now=NOW + 20 * HALF_LIFE_SECONDS) == ()
    other = standings("b")
    other.heard(sent(on.report(now=NOW)), now=NOW)
    assert other.latencies(PEERS, now=NOW) == (seen,)


def test_a_report_of_a_build_that_does_not_tell_of_ejections_is_read() -> None:
    on = standings()
    called(on, end("error"))
    told = msgspec.json.encode(sent(on.report(now=NOW)))
    older = told.replace(b",0.0]],[]]", b"]],[]]")
    assert older != told
    report = msgspec.json.decode(older, type=StandingReport)
    assert report.targets[0].ejected_seconds == 0.0


def test_a_report_is_bounded_and_the_next_one_goes_on() -> None:
    on = standings(most_targets=1_000)
    for number in range(2 * MOST_IN_A_REPORT + 1):
        called(on, end("throttled"), target=f"a/{number}@env")
    numbers = []
    while (report := on.report(now=NOW)) is not None:
        assert len(report.targets) == len(report.throttles)
        numbers.append(len(report.targets))
    assert numbers == [MOST_IN_A_REPORT, MOST_IN_A_REPORT, 1]


def test_gauges_tell_of_our_own_account() -> None:
    on = standings()
    called(on, end(first_content=20.0, size="more"), times=400)
    called(on, end("throttled"), account="a client's")
    (gauge,) = on.gauges(now=NOW)
    assert gauge == TargetGauge(
        TARGET, {"more": of(on, size="more").first_content.p95}, "healthy", CEILING
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a/1@env", "a/2@env", "a/3@client"]),
            st.sampled_from(["answered", "error", "throttled", "timeout", "stalled", "given_up"]),
            st.none() | st.floats(0.0, 100.0),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_ends_somebody_may_be_asked_and_nobody_owes_calls(
    steps: list[tuple[str, Ending, float | None, bool]],
) -> None:
    targets = ("a/1@env", "a/2@env", "a/3@client")
    on, now = standings(most_targets=2), NOW
    for target, ending, first_content, is_begun in steps:
        if is_begun:
            on.begun(target, now=now)
        now += 1.0
        how = end(ending, sent_at=now - 1.0, first_content=first_content)
        on.ended(target, how, peers=targets, now=now)
        found = [of(on, one, now=now) for one in targets]
        assert any(one.state in {"healthy", "throttled"} for one in found)
        assert all(0 <= one.free <= one.most <= CEILING for one in found)
        assert all((one.free > 0) <= (one.state in {"healthy", "probing"}) for one in found)
