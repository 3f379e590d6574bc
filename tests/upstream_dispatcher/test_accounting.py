"""What an attempt has used and cost, from what was seen of its answer."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.upstream_dispatcher.workbench import CATALOG, MESSAGES_BODY, NOW, request
from turnout.catalog.cost import cost_usd
from turnout.catalog.models import Hourly
from turnout.dialects.usage import Usage
from turnout.errors import UpstreamFailed
from turnout.policy.decision import Candidate, ChosenLifetime
from turnout.policy.thread import Maker
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import (
    AttemptLog,
    Bill,
    Ending,
    attempt_ended,
    bill,
    estimated_input,
    note_of,
    request_completed,
    unheard_usage,
)
from turnout.upstream_dispatcher.answer import NOTHING_SEEN
from turnout.upstream_dispatcher.baseline import baseline_cost_usd
from turnout.upstream_dispatcher.upstreams import Destination, Upstream, Upstreams, destination

ASKED = request("openai/gpt-5.4@env")
OPUS, CHAT = "claude-opus-5-5", "gpt-5.4"


def to(target: str = "openai/gpt-5.4@env") -> Destination:
    upstreams = Upstreams({name: Upstream("k") for name in ("openai", "anthropic")})
    return destination(
        target, client="openai_chat", catalog=CATALOG, upstreams=upstreams, credentials=()
    )


def log(target: str = "openai/gpt-5.4@env") -> AttemptLog:
    return AttemptLog(1, "first", to(target), sent_at=NOW)


def test_reported_usage_is_kept_as_it_is() -> None:
    usage = Usage(fresh_input=10, cache_read=20, output=3)
    seen = log()
    seen.reading = structs.replace(NOTHING_SEEN, usage=usage, source="reported", output_bytes=9_999)
    spent = bill(seen, ASKED, is_answered=True, now=NOW)
    assert (spent.usage, spent.source) == (usage, "reported")
    assert spent.cost_usd == pytest.approx((10 * 2.5 + 20 * 0.25 + 3 * 15) / 1e6)


def test_usage_cut_short_has_the_output_that_was_seen() -> None:
    seen = log()
    seen.reading = structs.replace(
        NOTHING_SEEN, usage=Usage(cache_read=20, output=1), source="partial", output_bytes=41
    )
    spent = bill(seen, ASKED, is_answered=False, now=NOW)
    assert (spent.usage, spent.source) == (Usage(cache_read=20, output=11), "partial")


def test_unreported_usage_is_estimated_and_marked() -> None:
    seen = log()
    seen.reading = structs.replace(NOTHING_SEEN, has_content=True, output_bytes=8)
    spent = bill(seen, ASKED, is_answered=True, now=NOW)
    assert (spent.usage, spent.source) == (Usage(fresh_input=77, output=3), "estimated")


def expecting(target: str, *, warm: float, lifetime: ChosenLifetime = "") -> DispatchRequest:
    """A request for which so much of its prompt of 77 tokens is expected to be cached at the target."""
    candidate = Candidate(
        target=target,
        model=target,
        provider=target,
        lacks=(),
        warm_tokens=warm,
        cost_now_usd=None,
        cost_to_go_usd=None,
        quality=0.5,
        quality_sd=0.1,
        score=None,
    )
    asked = request(target)
    decision = structs.replace(asked.decision, candidates=(candidate,), write_lifetime=lifetime)
    return replace(asked, decision=decision)


@pytest.mark.parametrize(
    ("asked", "assumed"),
    [
        (ASKED, Usage(fresh_input=77)),
        (expecting("openai/gpt-5.4@env", warm=60.0), Usage(fresh_input=17, cache_read=60)),
        (expecting("openai/gpt-5.4@env", warm=90.0), Usage(cache_read=77)),
    ],
)
def test_a_call_that_ended_unheard_has_had_its_prompt_read(
    asked: DispatchRequest, assumed: Usage
) -> None:
    spent = bill(log(), asked, is_answered=False, now=NOW)
    assert (spent.usage, spent.source) == (assumed, "estimated")
    assert spent.cost_usd == cost_usd(assumed, CATALOG.models[CHAT].prices)


@pytest.mark.parametrize(
    ("lifetime", "assumed"),
    [
        ("5m", Usage(cache_read=60, cache_write_5m=17)),
        ("1h", Usage(cache_read=60, cache_write_1h=17)),
    ],
)
def test_and_written_where_a_request_asks_for_it(lifetime: ChosenLifetime, assumed: Usage) -> None:
    target = "anthropic/claude-opus-5-5@env"
    seen = log(target)
    spent = unheard_usage(
        expecting(target, warm=60.0, lifetime=lifetime),
        replace(seen.to, model_id=CHAT),
        whole_answer_tokens=None,
    )
    assert spent == assumed


def test_a_provider_that_goes_on_when_a_stream_is_closed_bills_the_whole_answer() -> None:
    seen = log()
    seen.to = replace(seen.to, stops_billing_on_close=False)
    unknown = bill(seen, ASKED, is_answered=False, now=NOW)
    assert unknown == Bill(None, "estimated", None)
    known = bill(seen, ASKED, is_answered=False, now=NOW, whole_answer_tokens=500)
    assert known.usage == Usage(fresh_input=77, output=500)
    begun = Usage(fresh_input=70, output=1)
    seen.reading = structs.replace(NOTHING_SEEN, usage=begun, source="partial")
    partly = bill(seen, ASKED, is_answered=False, now=NOW, whole_answer_tokens=500)
    assert partly.usage == Usage(fresh_input=70, output=500)
    stopping = log()
    stopping.reading = seen.reading
    assert bill(stopping, ASKED, is_answered=False, now=NOW, whole_answer_tokens=500).usage == begun


def test_what_is_attached_is_estimated_alike_for_every_family() -> None:
    needs = structs.replace(ASKED.features.needs, prompt_tokens_estimate=1_000)
    features = structs.replace(
        ASKED.features, requested_model=OPUS, needs=needs, attachment_tokens=900
    )
    asked = replace(ASKED, features=features)
    assert estimated_input(asked, to()) == round(100 * 2.48 / 3.92) + 900


def test_refused_costs_nothing() -> None:
    seen = log()
    seen.is_refused = True
    assert bill(seen, ASKED, is_answered=False, now=NOW).cost_usd == 0.0


def test_a_model_without_a_price_costs_what_we_do_not_know() -> None:
    seen = log("openai/gpt-99@env")
    seen.reading = structs.replace(NOTHING_SEEN, usage=Usage(output=1), source="reported")
    assert bill(seen, ASKED, is_answered=True, now=NOW).cost_usd is None


def by_the_hour() -> AttemptLog:
    """A server for $3.60 an hour that two share as a rule: $0.0005 for each second of a request."""
    seen = log()
    hourly = Hourly(usd=3.6, input_per_second=1e3, output_per_second=20.0, requests_at_once=2.0)
    assert seen.to.model is not None
    seen.to = replace(seen.to, model=replace(seen.to.model, hourly=hourly))
    return seen


def test_a_server_by_the_hour_is_paid_for_the_seconds_and_for_no_token() -> None:
    usage = Usage(fresh_input=10_000, output=500)
    seen = by_the_hour()
    seen.reading = structs.replace(NOTHING_SEEN, usage=usage, source="reported")
    spent = bill(seen, ASKED, is_answered=True, now=NOW + 30)
    assert (spent.usage, spent.cost_usd, spent.fee_usd) == (usage, 0.015, 0.015)


def test_a_server_by_the_hour_is_paid_for_what_it_did_not_finish() -> None:
    failed = attempt_ended(by_the_hour(), ASKED, outcome="failed", now=NOW + 4)
    second = replace(by_the_hour(), number=2, sent_at=NOW + 4)
    answered = attempt_ended(second, ASKED, outcome="answered", now=NOW + 10)
    refused = replace(by_the_hour(), number=3, is_refused=True)
    never = attempt_ended(refused, ASKED, outcome="failed", now=NOW + 60)
    assert [one.fee_usd for one in (failed, answered, never)] == [0.002, 0.003, None]
    ending = Ending(outcome="answered", status=200, error="", server=second, answer_bytes=3)
    attempts = [failed, answered, never]
    fact = request_completed(ASKED, ending, attempts, catalog=CATALOG, now=NOW + 60)
    assert fact.cost_usd == fact.fee_usd == pytest.approx(0.005)


def test_what_is_paid_by_the_token_has_no_fee() -> None:
    ended = attempt_ended(log(), ASKED, outcome="answered", now=NOW + 9)
    ending = Ending(outcome="answered", status=200, error="", server=log(), answer_bytes=3)
    fact = request_completed(ASKED, ending, [ended], catalog=CATALOG, now=NOW + 9)
    assert (ended.fee_usd, fact.fee_usd) == (None, None)


def at_baseline(usage: Usage, baseline: str, served: str = "claude-haiku-5-5") -> float | None:
    """By default of a model that counts as the baseline does that most requests are for."""
    return baseline_cost_usd(usage, served=served, baseline=baseline, catalog=CATALOG)


def test_the_baseline_keeps_the_cache_shares() -> None:
    usage = Usage(fresh_input=100, cache_read=1000, cache_write_5m=50, output=10)
    assert at_baseline(usage, OPUS) == pytest.approx(
        (100 * 4 + 1000 * 0.2 + 50 * 5 + 10 * 20) / 1e6
    )


def test_writes_of_unnamed_lifetime_are_the_baselines_shortest() -> None:
    usage = Usage(cache_write_other=50)
    assert at_baseline(usage, OPUS) == pytest.approx(50 * 5 / 1e6)
    assert at_baseline(usage, CHAT, served="gpt-5.4-mini") == pytest.approx(50 * 2.5 / 1e6)


def test_tokens_of_the_served_model_are_told_in_those_of_the_baseline() -> None:
    """A text of which Claude makes 3,920 tokens has 2,480 at OpenAI's, and the other way about."""
    usage = Usage(fresh_input=392, cache_read=3_528, output=392)
    assert at_baseline(usage, CHAT, served=OPUS) == pytest.approx(
        (248 * 2.5 + 2_232 * 0.25 + 248 * 15) / 1e6
    )
    back = Usage(fresh_input=248, cache_read=2_232, output=248)
    assert at_baseline(back, OPUS, served=CHAT) == pytest.approx(
        (392 * 4 + 3_528 * 0.2 + 392 * 20) / 1e6
    )


