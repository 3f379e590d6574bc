"""The fact of a decision that the ingress made because the scorer could not be asked.

It has the id that the scorer would have given it: a scorer that was late may have recorded a decision
of its own, which served nobody. Of the two ClickHouse keeps this one (the column `standing`).
"""

from turnout.facts import RequestRouted
from turnout.ingress.intake import Question
from turnout.policy.decision import Decision, DecisionInputs, RoutingSettings
from turnout.policy.request import TextSignal
from turnout.policy.thread import ThreadState


def routed_alone(
    question: Question,
    decision: Decision,
    *,
    last_target: str,
    settings: RoutingSettings,
    now: float,
) -> RequestRouted:
    """The thread's last target is all that is known of its state here."""
    arrival, caller = question.arrival, question.caller
    return RequestRouted(
        event_id=f"{arrival.request_id}:routed",
        occurred_at=now,
        request_id=arrival.request_id,
        traceparent=arrival.traceparent,
        inputs=DecisionInputs(
            identity=question.identity,
            tags=caller.tags,
            features=question.features,
            state=ThreadState(target=last_target),
            text=TextSignal(skipped="no_scorer"),
            mode=question.mode,
            access=caller.access,
            settings=settings,
            degraded=decision.degraded,
            catalog_digest=decision.catalog_digest,
            artifact_digest=decision.artifact_digest,
            now=now,
            draw=0.0,
        ),
        decision=decision,
        look_seconds=0.0,
        embed_seconds=0.0,
        decide_seconds=0.0,
    )
