"""Spans as the services see them: a tracer that may be there, and the context that is current.

Rules: no service imports the SDK; `compose` builds the tracer (`observe.otlp`) and hands it on, or
nothing at all, so that without tracing no span object exists. The context travels as the W3C string
`traceparent`: in the commands over gRPC, in gRPC metadata where a command has no field for it, in
facts and so over the bus. A span never holds text of a prompt or of an answer. Only the ingress and
telemetry begin traces; the other parts continue one that has begun, and where it is not kept they
make no span: one that nobody exports would still cost each part a fifth of its time.
"""

import asyncio
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, Protocol, TypeAlias

from turnout.errors import TurnoutError
from turnout.observe.names import AttributeName

Part: TypeAlias = Literal[
    "ingress", "scorer", "session-cache-tracker", "upstream-dispatcher", "telemetry"
]
"""The service that a span is of: its instrumentation scope, also where all share a process."""

Kind: TypeAlias = Literal["server", "client", "internal", "consumer"]

Value: TypeAlias = str | int | float | bool | tuple[str, ...]
Attributes: TypeAlias = Mapping[AttributeName, Value]

BEGINNING: Final[frozenset[Part]] = frozenset({"ingress", "telemetry"})
"""The parts that a trace may begin at, so that they ask the sampler."""

SAMPLED_FLAG: Final = 1
"""The lowest bit of the last field of a traceparent (W3C Trace Context, 3.2.2.5.1)."""

_TRACEPARENT: Final = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Ids of zeros are none (W3C Trace Context, 3.2.2.3 and 3.2.2.4)."""

_CURRENT: Final[ContextVar[str]] = ContextVar("turnout_traceparent", default="")


class Span(Protocol):
    """One span under way."""

    @property
    def traceparent(self) -> str:
        """What a child is given as its parent."""
        ...

    @property
    def is_recording(self) -> bool:
        """False where the sampler has left the trace out: attributes need not be made."""
        ...

    def tell(self, attributes: Attributes) -> None: ...

    def fail(self, error_type: str) -> None:
        """Mark it as failed, with a word of few."""
        ...

    def end(self, *, at: float | None = None) -> None:
        """`at` is unix seconds, now when left out."""
        ...


class LeftOut:
    """The span of a trace that is not kept: what is below it is below its parent."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    @property
    def is_recording(self) -> bool:
        return False

    def tell(self, attributes: Attributes) -> None:
        pass

    def fail(self, error_type: str) -> None:
        pass

    def end(self, *, at: float | None = None) -> None:
        pass


class Tracer(Protocol):
    def start(
        self,
        name: str,
        *,
        part: Part,
        kind: Kind,
        parent: str,
        links: Sequence[str] = (),
        at: float | None = None,
    ) -> Span:
        """Start a span below `parent`, a traceparent; "" begins a trace. `at` is unix seconds."""
        ...


def current_traceparent() -> str:
    """The context of what this task does now, "" outside of any trace."""
    return _CURRENT.get()


@contextmanager
def under(traceparent: str) -> Generator[None]:
    """Make a context current, for log lines, for tasks started inside, and for calls."""
    token = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def enter(traceparent: str) -> None:
    """Make a context current to the end of this task."""
    _CURRENT.set(traceparent)


@contextmanager
def spanning(tracer: Tracer, name: str, *, part: Part, kind: Kind, parent: str) -> Generator[Span]:
    """A span around a block, current inside it; what the block raises is its error."""
    span = tracer.start(name, part=part, kind=kind, parent=parent)
    try:
        with under(span.traceparent):
            yield span
    except TurnoutError as error:
        span.fail(error.kind)
        raise
    except asyncio.CancelledError:
        span.fail("cancelled")
        raise
    except Exception as error:
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()


def is_traceparent(text: str) -> bool:
    """Whether this is a context as our own parts and a mesh between them write it (version 00)."""
    return _TRACEPARENT.fullmatch(text) is not None


def is_sampled(traceparent: str) -> bool:
    """Whether spans of this context are exported; false for what is no traceparent."""
    flags = traceparent.rpartition("-")[2]
    try:
        return bool(int(flags, 16) & SAMPLED_FLAG)
    except ValueError:
        return False
