"""Thinking comes back to newer Claude models behind the prompt that it was made for, or not at all."""

import base64
from typing import Any

import pytest

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject
from turnout.simulator.preserved_thinking import BETA, Bound, bind, is_claudes, sign

OPUS = "claude-opus-5-5"
DROP: JsonObject = {
    "type": "adaptive",
    "block_binding": {"prefix_mismatch_behavior": "drop_block"},
}


def text(said: str, **fields: object) -> JsonObject:
    return {"type": "text", "text": said, **fields}


def tool(name: str, **fields: object) -> JsonObject:
    return {"name": name, "input_schema": {"type": "object"}, **fields}


ASKED: dict[str, Any] = {
    "system": [text("be good")],
    "tools": [tool("Read")],
    "turns": [("user", [text("go")])],
}


def bound(
    model: str = OPUS, *, thinking: JsonObject | None = None, betas: str = "", **said: Any
) -> Bound:
    return bind(model, **(ASKED | said), thinking=thinking or {}, betas=betas)


def thought(**said: Any) -> JsonObject:
    """A block as it is made for a prompt."""
    signed = sign("hm", bound(**said).prefix)
    return {
        "type": "thinking",
        "thinking": "hm",
        "signature": base64.b64encode(signed).decode(),
    }


CALL: JsonObject = {"type": "tool_use", "id": "c", "name": "Read", "input": {}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "c", "content": "r"}


def history(block: JsonObject, *more: tuple[str, list[JsonObject]]) -> dict[str, Any]:
    turns = [*ASKED["turns"], ("assistant", [block, CALL]), ("user", [RESULT]), *more]
    return {"turns": turns}


def test_thinking_comes_back_behind_its_own_prompt() -> None:
    first = thought()
    again = history(first)
    assert bound(**again).dropped == ()
    second = thought(**again)
    longer = history(first, ("assistant", [second, text("so")]), ("user", [text("on")]))
    assert bound(**longer).dropped == ()


SPELLED: dict[str, Any] = {
    "system": [
        text("x-anthropic-billing-header: cch=1"),
        text("be good", cache_control={"type": "ephemeral"}),
    ],
    "tools": [tool("Read", cache_control={"type": "ephemeral"}), tool("Later", defer_loading=True)],
}


def test_what_is_no_part_of_the_prompt_may_change() -> None:
    block = thought()
    marked = RESULT | {"content": [text("r", cache_control={"type": "ephemeral"})]}
    turns = [
        ("user", [text("go", cache_control={"type": "ephemeral"})]),
        ("assistant", [block | {"thinking": ""}, CALL]),
        ("user", [marked]),
    ]
    assert bound(**SPELLED, turns=turns).dropped == ()
    second = thought(**history(block))
    found: JsonObject = {"type": "tool_reference", "tool_name": "Later"}
    after = [*turns, ("assistant", [second, CALL]), ("user", [RESULT | {"content": [found]}])]
    assert bound(**SPELLED, turns=after).dropped == ()


CHANGED: list[dict[str, Any]] = [
    {"system": [text("be bad")]},
    {"tools": [tool("Read"), tool("Write")]},
    {"turns": [("user", [text("stop")]), *history(thought())["turns"][1:]]},
    {"turns": [("user", [text("go")]), ("user", [text("!")]), *history(thought())["turns"][1:]]},
]


@pytest.mark.parametrize("changed", CHANGED)
def test_a_changed_prompt_is_refused_or_the_thinking_dropped(changed: dict[str, Any]) -> None:
    said = history(thought()) | changed
    with pytest.raises(Refused, match="bound to a different conversation") as refused:
        bound(**said)
    (where,) = bound(**said, thinking=DROP, betas=f"x,{BETA}").dropped
    assert refused.value.message.startswith(f"{where}: Invalid `signature`")


def test_thinking_that_was_left_out_unbinds_what_came_after_it() -> None:
    first = thought()
    second = thought(**history(first))
    turns = history(first, ("assistant", [second, CALL]), ("user", [RESULT]))["turns"]
    without = [turns[0], ("assistant", [CALL]), *turns[2:]]
    with pytest.raises(Refused, match=r"messages\.3\.content\.0"):
        bound(turns=without)


def test_older_models_bind_nothing_and_their_thinking_is_bound_to_nothing() -> None:
    block = thought(model="claude-opus-5")
    assert bound("claude-opus-5", **history(block)) == Bound()
    assert bound(**history(block), system=[text("be bad")]).dropped == ()
    assert bound("claude-opus-5", **history(thought()), system=[]).dropped == ()


def test_what_is_to_happen_needs_the_beta_and_one_of_two_words() -> None:
    with pytest.raises(Refused, match=BETA):
        bound(thinking=DROP)
    odd: JsonObject = {"block_binding": {"prefix_mismatch_behavior": "shrug"}}
    with pytest.raises(Refused, match="'error' or 'drop_block'"):
        bound(thinking=odd, betas=BETA)
    none: JsonObject = {"block_binding": {}}
    assert bound(thinking=none, betas=BETA).dropped == ()


def test_a_signature_says_what_was_thought_whatever_it_is_bound_to() -> None:
    for prefix in ("", "p"):
        signed = base64.b64encode(sign("hm", prefix)).decode()
        assert is_claudes(signed, "hm")
        assert is_claudes(signed, "")
        assert not is_claudes(signed, "other")
    assert not is_claudes("not base64!", "")
    assert not is_claudes(base64.b64encode(sign("hm", "", vendor="moonshot_ai")).decode(), "hm")
