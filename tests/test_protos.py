"""Every value that travels says the same as its message."""

import dataclasses
import types
import typing
from typing import Literal, Union, get_args, get_origin

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from turnout import capabilities, facts, ports
from turnout.dialects import usage
from turnout.events.v1 import facts_pb2
from turnout.policy import decision, request, thread
from turnout.protos import annotations, from_pb, is_value, to_pb
from turnout.rpc.v1 import (
    routing_pb2,
    scorer_pb2,
    session_cache_tracker_pb2,
    upstream_dispatcher_pb2,
)

PAIRS: list[tuple[type[object], type[Message]]] = [
    (capabilities.Needs, routing_pb2.Needs),
    (usage.Usage, routing_pb2.Usage),
    (request.Tags, routing_pb2.Tags),
    (request.Identity, routing_pb2.Identity),
    (request.Features, routing_pb2.Features),
    (request.TextSignal, routing_pb2.TextSignal),
    (request.Prefix, routing_pb2.Prefix),
    (thread.WarmPrefix, routing_pb2.WarmPrefix),
    (thread.Maker, routing_pb2.Maker),
    (thread.ThreadState, routing_pb2.ThreadState),
    (decision.Access, routing_pb2.Access),
    (decision.Candidate, routing_pb2.Candidate),
    (decision.RoutingSettings, routing_pb2.RoutingSettings),
    (decision.DecisionInputs, routing_pb2.DecisionInputs),
    (decision.KeepWarm, routing_pb2.KeepWarm),
    (decision.Decision, routing_pb2.Decision),
    (ports.RouteRequest, scorer_pb2.RouteRequest),
    (ports.RouteAnswer, scorer_pb2.RouteResponse),
    (ports.LookRequest, session_cache_tracker_pb2.LookRequest),
    (ports.Note, session_cache_tracker_pb2.NoteRequest),
    (ports.LeaseRequest, session_cache_tracker_pb2.LeaseRequest),
    (ports.LeaseAnswer, session_cache_tracker_pb2.LeaseResponse),
    (ports.Settlement, session_cache_tracker_pb2.SettleRequest),
    (ports.Credential, upstream_dispatcher_pb2.Credential),
    (ports.DispatchRequest, upstream_dispatcher_pb2.DispatchRequest),
    (ports.Head, upstream_dispatcher_pb2.Head),
    (ports.Chunk, upstream_dispatcher_pb2.Chunk),
    (facts.RequestRouted, facts_pb2.RequestRouted),
    (facts.AttemptEnded, facts_pb2.AttemptEnded),
    (facts.RequestCompleted, facts_pb2.RequestCompleted),
    (facts.ThreadSwitched, facts_pb2.ThreadSwitched),
    (facts.OutcomeReported, facts_pb2.OutcomeReported),
    (facts.ShadowDecided, facts_pb2.ShadowDecided),
    (facts.ModeChanged, facts_pb2.ModeChanged),
    (facts.SettingsChanged, facts_pb2.SettingsChanged),
    (facts.KeepWarmReadEnded, facts_pb2.KeepWarmReadEnded),
]


def values(annotation: object) -> st.SearchStrategy[object]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of(*(st.none() if arg is type(None) else values(arg) for arg in args))
    if origin is tuple:
        element = args[0] if args[1] is Ellipsis else None
        if element is None:
            return st.tuples(*(values(arg) for arg in args))
        return st.lists(values(element), max_size=3).map(tuple)
    if is_value(annotation):
        return instances(annotation)
    scalars: dict[object, st.SearchStrategy[object]] = {
        str: st.text(max_size=8),
        int: st.integers(-(2**40), 2**40),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=8),
    }
    return scalars[annotation]


def instances(cls: type) -> st.SearchStrategy[object]:
    return st.builds(cls, **{name: values(hint) for name, hint in annotations(cls).items()})


@pytest.mark.parametrize(("cls", "message"), PAIRS, ids=lambda pair: pair.__name__)
def test_has_the_same_fields_in_the_same_order(cls: type, message: type[Message]) -> None:
    descriptor = message.DESCRIPTOR
    assert [field.name for field in descriptor.fields] == list(annotations(cls))


@pytest.mark.parametrize(("cls", "message"), PAIRS, ids=lambda pair: pair.__name__)
@given(data=st.data())
def test_survives_the_hop(cls: type, message: type[Message], data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    if not isinstance(value, msgspec.Struct):
        assert dataclasses.is_dataclass(value)
        assert not isinstance(value, type)
    wire: bytes = to_pb(value, message).SerializeToString()
    assert from_pb(cls, message.FromString(wire)) == value


def test_an_unknown_type_is_refused_before_it_travels() -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd:
        value: typing.Callable[[], None]

    with pytest.raises(TypeError, match="cannot travel"):
        to_pb(Odd(lambda: None), routing_pb2.Tags)
