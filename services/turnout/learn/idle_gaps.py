"""How long threads pause after an answer, by harness and by what kind of answer it was.

Rules: pure numpy over the columns of trace_calls; the last answer of a thread is one that nobody came
back to; rows with few calls are shrunk to those of all harnesses.
"""

from collections.abc import Mapping
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from turnout.learn.parquet import Numbers
from turnout.learn.traces import HARNESSES, Calls
from turnout.policy.idle import IdleGaps, IdlePart

EDGES_SECONDS: Final = (
    *(60.0, 120.0, 300.0, 600.0, 900.0, 1_200.0, 1_800.0),
    *(3_600.0, 5_400.0, 7_200.0, 10_800.0, 14_400.0, 28_800.0, 86_400.0),
)
"""Dense where reads that keep a prefix of five minutes or of an hour would be sent."""

PRIOR_CALLS: Final = 100.0
"""Answers of all harnesses that weigh as much as a harness's own: fewer tell nothing of pauses that one
in a hundred has."""


def fit_idle_gaps(
    calls: Calls, within: NDArray[np.bool_] | None = None
) -> dict[str, dict[IdlePart, IdleGaps]]:
    """By harness and part; "any" is all harnesses together. Of the calls `within` alone if told."""
    gaps = next_gaps(calls)
    chosen = np.ones(len(gaps), dtype=bool) if within is None else within
    everyone = _rows(calls, gaps, chosen, {})
    names = harness_names(calls)
    tables: dict[str, dict[IdlePart, IdleGaps]] = {"any": everyone}
    for harness in sorted(set(names.tolist()) - {"unknown"}):
        tables[harness] = _rows(calls, gaps, chosen & (names == harness), everyone)
    return tables


def harness_names(calls: Calls) -> NDArray[np.str_]:
    return np.array([HARNESSES.get(agent, "unknown") for agent in calls.harness])


def next_gaps(calls: Calls) -> Numbers:
    """Seconds from each answer to the next request of its thread; infinite where none came."""
    gaps = np.full(len(calls.thread), np.inf)
    later = np.flatnonzero(calls.previous >= 0)
    gaps[calls.previous[later]] = np.nan_to_num(calls.gap_seconds[later])
    return gaps


def _rows(
    calls: Calls,
    gaps: Numbers,
    within: NDArray[np.bool_],
    bases: Mapping[IdlePart, IdleGaps],
) -> dict[IdlePart, IdleGaps]:
    rows: dict[IdlePart, IdleGaps] = {}
    parts: tuple[IdlePart, ...] = get_args(IdlePart)
    for part in parts:
        chosen = gaps[within & is_part(calls, part)]
        base = bases.get(part)
        weight = PRIOR_CALLS if base is not None else 1.0
        # A part that no table has seen: nobody comes back, so that nothing is kept for it.
        prior = np.ones(len(EDGES_SECONDS)) if base is None else np.array(base.shares)
        counts = (chosen[:, None] > np.array(EDGES_SECONDS)).sum(axis=0)
        shares = (counts + weight * prior) / (len(chosen) + weight)
        rows[part] = IdleGaps(
            shares=tuple(round(float(share), 5) for share in shares), calls=len(chosen)
        )
    return rows


def is_part(calls: Calls, part: IdlePart) -> NDArray[np.bool_]:
    match part:
        case "main":
            return ~calls.is_subagent
        case "main_ended":
            return ~calls.is_subagent & calls.ends_turn
        case "main_goes_on":
            return ~calls.is_subagent & ~calls.ends_turn
        case "subagent":
            return calls.is_subagent
        case "subagent_ended":
            return calls.is_subagent & calls.ends_turn
        case "subagent_goes_on":
            return calls.is_subagent & ~calls.ends_turn
