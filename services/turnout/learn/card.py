"""The model card inside the artifact: what it was made from and what it does not know.

Rules of this module: plain sentences with counts; nothing that quotes a prompt.
"""

from collections.abc import Mapping, Sequence

from turnout.learn.success import UNMEASURED, Outcome
from turnout.learn.traces import Calls, counts_of
from turnout.policy.artifact import Ability, TextTables
from turnout.policy.evidence import EscalationTable


def lines(
    outcomes: Sequence[Outcome],
    abilities: Mapping[str, Ability],
    calls: Calls,
    text: TextTables,
    measures: Mapping[str, float],
    escalation: EscalationTable,
) -> tuple[str, ...]:
    sources = [ability.source for ability in abilities.values()]
    by_kind = {
        kind: (
            len({one.item for one in outcomes if one.kind == kind}),
            len({one.model for one in outcomes if one.kind == kind}),
        )
        for kind in sorted({one.kind for one in outcomes})
    }
    slope = measures["cluster_slope_on_unseen_repositories"]
    return (
        "Measured success: "
        + "; ".join(
            f"{kind}, {items} items by {models} models" for kind, (items, models) in by_kind.items()
        )
        + ". Single runs; runs of one model in several harnesses are averaged.",
        (
            f"Kinds without a benchmark ({', '.join(UNMEASURED)}) have the mean of the measured kinds "
            "and a wider uncertainty."
        ),
        (
            f"Abilities: {sources.count('benchmarks')} models from own scores, "
            f"{sources.count('family')} from a relative and the price, {sources.count('price')} from "
            "the price alone. The scores are for finished tasks in other harnesses than the user's."
        ),
        (
            f"Text: {sum(text.members)} texts in {len(text.members)} clusters. What clusters say of one "
            f"model against another carries over to unseen repositories with slope {slope}, two "
            "standard errors taken off; at 0 they abstain and the text tells the task kind alone."
        ),
        (
            "Task kinds are told by a linear model fitted on sentences that we wrote and "
            f"{measures['kind_turns_fitted_on']:.0f} labelled turns; {_accuracy(measures)}."
        ),
        "Traces: "
        + ", ".join(f"{count} calls of {name}" for name, count in counts_of(calls))
        + ". Four open-source teams, mostly Go; the longest sessions are cut by the source. Output "
        "tokens count only where the harness logged them whole.",
        _escalation(escalation),
        (
            "Not known: verbosity by model, hit shares of providers without traces (their curve is "
            "stretched from the nearest known one), success by step, anything after the newest row."
        ),
    )


def _accuracy(measures: Mapping[str, float]) -> str:
    accuracy = measures.get("kind_accuracy_on_held_out_turns")
    if accuracy is None:
        return "its accuracy on real turns has not been measured"
    turns = measures["kind_turns_held_out"]
    return f"it tells {accuracy:.0%} of {turns:.0f} turns of other sessions as their labels do"


def _escalation(table: EscalationTable) -> str:
    pairs = f"{sum(table.checks)} pairs of checks in a row"
    if not table.failing_checks:
        return f"Escalation: in {pairs} too few stay red for any streak to escalate."
    share = table.staying_red[min(table.failing_checks, len(table.staying_red) - 1)]
    return (
        f"Escalation: behind {table.failing_checks} red checks in a row, which escalate, the next is red"
        f" in {share:.0%} of cases ({pairs}). How much stronger a stronger model is has not been"
        " measured."
    )
