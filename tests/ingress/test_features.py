"""From a survey to features and prefix: what the tokens of a prompt add up to."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import CATALOG, OPUS, TABLES, scene
from turnout.dialects.registry import DIALECTS
from turnout.dialects.survey import Survey, for_model
from turnout.dialects.task_lists import TaskList
from turnout.ingress.chains import Chains
from turnout.ingress.features import features_of, head_tokens, prefix_of
from turnout.policy.decision import Decision
from turnout.policy.request import StepKind
from turnout.policy.switch import decide


def survey(system: str, texts: list[str]) -> Survey:
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 64,
        "system": system,
        "messages": [
            {"role": "assistant" if at % 2 else "user", "content": text}
            for at, text in enumerate(texts)
        ],
    }
    return DIALECTS["anthropic_messages"].survey_request(msgspec.json.encode(body))


@given(system=st.text(max_size=400), texts=st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_tokens_grow_from_the_head_to_the_whole_prompt(system: str, texts: list[str]) -> None:
    seen = survey(system, texts)
    prefix = prefix_of(seen, Chains())
    assert len(prefix.tokens) == len(prefix.digests) == len(texts)
    assert list(prefix.tokens) == sorted(prefix.tokens)
    assert 0 <= head_tokens(seen) <= prefix.tokens[0]
    assert abs(prefix.tokens[-1] - seen.needs.prompt_tokens_estimate) <= 1


def test_a_long_system_prompt_is_in_the_head() -> None:
    assert head_tokens(survey("s" * 40_000, ["hi"])) > 40 * head_tokens(survey("s", ["hi"]))


def test_the_newest_message_names_the_prompt() -> None:
    one, two = survey("s", ["hi"]), survey("s", ["hi", "hello"])
    first = features_of(
        one, prefix_of(one, Chains()), dialect="anthropic_messages", step_kind="user_input"
    )
    second = features_of(
        two, prefix_of(two, Chains()), dialect="anthropic_messages", step_kind="user_input"
    )
    assert first.head_digest == second.head_digest
    assert first.last_message_digest != second.last_message_digest
    assert prefix_of(two, Chains()).digests[0] == first.last_message_digest


def test_a_text_typed_again_has_its_digest_in_its_own_thread_alone() -> None:
    def digest(*texts: str, step_kind: StepKind = "user_input") -> str:
        seen = survey("s", list(texts))
        features = features_of(
            seen, prefix_of(seen, Chains()), dialect="anthropic_messages", step_kind=step_kind
        )
        return features.text_digest

    again = digest("fix it", "done", "no, fix it")
    assert again == digest("fix it", "done", "no, fix it", "done", "no, fix it")
    assert again != digest("fix it", "done", "no, fix it!")
    assert again != digest("fix that", "done", "no, fix it")
    assert digest("fix it", "done", "no, fix it", step_kind="tool_continuation") == ""


def test_a_retry_is_the_same_prompt_whatever_else_the_body_says() -> None:
    """Harnesses that send a request again move markers and leave out fields that were refused."""
    first = {
        "model": "m",
        "max_tokens": 5,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": []},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                ],
            }
        ],
    }
    again = {
        "messages": [{"content": "a", "role": "user"}],
        "max_tokens": 6,
        "model": "m",
        "metadata": {"user_id": "u"},
    }
    other = again | {"messages": [{"content": "a ", "role": "user"}]}
    one, two, three = (
        prefix_of(
            DIALECTS["anthropic_messages"].survey_request(msgspec.json.encode(body)), Chains()
        )
        for body in (first, again, other)
    )
    assert one.digests == two.digests
    assert one.digests != three.digests


def test_a_one_hour_breakpoint_is_asked_for() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"system":[{"type":"text","text":"s","cache_control":'
        b'{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"hi"}]}'
    )
    told = DIALECTS["anthropic_messages"].survey_request(body)
    for seen, asks in ((told, True), (survey("s", ["hi"]), False)):
        features = features_of(
            seen, prefix_of(seen, Chains()), dialect="anthropic_messages", step_kind="user_input"
        )
        assert features.asks_one_hour is asks
        assert features.lacks_breakpoints is not asks
    elsewhere = features_of(
        survey("s", ["hi"]),
        prefix_of(survey("s", ["hi"]), Chains()),
        dialect="openai_chat",
        step_kind="user_input",
    )
    assert not elsewhere.lacks_breakpoints


def test_a_red_check_of_the_newest_step_is_told_without_its_text() -> None:
    call = {"type": "tool_use", "id": "a", "name": "Bash", "input": {"command": "pytest"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "1 failed in 0.04s\n"}
    body: dict[str, object] = {
        "model": "m",
        "max_tokens": 1,
        "messages": [
            {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    }
    seen = DIALECTS["anthropic_messages"].survey_request(msgspec.json.encode(body))
    features = features_of(
        seen, prefix_of(seen, Chains()), dialect="anthropic_messages", step_kind="tool_continuation"
    )
    assert (features.check, features.check_framework) == ("failed", "pytest")
    assert features.call_digest
    assert "pytest" not in features.call_digest


def test_what_the_dispatcher_must_not_look_for_again_is_passed_on() -> None:
    plain = survey("s", ["hi"])
    for name in ("has_foreign_thinking", "asks_usage"):
        told = structs.replace(plain, **{name: True})
        for seen, expected in ((told, True), (plain, False)):
            features = features_of(
                seen, prefix_of(seen, Chains()), dialect="openai_chat", step_kind="user_input"
            )
            assert getattr(features, name) is expected


def test_tasks_are_left_open_where_a_turn_has_ended_and_the_user_typed() -> None:
    plain = survey("s", ["hi"])
    left = structs.replace(plain, tasks=TaskList(listed=2), ended_turn=True)
    rows: list[tuple[Survey, StepKind, int]] = [
        (left, "user_input", 2),
        (left, "compaction", 0),
        (structs.replace(left, ended_turn=False), "user_input", 0),
        (plain, "user_input", 0),
    ]
    for seen, step_kind, expected in rows:
        features = features_of(
            seen, prefix_of(seen, Chains()), dialect="anthropic_messages", step_kind=step_kind
        )
        assert features.open_tasks == expected


@pytest.mark.parametrize("images", [0, 20])
def test_a_body_costs_the_same_under_the_baselines_name_and_under_turnout_auto(
    images: int,
) -> None:
    """From the bytes on: the estimate of the one is in tokens of its family, of the other in none's."""
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    pictures = [{"type": "image", "source": source}] * images

    def decided_for(model: str) -> Decision:
        words = "a step of the work, as long as such steps are " * 40
        turns: list[dict[str, object]] = [
            {"role": ("user", "assistant")[number % 2], "content": f"{number} {words}"}
            for number in range(41)
        ]
        turns += [{"role": "user", "content": pictures}] if images else []
        body = msgspec.json.encode({"model": model, "max_tokens": 8_000, "messages": turns})
        survey = for_model(DIALECTS["anthropic_messages"].survey_request(body))
        features = features_of(
            survey,
            prefix_of(survey, Chains()),
            dialect="anthropic_messages",
            step_kind="user_input",
        )
        inputs = structs.replace(scene(named="baseline"), features=features)
        return decide(inputs, catalog=CATALOG, tables=TABLES)

    named, free = decided_for(OPUS), decided_for("turnout/auto")
    assert len(named.candidates) > 1
    for one, other in zip(free.candidates, named.candidates, strict=True):
        assert one.target == other.target
        assert one.cost_now_usd == pytest.approx(other.cost_now_usd, rel=1e-3)
        assert one.cost_to_go_usd == pytest.approx(other.cost_to_go_usd, rel=1e-3)
