"""The rows of reasoning; their cases keep a thread over several requests and stand in the test."""

from tests.matrix.declared import ALL, Feature, Side

_SIDES = {dialect: Side({}, lambda _: True) for dialect in ALL}

REASONING: tuple[Feature, ...] = (
    Feature("reasoning_back", "sealed reasoning, back to its maker in the original", True, _SIDES),
    Feature("reasoning_kept_back", "sealed reasoning, kept from everyone else", True, _SIDES),
)
