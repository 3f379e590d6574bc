"""What messages become: rows of their tables, and nothing that holds others up."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.bus import samples
from turnout.bus.subjects import BY_FACT
from turnout.dialects.answer_end import AnswerEnd
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact
from turnout.policy.checks import Verdict
from turnout.policy.decision import Candidate, DecisionInputs, Reason
from turnout.protos import to_pb
from turnout.telemetry.batch import Block, BusMessage, blocks_of


def message(*facts: Fact, sequence: int = 1) -> BusMessage:
    route = BY_FACT[type(facts[0])]
    encoded = [to_pb(fact, route.message).SerializeToString() for fact in facts]
    return raw(*encoded, subject=route.subject, sequence=sequence)


def raw(*encoded: bytes, subject: str, sequence: int = 1) -> BusMessage:
    payload = facts_pb2.FactBatch(facts=list(encoded)).SerializeToString()
    return BusMessage(subject, sequence, samples.NOON, payload)


def only(blocks: list[Block]) -> Block:
    assert len(blocks) == 1
    return blocks[0]


def first_row(block: Block) -> dict[str, object]:
    return {name: values[0] for name, values in block.columns.items()}


def test_facts_of_one_subject_share_a_block() -> None:
    block = only(
        blocks_of(
            [message(samples.completed("a"), samples.completed("b")), message(samples.completed())]
        )
    )

    assert block.table == "requests_raw"
    assert block.rows == 3
    assert block.columns["request_id"] == ["a", "b", "request-1"]
    assert {len(values) for values in block.columns.values()} == {3}


def test_unknown_costs_and_usage_are_null() -> None:
    fact = replace(samples.completed(), usage=None, cost_usd=None, first_content_seconds=None)

    row = first_row(only(blocks_of([message(fact)])))

    assert row["cost_usd"] is None
    assert row["fresh_input"] is None
    assert row["first_content_seconds"] is None
    assert row["baseline_cost_usd"] == 0.125


@pytest.mark.parametrize(
    ("reason", "check", "ended", "escalated_at", "expected"),
    [
        ("warm_incumbent", "failed", "", 0.0, (0, "", False)),
        ("failing_checks", "failed", "", 0.0, (1, "failing_checks", False)),
        ("failing_checks", "failed", "", 9.0, (2, "failing_checks", False)),
        ("escalated_before", "", "", 9.0, (1, "", False)),
        ("left_alone", "failed", "cut", 0.0, (0, "failing_checks", True)),
        ("left_alone", "", "cut", 0.0, (0, "error_streak", True)),
        ("left_alone", "", "refused", 0.0, (0, "refused_answer", True)),
        ("left_alone", "", "empty", 0.0, (0, "empty_answer", True)),
    ],
)
def test_a_row_says_what_escalated_and_what_was_left_alone(
    reason: Reason,
    check: Verdict,
    ended: AnswerEnd,
    escalated_at: float,
    expected: tuple[int, str, bool],
) -> None:
    told = samples.routed()
    inputs = replace(
        told.inputs,
        features=replace(told.inputs.features, check=check),
        state=replace(told.inputs.state, escalated_at=escalated_at, last_end=ended),
    )
    fact = replace(told, inputs=inputs, decision=replace(told.decision, reason=reason))
    row = first_row(only(blocks_of([message(fact)])))
    columns = ("escalations", "escalation_trigger", "escalation_withheld")
    assert tuple(row[name] for name in columns) == expected
    assert row["last_end"] == ended

    served = first_row(only(blocks_of([message(replace(samples.completed(), reason=reason))])))
    is_now = reason == "failing_checks"
    assert served["escalation_trigger"] == ("failing_checks" if is_now else "")
    assert served["escalations"] == int(is_now or reason == "escalated_before")


def test_a_decision_can_be_read_back_for_a_replay() -> None:
    fact = samples.routed()

    row = first_row(only(blocks_of([message(fact)])))

    inputs = msgspec.json.decode(str(row["inputs_json"]), type=DecisionInputs)
    candidates = msgspec.json.decode(str(row["candidates_json"]), type=tuple[Candidate, ...])
    assert inputs == fact.inputs
    assert candidates == fact.decision.candidates
    assert row["cost_now_usd"] == fact.decision.candidates[0].cost_now_usd


def test_the_same_messages_have_the_same_token_and_others_another() -> None:
    batch = [message(samples.completed("a"), sequence=7), message(samples.attempt(), sequence=8)]

    assert [block.token for block in blocks_of(batch)] == [b.token for b in blocks_of(batch)]
    assert blocks_of(batch)[0].token != blocks_of(batch[:1])[0].token


def test_an_older_fact_without_later_fields_is_read() -> None:
    old = facts_pb2.RequestCompleted(event_id="old", occurred_at=samples.NOON)

    row = first_row(
        only(blocks_of([raw(old.SerializeToString(), subject="turnout.request.completed")]))
    )

    assert row["event_id"] == "old"
    assert row["tenant"] == ""
    assert row["cost_usd"] is None


def test_a_newer_fact_with_unknown_fields_is_read() -> None:
    encoded = to_pb(samples.completed(), facts_pb2.RequestCompleted).SerializeToString()
    # Field 999, length-delimited: what a later version may add.
    encoded += b"\xba\x3e\x03new"

    row = first_row(only(blocks_of([raw(encoded, subject="turnout.request.completed")])))

    assert row["event_id"] == "request-1:completed"


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (replace(samples.completed(), cost_usd=float("nan")), "cost_usd"),
        (replace(samples.completed(), cost_usd=1e12), "cost_usd"),
        (replace(samples.completed(), occurred_at=float("inf")), "occurred_at"),
        (replace(samples.completed(), occurred_at=-1.0), "occurred_at"),
        (replace(samples.completed(), status=2**40), "status"),
        (replace(samples.completed(), event_id=""), "event_id"),
    ],
)
def test_a_fact_that_would_spoil_its_block_is_kept_aside(fact: Fact, why: str) -> None:
    good, aside = blocks_of([message(samples.completed(), fact)])

    assert good.columns["event_id"] == ["request-1:completed"]
    assert aside.table == "undecodable_facts_raw"
    assert why in str(aside.columns["reason"][0])


@given(st.binary(max_size=200), st.sampled_from(["turnout.request.completed", "turnout.what.ever"]))
def test_any_payload_ends_up_somewhere(payload: bytes, subject: str) -> None:
    blocks = blocks_of([BusMessage(subject, 1, samples.NOON, payload)])

    for block in blocks:
        assert {len(values) for values in block.columns.values()} == {block.rows}
    assert blocks or not facts_pb2.FactBatch.FromString(payload).facts


def test_json_of_a_decision_names_fields_as_we_do() -> None:
    row = first_row(only(blocks_of([message(samples.routed())])))

    inputs = json.loads(str(row["inputs_json"]))
    assert inputs["features"]["needs"]["prompt_tokens_estimate"] == 101_000
    assert inputs["text"]["task_kind"] == "bug_fix"
