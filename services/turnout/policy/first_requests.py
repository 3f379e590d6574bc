"""First requests of threads: where models compete on equal terms, and so what the dial is drawn to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from turnout.capabilities import Dialect, Needs
from turnout.catalog.catalog import Catalog
from turnout.policy.decision import Access, DecisionInputs, RoutingSettings
from turnout.policy.request import Features, Harness, Identity, Tags, TaskKind, TextSignal
from turnout.policy.thread import ThreadState

_DIALECTS: Final[Mapping[Harness, Dialect]] = {
    "claude_code": "anthropic_messages",
    "codex": "openai_responses",
    "gemini_cli": "gemini_generate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequest:
    """How a thread began; tokens as the model that was asked for counts them."""

    harness: Harness
    is_subagent: bool
    prompt_tokens: int
    task_kind: TaskKind


def first_inputs(
    first: FirstRequest,
    *,
    settings: RoutingSettings,
    catalog: Catalog,
    artifact_digest: str,
) -> DecisionInputs:
    """What a scorer would decide it from, were the tenant's baseline model asked for and every candidate
    to be had.
    """
    models = (settings.baseline_model, *settings.candidates)
    providers = dict.fromkeys(
        model.provider for name in models if (model := catalog.resolve(name)) is not None
    )
    return DecisionInputs(
        identity=Identity(
            tenant="",
            principal="",
            harness=first.harness,
            session="",
            thread="",
            thread_key="",
            is_subagent=first.is_subagent,
            is_explicit=False,
            request_class="subagent" if first.is_subagent else "main",
        ),
        tags=Tags(),
        features=Features(
            dialect=_DIALECTS.get(first.harness, "openai_chat"),
            requested_model=settings.baseline_model,
            step_kind="subagent_start" if first.is_subagent else "user_input",
            stream=True,
            body_bytes=0,
            needs=Needs(prompt_tokens_estimate=first.prompt_tokens, tools=True),
            message_count=1,
            tool_count=1,
            tool_result_count=0,
            step_tool_results=0,
            step_tool_errors=0,
            head_digest="",
            head_tokens=0,
            last_message_digest="",
            text_digest="",
        ),
        state=ThreadState(),
        text=TextSignal(task_kind=first.task_kind),
        mode="full",
        access=tuple(Access(provider, "env") for provider in providers),
        settings=settings,
        degraded=(),
        catalog_digest=catalog.digest,
        artifact_digest=artifact_digest,
        now=0.0,
        draw=0.0,
    )
