"""Rows whose cases need more than one sample: a thread over several requests, or an answer that names
a tool as the request has offered it. The cases stand in `test_reasoning` and `test_names`.
"""

from tests.matrix.declared import ALL, Feature, Side

_SIDES = {dialect: Side({}, lambda _: True) for dialect in ALL}

NAMES_BACK = Feature(
    "names_back",
    "tools called by the client's own names, whatever they were mapped to",
    True,
    _SIDES,
)

REASONING: tuple[Feature, ...] = (
    Feature("reasoning_back", "sealed reasoning, back to its maker in the original", True, _SIDES),
    Feature("reasoning_kept_back", "sealed reasoning, kept from everyone else", True, _SIDES),
)
