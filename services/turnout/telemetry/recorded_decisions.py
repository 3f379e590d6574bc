"""Decisions as they were recorded: rows of the view `decisions`, back as the values that the policy knows."""

from typing import Final

import msgspec

from turnout.policy.decision import (
    Action,
    Candidate,
    ChosenLifetime,
    Decision,
    DecisionInputs,
    Degradation,
    KeepWarm,
    Reason,
)
from turnout.policy.request import TaskKind

_COLUMNS: Final = (
    *("request_id", "action", "reason", "targets", "model", "provider", "requested_model"),
    *("baseline_model", "proposal", "horizon_steps", "propensity", "degraded"),
    *("artifact_digest", "catalog_digest", "write_lifetime", "keep_warm_json", "task_kind"),
    *("inputs_json", "candidates_json"),
)

SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM decisions"  # noqa: S608  (our own words)

ONE: Final = f"{SELECT} WHERE request_id = {{request_id:String}} FORMAT JSONEachRow"
"""The decision of one request."""

NEW_THREADS: Final = (
    f"{SELECT} WHERE steps = 0 AND request_class IN ('main', 'subagent')"
    " AND step_kind IN ('user_input', 'subagent_start') AND day >= today() - {days:UInt32}"
    " AND ({tenant:String} = '' OR tenant = {tenant:String})"
    " ORDER BY cityHash64(request_id) LIMIT {most:UInt32} FORMAT JSONEachRow"
)
"""First requests of threads in the last days, a fixed sample where there are more than `most`."""


class RecordedDecision(msgspec.Struct, frozen=True, gc=False):
    """What served a request and what the policy knew then."""

    request_id: str
    inputs: DecisionInputs
    decision: Decision


class _Row(msgspec.Struct, frozen=True, gc=False):
    request_id: str
    action: Action
    reason: Reason
    targets: tuple[str, ...]
    model: str
    provider: str
    requested_model: str
    baseline_model: str
    proposal: str
    horizon_steps: float
    propensity: float
    degraded: tuple[Degradation, ...]
    artifact_digest: str
    catalog_digest: str
    write_lifetime: ChosenLifetime
    keep_warm_json: str
    task_kind: TaskKind
    inputs_json: str
    candidates_json: str


_ROW: Final = msgspec.json.Decoder(_Row)
_INPUTS: Final = msgspec.json.Decoder(DecisionInputs)
_KEEP_WARM: Final = msgspec.json.Decoder(KeepWarm)
_CANDIDATES: Final = msgspec.json.Decoder(tuple[Candidate, ...])


def read_decision(line: str) -> RecordedDecision:
    """One line of the answer to a query above. Raises `msgspec.MsgspecError` for a decision of another
    version, whose words are not known here.
    """
    row = _ROW.decode(line)
    return RecordedDecision(
        request_id=row.request_id,
        inputs=_INPUTS.decode(row.inputs_json),
        decision=Decision(
            action=row.action,
            reason=row.reason,
            targets=row.targets,
            model=row.model,
            provider=row.provider,
            requested_model=row.requested_model,
            baseline_model=row.baseline_model,
            proposal=row.proposal,
            horizon_steps=row.horizon_steps,
            propensity=row.propensity,
            degraded=row.degraded,
            artifact_digest=row.artifact_digest,
            catalog_digest=row.catalog_digest,
            write_lifetime=row.write_lifetime,
            task_kind=row.task_kind,
            candidates=_CANDIDATES.decode(row.candidates_json),
            keep_warm=_KEEP_WARM.decode(row.keep_warm_json) if row.keep_warm_json else None,
        ),
    )
