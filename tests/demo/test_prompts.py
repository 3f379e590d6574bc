"""Made-up requests are what the providers accept, and grow so that their caches hit."""

import json
from itertools import pairwise

import pytest

from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.token_families import figures_of
from turnout.demo.prompts import BYTES_PER_TOKEN, Prompt, Run
from turnout.demo.sessions import MODELS as ASKED_FOR
from turnout.demo.sessions import Dialect, Session, Step, draw_session
from turnout.demo.shapes import load_shapes
from turnout.dialects.registry import DIALECTS
from turnout.policy.identity import identify
from turnout.policy.steps import step_kind
from turnout.simulator import anthropic, openai
from turnout.simulator.exchange import Wire

CATALOG = parse_catalog(snapshot_bytes())
WIRES: dict[Dialect, Wire] = {
    "anthropic_messages": anthropic.AnthropicWire(),
    "openai_chat": openai.OpenAIWire(),
}
MODELS: dict[Dialect, str] = {"anthropic_messages": "claude-opus-5-5", "openai_chat": "gpt-5.5"}
RUN = Run(tag="demo-test")


def session(dialect: Dialect, number: int = 0) -> Session:
    shapes = load_shapes()
    return draw_session(shapes, number=number, dialect=dialect, seed=3, longest=40)


def requests(one: Session, thread: int = -1) -> list[tuple[Step, bytes, dict[str, str]]]:
    prompt = Prompt(RUN, one, thread=thread)
    steps = one.main.steps if thread < 0 else one.subagents[thread].steps
    found: list[tuple[Step, bytes, dict[str, str]]] = []
    for step in steps:
        found.append((step, prompt.ask(step), prompt.headers(step)))
        prompt.answered(step)
    return found


@pytest.mark.parametrize("dialect", WIRES)
@pytest.mark.parametrize("number", range(4))
def test_a_provider_accepts_every_request(dialect: Dialect, number: int) -> None:
    for _, body, headers in requests(session(dialect, number)):
        told = json.loads(body) | {"model": MODELS[dialect]}
        known = {**headers, "x-api-key": "k", "authorization": "Bearer k"}
        call = WIRES[dialect].read(json.dumps(told).encode(), known, CATALOG)
        assert call.stream


@pytest.mark.parametrize("dialect", WIRES)
def test_no_request_holds_a_credential(dialect: Dialect) -> None:
    for _, _, headers in requests(session(dialect)):
        assert not {"authorization", "x-api-key", "x-goog-api-key"} & set(headers)


@pytest.mark.parametrize("dialect", WIRES)
def test_a_prompt_begins_with_the_one_before(dialect: Dialect) -> None:
    steps = [one for one in requests(session(dialect)) if one[0].kind in {"user", "tools"}]
    sizes = [len(body) for _, body, _ in steps]
    grown = 0
    for (_, old, _), (_, new, _) in pairwise(steps):
        older, newer = (json.loads(body) for body in (old, new))
        kept = older["messages"][:-1]
        if len(newer["messages"]) > len(kept):
            grown += newer["messages"][: len(kept)] == kept
        assert older["tools"] == newer["tools"]
    # All but the few that follow a compaction.
    assert grown >= len(steps) - 3
    assert max(sizes) > sizes[0]


@pytest.mark.parametrize("dialect", WIRES)
def test_sizes_are_those_of_the_plan(dialect: Dialect) -> None:
    one = session(dialect)
    _, body, _ = next(told for told in requests(one) if told[0].kind == "user")
    first = next(step for step in one.main.steps if step.kind == "user")
    planned = one.main.head_tokens + first.new_tokens
    assert len(body) / BYTES_PER_TOKEN[dialect] == pytest.approx(planned, rel=0.15)


def test_bytes_of_a_token_are_those_of_the_models_asked_for() -> None:
    for dialect, models in ASKED_FOR.items():
        named = [model for model in models if model != "turnout/auto"]
        assert {figures_of(model).bytes_per_token for model in named} == {BYTES_PER_TOKEN[dialect]}


@pytest.mark.parametrize(
    ("dialect", "harness"), [("anthropic_messages", "claude_code"), ("openai_chat", "opencode")]
)
def test_the_router_sees_the_agent_it_stands_for(dialect: Dialect, harness: str) -> None:
    one = next(found for number in range(20) if (found := session(dialect, number)).subagents)
    for thread in (-1, 0):
        for step, body, headers in requests(one, thread):
            survey = DIALECTS[dialect].survey_request(body)
            identity = identify(headers, survey, dialect=dialect, principal="p", tenant="default")
            assert identity.harness == harness
            assert identity.session.startswith("demo-test-")
            assert identity.is_subagent == (thread == 0)
            kind = step_kind(headers, survey, identity, path="/v1/x")
            match step.kind:
                case "title":
                    assert identity.request_class == "auxiliary"
                    assert kind == "title"
                case "compaction":
                    assert kind == "compaction"
                case "tools":
                    assert kind == "tool_continuation"
                case "user":
                    assert kind in {"user_input", "subagent_start"}