def test_an_hour_that_the_baseline_does_not_offer_is_what_it_offers() -> None:
    usage = Usage(cache_write_1h=392)
    assert at_baseline(usage, CHAT, served=OPUS) == pytest.approx(248 * 2.5 / 1e6)


def test_the_baseline_itself_costs_what_it_cost() -> None:
    """Also where its own prices would say otherwise, as those that follow from a server's speeds do."""
    seen = log()
    told = structs.replace(
        attempt_ended(seen, ASKED, outcome="answered", now=NOW + 1),
        usage=Usage(fresh_input=7),
        cost_usd=0.25,
    )
    ending = Ending(outcome="answered", status=200, error="", server=seen, answer_bytes=3)
    fact = request_completed(ASKED, ending, [told], catalog=CATALOG, now=NOW + 3)
    assert (fact.baseline_model, fact.baseline_cost_usd) == (CHAT, 0.25)


def test_an_unknown_baseline_costs_what_we_do_not_know() -> None:
    assert at_baseline(Usage(output=1), "gpt-99") is None


def test_one_unknown_cost_makes_the_requests_cost_unknown() -> None:
    first, second = log(), replace(log(), number=2, is_refused=True)
    first.to = replace(first.to, stops_billing_on_close=False)
    attempts = [
        attempt_ended(first, ASKED, outcome="failed", now=NOW + 1),
        attempt_ended(second, ASKED, outcome="failed", now=NOW + 2),
    ]
    ending = Ending(outcome="failed", status=502, error="x", server=None, answer_bytes=3)
    fact = request_completed(ASKED, ending, attempts, catalog=CATALOG, now=NOW + 3)
    assert fact.cost_usd is None
    assert (fact.attempts, fact.duration_seconds) == (2, 3.0)


