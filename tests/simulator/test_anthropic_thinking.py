"""What the simulated Claude models refuse of thinking and tool choices, in Anthropic's words."""

import pytest

from turnout.simulator.anthropic_thinking import check_thinking
from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject

NO_SUCH = (
    '"thinking.type.{}" is not supported for this model. Use "thinking.type.adaptive" and'
    ' "output_config.effort" to control thinking behavior.'
)
SEND_BETWEEN = (
    'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of'
    ' {"type": "disabled"}.'
)
NOT_FORCED = 'tool_choice: type "tool" and "any" are not supported for this model.'
NOT_FORCED_BEFORE = "tool_choice forces tool use is not compatible with this model."
NOT_BESIDE = "Thinking may not be enabled when tool_choice forces tool use."


def check(model: str, thinking: JsonObject, *, effort: str = "", choice: str = "") -> None:
    check_thinking(model, thinking, effort=effort, choice=choice, max_tokens=9_000)


@pytest.mark.parametrize(
    ("model", "kind", "says"),
    [
        ("claude-opus-5-5", "disabled", NO_SUCH.format("disabled")),
        ("claude-fable-5", "disabled", NO_SUCH.format("disabled")),
        ("claude-mythos-5-1", "disabled", NO_SUCH.format("disabled")),
        ("claude-opus-5-5", "enabled", NO_SUCH.format("enabled")),
        ("claude-opus-4-7", "enabled", NO_SUCH.format("enabled")),
        ("claude-opus-5-5", "between_tools", NO_SUCH.format("between_tools")),
        ("claude-sonnet-5-5", "disabled", SEND_BETWEEN),
    ],
)
def test_a_kind_of_thinking_that_the_model_has_not_is_refused(
    model: str, kind: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(model, {"type": kind, "budget_tokens": 2_000})
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("model", "kind", "effort"),
    [
        ("claude-sonnet-5-5", "between_tools", "high"),
        ("claude-sonnet-5", "disabled", "max"),
        ("claude-opus-5", "disabled", "high"),
        ("claude-haiku-5-5", "disabled", ""),
        ("claude-opus-5-5", "adaptive", "max"),
        ("claude-opus-4-8", "disabled", ""),
    ],
)
def test_a_kind_of_thinking_that_the_model_has_is_taken(model: str, kind: str, effort: str) -> None:
    check(model, {"type": kind}, effort=effort)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("claude-opus-5", "disabled"),
        ("claude-haiku-5-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
    ],
)
@pytest.mark.parametrize("effort", ["xhigh", "max"])
def test_the_strongest_efforts_need_thinking(model: str, kind: str, effort: str) -> None:
    with pytest.raises(Refused, match=f'not supported at effort "{effort}"'):
        check(model, {"type": kind}, effort=effort)


def test_between_tools_stands_alone() -> None:
    with pytest.raises(Refused, match="between_tools.display: Extra inputs"):
        check("claude-sonnet-5-5", {"type": "between_tools", "display": "omitted"})


@pytest.mark.parametrize(
    ("model", "thinking", "says"),
    [
        ("claude-opus-5-5", {}, NOT_FORCED),
        ("claude-sonnet-5-5", {"type": "between_tools"}, NOT_FORCED),
        ("claude-fable-5-1", {}, NOT_FORCED),
        ("claude-fable-5", {}, NOT_FORCED_BEFORE),
        ("claude-opus-5", {}, NOT_BESIDE),
        ("claude-haiku-5-5", {"type": "adaptive"}, NOT_BESIDE),
        ("claude-sonnet-4-6", {"type": "adaptive"}, NOT_BESIDE),
    ],
)
@pytest.mark.parametrize("choice", ["any", "tool"])
def test_a_demanded_call_is_refused(
    model: str, thinking: JsonObject, says: str, choice: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(model, thinking, choice=choice)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-opus-5", {"type": "disabled"}),
        ("claude-sonnet-4-6", {}),
        ("claude-opus-4-8", {}),
    ],
)
def test_a_demanded_call_is_taken_where_nothing_is_thought(
    model: str, thinking: JsonObject
) -> None:
    check(model, thinking, choice="any")
