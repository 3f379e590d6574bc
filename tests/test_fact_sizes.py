"""Whatever a client or a provider sends, the facts of it fit the spool: none is lost for its size."""

import json
from dataclasses import replace
from typing import Final

import pytest
from msgspec import structs

from tests.bus.samples import routed
from tests.ingress.edge import CHAT, LIMITS, MESSAGES, ask, edge
from tests.upstream_dispatcher.workbench import CATALOG, NOW, request
from turnout.bus.records import MAX_PAYLOAD_BYTES
from turnout.bus.subjects import BY_FACT
from turnout.capabilities import Dialect
from turnout.catalog.models import target_id
from turnout.errors import InvalidRequest, Unavailable
from turnout.fact_texts import LONGEST_MODEL_NAME_BYTES
from turnout.facts import Fact, RequestRouted
from turnout.policy.decision import Candidate
from turnout.policy.thread import Maker, WarmPrefix
from turnout.protos import to_pb
from turnout.session_cache_tracker.records import RUNS_KEPT, TARGETS_KEPT
from turnout.upstream_dispatcher.accounting import (
    AttemptLog,
    Ending,
    attempt_ended,
    request_completed,
)
from turnout.upstream_dispatcher.answer import NOTHING_SEEN
from turnout.upstream_dispatcher.upstreams import Upstream, Upstreams, destination

LONG: Final = "\N{BEER MUG}long " * 23_000
"""138,000 characters, some of four bytes."""

LONGEST_NAME: Final = "claude-" + "x" * (LONGEST_MODEL_NAME_BYTES - len("claude-"))

PATHS: Final[dict[Dialect, str]] = {
    "anthropic_messages": MESSAGES,
    "openai_chat": CHAT,
    "openai_responses": "/v1/responses",
    "gemini_generate": "/v1beta/models/{model}:generateContent",
}


def size(fact: Fact) -> int:
    return len(to_pb(fact, BY_FACT[type(fact)].message).SerializeToString())


def body(dialect: Dialect, model: str) -> bytes:
    """Everything in it that is the client's own words is long, and there is much of it."""
    tools: list[dict[str, object]] = [
        {"type": LONG, "name": f"{LONG}{number}"} for number in range(3)
    ]
    tools += [{"type": f"strange_{number}", "name": str(number)} for number in range(20_000)]
    told: dict[str, object] = {"model": model, "max_tokens": 20, "stream": True}
    match dialect:
        case "anthropic_messages":
            told["metadata"] = {"user_id": f"user_1_session_{LONG}"}
            told["tools"] = tools
            told["messages"] = [{"role": "user", "content": LONG}]
        case "openai_chat":
            told |= {"user": LONG, "prompt_cache_key": f"qwen-code:{LONG}", "tools": tools}
            told["messages"] = [{"role": "user", "content": LONG}]
        case "openai_responses":
            told |= {"user": LONG, "prompt_cache_key": LONG, "tools": tools, "input": LONG}
        case "gemini_generate":
            told = {"contents": [{"role": "user", "parts": [{"text": LONG}]}]}
            told["tools"] = [{f"strange_{number}": {}} for number in range(20_000)]
    return json.dumps(told).encode()


NAMED: Final = (
    *("session-id", "thread-id", "x-claude-code-session-id", "x-claude-code-agent-id"),
    *("x-claude-code-prompt-id", "x-session-id", "x-parent-session-id", "x-codex-turn-metadata"),
    *("traceparent", "user-agent", "chatgpt-account-id", "x-turnout-team", "x-turnout-repository"),
    *("x-turnout-branch", "x-turnout-ticket"),
)
"""Headers whose values are told on."""


@pytest.mark.anyio
@pytest.mark.parametrize("name", [LONGEST_NAME, LONG, "claude-" + "\N{BEER MUG}" * 200])
@pytest.mark.parametrize("dialect", PATHS)
async def test_what_a_client_writes_fits(dialect: Dialect, name: str) -> None:
    on = edge(limits=replace(LIMITS, max_body_bytes=64_000_000))
    on.scorer.failure = Unavailable("the scorer is away")
    on.dispatcher.script = (InvalidRequest("refused"),)
    headers = [(header, LONG.encode().decode("latin-1")) for header in NAMED]
    path = PATHS[dialect].format(model=name)
    answer = await ask(on, path, body=body(dialect, name), headers=headers)
    assert answer.status == 400
    said = f"model: a model's name has at most {LONGEST_MODEL_NAME_BYTES} bytes"
    assert ("refused" if name is LONGEST_NAME else said).encode() in answer.body
    assert len(answer.body) < 1_000
    is_routed = any(isinstance(fact, RequestRouted) for fact in on.facts.all)
    assert is_routed is (name is LONGEST_NAME)
    assert on.facts.completed.requested_model
    assert name.startswith(on.facts.completed.requested_model)
    assert all(size(fact) <= MAX_PAYLOAD_BYTES for fact in on.facts.all)


def test_what_a_provider_writes_fits() -> None:
    target = "openai/gpt-5.4@env"
    asked = request(target)
    to = destination(
        target,
        client="openai_chat",
        catalog=CATALOG,
        upstreams=Upstreams({"openai": Upstream("k")}),
        credentials=(),
    )
    log = AttemptLog(1, "first", to, sent_at=NOW)
    log.error = InvalidRequest(LONG)
    log.reading = structs.replace(
        NOTHING_SEEN, response_model=LONG, response_id=LONG, finish_reason=LONG
    )
    attempt = attempt_ended(log, asked, outcome="rejected", now=NOW)
    ending = Ending("rejected", 400, "invalid_request", log, 0)
    completed = request_completed(asked, ending, (attempt,), catalog=CATALOG, now=NOW)
    assert attempt.finish_reason == completed.finish_reason
    assert LONG.startswith(attempt.response_id)
    assert size(attempt) < 4_000
    assert size(completed) < 4_000


def test_the_largest_decision_fits() -> None:
    """Every target of the thread's was of the longest name, and all models of the catalog compete."""
    target = target_id("anthropic", LONGEST_NAME, "client")
    warm = (WarmPrefix(target, 10**6, NOW, NOW, 3_600.0, 0.99),) * TARGETS_KEPT
    lacks = ("context_window", "above_ceiling", "structured_output")
    candidates = tuple(
        Candidate(
            *(target_id(model.provider, model.id, way), model.id, model.provider, lacks, 10.0**6),
            *(1.0, 2.0, 0.5, 0.1, 3.0, 0.5, 6.0, 7.0),
        )
        for model in CATALOG.models.values()
        for way in ("client", "env")
    )
    told = routed()
    fact = structs.replace(
        told,
        inputs=structs.replace(
            told.inputs,
            features=structs.replace(told.inputs.features, requested_model=LONGEST_NAME),
            state=structs.replace(
                told.inputs.state,
                target=target,
                warm=warm,
                heads=warm,
                refused=(target,) * TARGETS_KEPT,
                makers=(Maker(10**6, target),) * RUNS_KEPT,
                broke_off=target,
            ),
        ),
        decision=structs.replace(
            told.decision,
            targets=(target, target, *(one.target for one in candidates)),
            candidates=candidates,
            requested_model=LONGEST_NAME,
            proposal=target,
        ),
    )
    assert size(fact) <= MAX_PAYLOAD_BYTES