def test_a_failed_answer_without_usage_teaches_nothing() -> None:
    seen = log()
    seen.error = UpstreamFailed("x")
    assert note_of(ASKED, seen, is_failed=True, now=NOW) is None


def test_an_answer_that_broke_off_is_told_without_usage_too() -> None:
    seen = log()
    seen.error = UpstreamFailed("x")
    note = note_of(ASKED, seen, is_failed=True, broke_off=True, now=NOW)
    assert note is not None
    assert (note.target, note.is_failed, note.broke_off) == (seen.to.target, True, True)
    assert note.usage is None
    beside = replace(ASKED, identity=structs.replace(ASKED.identity, request_class="auxiliary"))
    assert note_of(beside, seen, is_failed=True, broke_off=True, now=NOW) is None


def test_an_auxiliary_request_moves_no_thread() -> None:
    asked = replace(ASKED, identity=structs.replace(ASKED.identity, request_class="auxiliary"))
    note = note_of(asked, log(), is_failed=False, now=NOW)
    assert note is not None
    assert not note.moves_thread
    assert note.usage is None


def test_a_note_counts_as_the_target_does() -> None:
    """Asked for in tokens of Claude's and served by OpenAI's, which makes fewer of the same text."""
    named = structs.replace(ASKED.features, requested_model="claude-opus-5-5")
    note = note_of(replace(ASKED, features=named), log(), is_failed=False, now=NOW)
    assert note is not None
    share = 2.48 / 3.92
    assert note.prefix.tokens == tuple(round(tokens * share) for tokens in ASKED.prefix.tokens)
    assert note.prefix.digests == ASKED.prefix.digests
    assert note.head_tokens == round(ASKED.features.head_tokens * share)


