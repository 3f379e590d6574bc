"""The shape tables that ship: complete, in order, numbers only."""

import pytest

from turnout.demo.sessions import AGENT_OF
from turnout.demo.shapes import QUANTILES, Shape, Spread, load_shapes

SHAPES = load_shapes()


def spreads(shape: Shape) -> dict[str, Spread]:
    found = {name: getattr(shape, name) for name in Shape.__struct_fields__}
    return {name: value for name, value in found.items() if isinstance(value, Spread)}


@pytest.mark.parametrize("agent", sorted(set(AGENT_OF.values())))
def test_every_dialects_agent_has_a_shape_with_measured_spreads(agent: str) -> None:
    shape = next(shape for name, shape in SHAPES.shapes.items() if name == agent)
    assert shape.agent == agent
    assert shape.sessions > 0
    for name, spread in spreads(shape).items():
        assert spread.count > 0, name
        assert len(spread.values) == len(QUANTILES), name
        assert list(spread.values) == sorted(spread.values), name


@pytest.mark.parametrize("agent", sorted(set(AGENT_OF.values())))
def test_shares_are_shares(agent: str) -> None:
    shape = next(shape for name, shape in SHAPES.shapes.items() if name == agent)
    shares = [shape.tool_error_share, shape.interrupt_share, shape.compaction_share]
    shares += [share for _, share in shape.tool_names]
    assert all(0 < share < 1 for share in shares)
    assert sum(share for _, share in shape.tool_names) <= 1.001


def test_says_where_it_is_from() -> None:
    told = SHAPES.provenance
    assert told.command == "python -m turnout.demo.fit DIR"
    assert set(told.sha256) == {"trace_calls.parquet", "trace_events.parquet"}
    assert told.sources
    assert told.licenses


def test_a_spread_is_read_between_its_values() -> None:
    spread = Spread(count=3, mean=1.0, values=(0.0, 10.0, 30.0))
    assert [spread.at(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0, 5, 10, 20, 30]
