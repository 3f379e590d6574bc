"""Which fact goes by which subject; one row per fact.

A kind number is written into spool records and never given to another fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.message import Message

from turnout.events.v1 import facts_pb2
from turnout.facts import (
    AttemptEnded,
    Fact,
    KeepWarmReadEnded,
    ModeChanged,
    OutcomeReported,
    RequestCompleted,
    RequestRouted,
    SettingsChanged,
    ShadowDecided,
    ThreadSwitched,
)

STREAM = "TURNOUT_FACTS"
ALL_SUBJECTS = "turnout.>"
SCHEMA_HEADER = "Turnout-Schema"
SCHEMA_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class FactRoute:
    """A fact on the bus.

    Attributes:
        name: what metrics call it.
    """

    kind: int
    name: str
    subject: str
    fact: type[Fact]
    message: type[Message]


ROUTES = (
    FactRoute(
        1, "request_routed", "turnout.request.routed", RequestRouted, facts_pb2.RequestRouted
    ),
    FactRoute(2, "attempt_ended", "turnout.attempt.ended", AttemptEnded, facts_pb2.AttemptEnded),
    FactRoute(
        3,
        "request_completed",
        "turnout.request.completed",
        RequestCompleted,
        facts_pb2.RequestCompleted,
    ),
    FactRoute(
        4, "thread_switched", "turnout.thread.switched", ThreadSwitched, facts_pb2.ThreadSwitched
    ),
    FactRoute(
        5,
        "outcome_reported",
        "turnout.outcome.reported",
        OutcomeReported,
        facts_pb2.OutcomeReported,
    ),
    FactRoute(
        6, "shadow_decided", "turnout.shadow.decided", ShadowDecided, facts_pb2.ShadowDecided
    ),
    FactRoute(7, "mode_changed", "turnout.mode.changed", ModeChanged, facts_pb2.ModeChanged),
    FactRoute(
        10,
        "settings_changed",
        "turnout.settings.changed",
        SettingsChanged,
        facts_pb2.SettingsChanged,
    ),
    FactRoute(
        8,
        "keep_warm_read_ended",
        "turnout.keep_warm_read.ended",
        KeepWarmReadEnded,
        facts_pb2.KeepWarmReadEnded,
    ),
)

BY_KIND: Mapping[int, FactRoute] = MappingProxyType({route.kind: route for route in ROUTES})
BY_FACT: Mapping[type[Fact], FactRoute] = MappingProxyType({route.fact: route for route in ROUTES})
BY_SUBJECT: Mapping[str, FactRoute] = MappingProxyType({route.subject: route for route in ROUTES})
