"""How far Turnout may go with a request: by the tenant's mode, and nowhere in the control arm."""

from typing import Final, assert_never

from turnout.policy.decision import Reason
from turnout.policy.request import Identity, Mode

MODES: Final[tuple[Mode, ...]] = ("observe", "cache", "subagents", "full")
"""Each goes further than the one before."""


def may_choose_model(mode: Mode, identity: Identity) -> bool:
    """Whether another model than the one asked for may serve."""
    if identity.arm == "control":
        return False
    return mode == "full" or (mode == "subagents" and identity.is_subagent)


def bound_by(mode: Mode, identity: Identity) -> Reason:
    """Why another model may not serve, where none may."""
    if identity.arm == "control":
        return "control_arm"
    match mode:
        case "observe":
            return "observe_mode"
        case "cache":
            return "cache_mode"
        case "subagents" | "full":
            return "subagents_mode"
        case _:
            assert_never(mode)


def may_choose_lifetime(mode: Mode, identity: Identity) -> bool:
    """Whether the cache lifetimes of the client's breakpoints may be others than it wrote."""
    return mode != "observe" and identity.arm != "control"


def one_back(mode: Mode) -> Mode:
    """The mode that goes one step less far; observe stays."""
    return MODES[max(0, MODES.index(mode) - 1)]


def as_mode(value: str) -> Mode | None:
    for mode in MODES:
        if mode == value:
            return mode
    return None
