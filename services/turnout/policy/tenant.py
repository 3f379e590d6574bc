"""What a tenant decides about its requests, as it stands before an artifact reads the dial."""

import msgspec

from turnout.policy.arms import Experiment
from turnout.policy.decision import RoutingSettings


class TenantRouting(msgspec.Struct, frozen=True, gc=False):
    """How the requests of one tenant are routed.

    Attributes:
        settings: of its decisions, but for the value that a place of the dial stands for.
        quality_bias: that place, 0 to 1; None where the value counts.
        experiment: how its sessions are divided into arms.
    """

    settings: RoutingSettings
    quality_bias: float | None
    experiment: Experiment