def test_a_note_says_what_the_thread_was_taken_to_be_about() -> None:
    asked = replace(ASKED, decision=structs.replace(ASKED.decision, task_kind="docs"))
    note = note_of(asked, log(), is_failed=False, now=NOW)
    assert note is not None
    assert note.task_kind == "docs"


def test_a_count_teaches_nothing() -> None:
    asked = request(
        "anthropic/claude-opus-5-5@env",
        dialect="anthropic_messages",
        body=MESSAGES_BODY,
        path="/v1/messages/count_tokens",
    )
    assert note_of(asked, log(), is_failed=False, now=NOW) is None


def test_a_note_says_how_a_check_came_out() -> None:
    asked = replace(ASKED, features=structs.replace(ASKED.features, check="failed"))
    note = note_of(asked, log(), is_failed=False, now=NOW)
    assert note is not None
    assert note.check == "failed"


def test_a_note_says_how_the_answer_ended_unless_it_broke_off() -> None:
    seen = log()
    seen.reading = structs.replace(NOTHING_SEEN, usage=Usage(output=1), ended="refused")
    ends = [note_of(ASKED, seen, is_failed=is_failed, now=NOW) for is_failed in (False, True)]
    assert [note.ended for note in ends if note is not None] == ["refused", ""]


@pytest.mark.parametrize(
    ("makers", "is_edited", "begins"),
    [
        ((), False, True),
        ((Maker(1, "{own}"),), False, False),
        ((Maker(1, "{own}"),), True, False),
        ((Maker(1, "{own}"), Maker(3, "other/m@env")), True, True),
        ((Maker(0, "other/m@env"), Maker(1, "{own}")), False, False),
        ((Maker(0, "{own}"), Maker(1, "other/m@env")), False, True),
    ],
)
def test_a_note_says_where_a_run_of_answers_begins(
    makers: tuple[Maker, ...], is_edited: bool, begins: bool
) -> None:
    own = log().to.target
    known = tuple(Maker(one.first_message, one.target.format(own=own)) for one in makers)
    asked = replace(ASKED, makers=known, is_edited=is_edited)
    note = note_of(asked, log(), is_failed=False, now=NOW)
    assert note is not None
    assert note.begins_run is begins
