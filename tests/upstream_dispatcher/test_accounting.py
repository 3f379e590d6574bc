"""What an attempt has used and cost, from what was seen of its answer."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.upstream_dispatcher.workbench import CATALOG, MESSAGES_BODY, NOW, request
from turnout.dialects.usage import Usage
from turnout.errors import UpstreamFailed
from turnout.policy.thread import Maker
from turnout.upstream_dispatcher.accounting import (
    AttemptLog,
    Bill,
    Ending,
    attempt_ended,
    baseline_cost_usd,
    bill,
    note_of,
    request_completed,
)
from turnout.upstream_dispatcher.answer import NOTHING_SEEN
from turnout.upstream_dispatcher.upstreams import Destination, Upstream, Upstreams, destination

ASKED = request("openai/gpt-5.4@env")
OPUS = CATALOG.models["claude-opus-5-5"]
CHAT = CATALOG.models["gpt-5.4"]


def to(target: str = "openai/gpt-5.4@env") -> Destination:
    upstreams = Upstreams({"openai": Upstream("k")})
    return destination(
        target, client="openai_chat", catalog=CATALOG, upstreams=upstreams, credentials=()
    )


def log(target: str = "openai/gpt-5.4@env") -> AttemptLog:
    return AttemptLog(1, "first", to(target), sent_at=NOW)


def test_reported_usage_is_kept_as_it_is() -> None:
    usage = Usage(fresh_input=10, cache_read=20, output=3)
    seen = log()
    seen.reading = structs.replace(NOTHING_SEEN, usage=usage, source="reported", output_bytes=9_999)
    spent = bill(seen, ASKED, is_answered=True)
    assert (spent.usage, spent.source) == (usage, "reported")
    assert spent.cost_usd == pytest.approx((10 * 2.5 + 20 * 0.25 + 3 * 15) / 1e6)


def test_usage_cut_short_has_the_output_that_was_seen() -> None:
    seen = log()
    seen.reading = structs.replace(
        NOTHING_SEEN, usage=Usage(cache_read=20, output=1), source="partial", output_bytes=41
    )
    spent = bill(seen, ASKED, is_answered=False)
    assert (spent.usage, spent.source) == (Usage(cache_read=20, output=11), "partial")


def test_unreported_usage_is_estimated_and_marked() -> None:
    seen = log()
    seen.reading = structs.replace(NOTHING_SEEN, has_content=True, output_bytes=8)
    spent = bill(seen, ASKED, is_answered=True)
    assert (spent.usage, spent.source) == (Usage(fresh_input=77, output=3), "estimated")


def test_sent_and_unheard_of_costs_what_we_do_not_know() -> None:
    assert bill(log(), ASKED, is_answered=False) == Bill(None, "estimated", None)


def test_refused_costs_nothing() -> None:
    seen = log()
    seen.is_refused = True
    assert bill(seen, ASKED, is_answered=False).cost_usd == 0.0


def test_a_model_without_a_price_costs_what_we_do_not_know() -> None:
    seen = log("openai/gpt-99@env")
    seen.reading = structs.replace(NOTHING_SEEN, usage=Usage(output=1), source="reported")
    assert bill(seen, ASKED, is_answered=True).cost_usd is None


def test_the_baseline_keeps_the_cache_shares() -> None:
    usage = Usage(fresh_input=100, cache_read=1000, cache_write_5m=50, output=10)
    assert baseline_cost_usd(usage, OPUS) == pytest.approx(
        (100 * 4 + 1000 * 0.2 + 50 * 5 + 10 * 20) / 1e6
    )


def test_writes_of_unnamed_lifetime_are_the_baselines_shortest() -> None:
    assert baseline_cost_usd(Usage(cache_write_other=50), OPUS) == pytest.approx(50 * 5 / 1e6)
    assert baseline_cost_usd(Usage(cache_write_other=50), CHAT) == pytest.approx(50 * 2.5 / 1e6)


def test_an_unknown_baseline_costs_what_we_do_not_know() -> None:
    assert baseline_cost_usd(Usage(output=1), None) is None


def test_one_unknown_cost_makes_the_requests_cost_unknown() -> None:
    first, second = log(), replace(log(), number=2, is_refused=True)
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


def test_an_auxiliary_request_moves_no_thread() -> None:
    asked = replace(ASKED, identity=structs.replace(ASKED.identity, request_class="auxiliary"))
    note = note_of(asked, log(), is_failed=False, now=NOW)
    assert note is not None
    assert not note.moves_thread
    assert note.usage is None


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
