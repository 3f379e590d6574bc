"""Facts of believable size for the tests of the bus and of telemetry, built from plain numbers."""

from msgspec.structs import replace

from turnout.capabilities import Needs
from turnout.dialects.usage import Usage
from turnout.facts import (
    AttemptEnded,
    KeepWarmReadEnded,
    ModeChanged,
    OutcomeReported,
    RequestCompleted,
    RequestRouted,
    SettingsChanged,
    ShadowDecided,
    ThreadSwitched,
)
from turnout.policy.decision import (
    Access,
    Candidate,
    Decision,
    DecisionInputs,
    RoutingSettings,
)
from turnout.policy.quota import Quota, QuotaWindow
from turnout.policy.request import Features, Identity, Tags, TextSignal
from turnout.policy.thread import ThreadState, WarmPrefix

# 2026-03-10 12:00:00 UTC
NOON = 1_773_144_000.0
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CATALOG = "c" * 64
ARTIFACT = "a" * 64


def identity(*, session: str = "session-1", tenant: str = "acme") -> Identity:
    return Identity(
        tenant=tenant,
        principal="5f2b6c1d8e7a4b30",
        harness="claude_code",
        session=session,
        thread="main",
        thread_key=f"key-of-{session}",
        is_subagent=False,
        is_explicit=True,
        request_class="main",
        user_turn="turn-3",
    )


def tags() -> Tags:
    return Tags(team="core", repository="acme/api", branch="fix-login", ticket="API-7")


def _features() -> Features:
    return Features(
        dialect="anthropic_messages",
        requested_model="claude-opus-5-5",
        step_kind="tool_continuation",
        stream=True,
        body_bytes=412_345,
        needs=Needs(prompt_tokens_estimate=101_000, max_output_tokens=32_000, tools=True),
        message_count=84,
        tool_count=17,
        tool_result_count=40,
        step_tool_results=2,
        step_tool_errors=1,
        head_digest="b" * 32,
        head_tokens=18_300,
        last_message_digest="d" * 32,
        text_digest="e" * 32,
        check="failed",
        check_framework="pytest",
        call_digest="f" * 16,
        edit_digest="a" * 16,
    )


def _state() -> ThreadState:
    warm = tuple(
        WarmPrefix(
            target=f"anthropic/model-{index}",
            tokens=95_000 - index,
            last_used_at=NOON - 20,
            expires_at=NOON + 280,
            lifetime_seconds=300.0,
            hit_share=0.99,
        )
        for index in range(2)
    )
    return ThreadState(
        steps=41,
        target="anthropic/model-0",
        started_at=NOON - 4000,
        last_at=NOON - 20,
        prompt_tokens=99_000,
        growth_tokens=1200.5,
        output_tokens=310.25,
        tool_errors=1,
        task_kind="bug_fix",
        warm=warm,
        heads=warm,
        failing_checks=2,
        escalated_at=NOON - 600,
        is_left_alone=True,
        counted_by="claude-4.7",
        quotas=(Quota("anthropic@client", NOON - 30, (QuotaWindow(0.25, 18_000.0, NOON + 900),)),),
    )


def candidates(count: int = 8) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            target=f"anthropic/model-{index}",
            model=f"model-{index}",
            provider="anthropic",
            lacks=("context_window",) if index == 7 else (),
            warm_tokens=94_000.5 / (index + 1),
            cost_now_usd=0.051234 + index,
            cost_to_go_usd=1.234567 + index,
            quality=0.73,
            quality_sd=0.04,
            score=0.21 - index,
        )
        for index in range(count)
    )


def routed(request_id: str = "request-1") -> RequestRouted:
    decision = Decision(
        action="stay",
        reason="warm_incumbent",
        targets=("anthropic/model-0", "anthropic/model-1"),
        model="model-0",
        provider="anthropic",
        requested_model="claude-opus-5-5",
        baseline_model="claude-opus-5-5",
        proposal="anthropic/model-0",
        horizon_steps=22.5,
        propensity=1.0,
        write_lifetime="1h",
        degraded=(),
        artifact_digest=ARTIFACT,
        catalog_digest=CATALOG,
        candidates=candidates(),
    )
    inputs = DecisionInputs(
        identity=identity(),
        tags=tags(),
        features=_features(),
        state=_state(),
        text=TextSignal(cluster=12, similarity=0.61, task_kind="bug_fix"),
        mode="full",
        access=(Access("anthropic", "client"), Access("openai", "env")),
        settings=RoutingSettings(candidates=("model-0", "model-1")),
        degraded=(),
        catalog_digest=CATALOG,
        artifact_digest=ARTIFACT,
        now=NOON,
        draw=0.3712,
    )
    return RequestRouted(
        event_id=f"{request_id}:routed",
        occurred_at=NOON,
        request_id=request_id,
        traceparent=TRACEPARENT,
        inputs=inputs,
        decision=decision,
        look_seconds=0.0012,
        embed_seconds=0.0151,
        decide_seconds=0.0004,
    )


def attempt(request_id: str = "request-1", *, number: int = 1) -> AttemptEnded:
    return AttemptEnded(
        event_id=f"{request_id}:attempt:{number}",
        occurred_at=NOON + 4.5,
        request_id=request_id,
        traceparent=TRACEPARENT,
        number=number,
        kind="first" if number == 1 else "fallback",
        target="anthropic/model-0",
        provider="anthropic",
        model="model-0",
        dialect="anthropic_messages",
        tenant="acme",
        outcome="answered",
        status=200,
        error="",
        sent_at=NOON + 0.02,
        first_byte_seconds=0.8,
        first_content_seconds=1.1,
        duration_seconds=4.48,
        usage=USAGE,
        usage_source="reported",
        cost_usd=0.0625,
        response_model="model-0-20260101",
        response_id="msg_0123456789",
        finish_reason="tool_use",
        fee_usd=0.015625,
        paid_usd=0.0,
    )


USAGE = Usage(
    fresh_input=100,
    cache_read=90_000,
    cache_write_5m=1_000,
    cache_write_1h=200,
    output=400,
    reasoning=150,
)


def completed(request_id: str = "request-1") -> RequestCompleted:
    return RequestCompleted(
        event_id=f"{request_id}:completed",
        occurred_at=NOON + 4.6,
        request_id=request_id,
        traceparent=TRACEPARENT,
        identity=identity(),
        tags=tags(),
        mode="full",
        dialect="anthropic_messages",
        step_kind="tool_continuation",
        action="stay",
        reason="warm_incumbent",
        requested_model="claude-opus-5-5",
        baseline_model="claude-opus-5-5",
        proposal="anthropic/model-0",
        served_model="model-0",
        served_provider="anthropic",
        target="anthropic/model-0",
        outcome="answered",
        status=200,
        error="",
        stream=True,
        attempts=1,
        body_bytes=412_345,
        answer_bytes=8_120,
        message_count=84,
        tool_count=17,
        received_at=NOON,
        route_seconds=0.017,
        first_content_seconds=1.12,
        duration_seconds=4.6,
        usage=USAGE,
        usage_source="reported",
        cost_usd=0.0625,
        baseline_cost_usd=0.125,
        finish_reason="tool_use",
        degraded=(),
        artifact_digest=ARTIFACT,
        fee_usd=0.015625,
        paid_usd=0.0,
    )


def switched(request_id: str = "request-1") -> ThreadSwitched:
    return ThreadSwitched(
        event_id=f"{request_id}:switched",
        occurred_at=NOON + 4.6,
        request_id=request_id,
        identity=identity(),
        from_target="anthropic/model-1",
        to_target="anthropic/model-0",
        reason="gain_exceeds_break_even",
        step=42,
        warm_tokens_left=64_000,
        prompt_tokens_estimate=101_000,
    )


def kept_warm(request_id: str = "request-1", *, number: int = 1) -> KeepWarmReadEnded:
    return KeepWarmReadEnded(
        event_id=f"{request_id}:kept:{number}",
        occurred_at=NOON + 271 * number,
        request_id=request_id,
        traceparent=TRACEPARENT,
        identity=identity(),
        tags=tags(),
        mode="full",
        requested_model="claude-opus-5-5",
        baseline_model="claude-opus-5-5",
        target="anthropic/claude-opus-5-5@env",
        provider="anthropic",
        model="claude-opus-5-5",
        number=number,
        outcome="answered",
        status=200,
        error="",
        sent_at=NOON + 270 * number,
        duration_seconds=1.0,
        prefix_tokens=90_000,
        is_hit=True,
        usage=Usage(fresh_input=300, cache_read=90_000),
        cost_usd=0.02,
    )


def shadowed(request_id: str = "request-1") -> ShadowDecided:
    return ShadowDecided(
        event_id=f"{request_id}:shadow",
        occurred_at=NOON,
        request_id=request_id,
        traceparent=TRACEPARENT,
        tenant="acme",
        session="session-1",
        served_artifact_digest=ARTIFACT,
        served_action="stay",
        served_reason="warm_incumbent",
        served_target="anthropic/model-0",
        served_model="model-0",
        served_proposal="anthropic/model-0",
        served_cost_now_usd=0.25,
        served_cost_to_go_usd=2.0,
        shadow_artifact_digest="b" * 64,
        shadow_action="switch",
        shadow_reason="gain_exceeds_break_even",
        shadow_target="anthropic/model-1",
        shadow_model="model-1",
        shadow_proposal="anthropic/model-1",
        shadow_cost_now_usd=0.5,
        shadow_cost_to_go_usd=1.0,
        agrees=False,
    )


def outcome(event_id: str = "outcome-1", *, request_id: str = "request-1") -> OutcomeReported:
    return OutcomeReported(
        event_id=event_id,
        occurred_at=NOON + 3600,
        tenant="acme",
        request_id=request_id,
        session="session-1",
        repository="acme/api",
        branch="fix-login",
        commit="0123abcd",
        kind="tests",
        score=None,
        label="",
        tests_passed=41,
        tests_failed=1,
        lines_kept=None,
        lines_changed=None,
        source="ci",
        reported_by="5f2b6c1d8e7a4b30",
    )


def mode_changed(event_id: str = "mode-1") -> ModeChanged:
    return ModeChanged(
        event_id=event_id,
        occurred_at=NOON + 7200,
        tenant="acme",
        from_mode="full",
        to_mode="subagents",
        source="guardrail",
        changed_by="",
        margin=0.05,
        confidence=0.95,
        difference=-0.3,
        low=-0.5,
        high=-0.1,
        treatment_sessions=900,
        control_sessions=100,
    )


def settings_changed(event_id: str = "settings-1") -> SettingsChanged:
    return SettingsChanged(
        event_id=event_id,
        occurred_at=NOON + 7300,
        tenant="acme",
        name="quality_bias",
        from_value="",
        to_value="0.25",
        source="person",
        changed_by="admin",
    )


def of_other_tenant(fact: RequestCompleted, tenant: str) -> RequestCompleted:
    return replace(fact, identity=identity(tenant=tenant))
