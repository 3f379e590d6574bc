"""The error kinds of Turnout; they know neither HTTP nor gRPC.

    TurnoutError
     +-- InvalidRequest        the request itself is wrong; another target would refuse it too
     |    +-- ContextTooLong   it fits no eligible model's window
     |    +-- RequestTooLarge  the body exceeds the limit of the ingress
     |    +-- UnknownModel     no model of that name is known
     |    +-- UnknownPath      no endpoint of that name is served
     |    +-- WrongMethod      the endpoint is asked with another method
     |    +-- Unsupported      it asks for something that no eligible target has
     +-- NotAuthenticated      no key, or one we do not know
     +-- NotAllowed            a known caller, a foreign Host or Origin, or a key without the right
     +-- UpstreamFailed        a provider failed; carries what it said
     |    +-- RateLimited      the provider (or all of them) throttles; carries when to come back
     |    +-- Overloaded       the provider (or all of them) is out of capacity
     |    +-- UpstreamTimeout  nothing came in time
     +-- Unavailable           a part of Turnout is down or full
     +-- Internal              a fault of ours

A dialect turns a kind into a status and a body (`dialects/*/errors.py`); gRPC carries the kind in
trailing metadata (`rpc/errors.py`) so that the type survives the hop. Every message says what was
wrong and, where we know it, what would be right. Messages never hold prompt text or credentials.
"""

from typing import ClassVar, Literal, Self, TypeAlias

ErrorKind: TypeAlias = Literal[
    "invalid_request",
    "context_too_long",
    "request_too_large",
    "unknown_model",
    "unknown_path",
    "wrong_method",
    "unsupported",
    "not_authenticated",
    "not_allowed",
    "upstream_failed",
    "rate_limited",
    "overloaded",
    "upstream_timeout",
    "unavailable",
    "internal",
]


class TurnoutError(Exception):
    """Base of all errors a caller may see.

    Attributes:
        message: what was wrong and what would be right; one line, no prompt text.
        retry_after_seconds: when trying again makes sense; None when it is not known.
        upstream_status: the provider's HTTP status when the error came from one, else None.

    """

    kind: ClassVar[ErrorKind] = "internal"

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.upstream_status = upstream_status

    def without_frames(self) -> Self:
        """For whoever keeps it: frames hold bodies and buffers, and often, in a circle, the keeper."""
        one: BaseException | None = self
        while one is not None:
            one.__traceback__ = None
            one = one.__cause__ or one.__context__
        return self


class InvalidRequest(TurnoutError):
    kind: ClassVar[ErrorKind] = "invalid_request"


class ContextTooLong(InvalidRequest):
    kind = "context_too_long"


class RequestTooLarge(InvalidRequest):
    kind = "request_too_large"


class UnknownModel(InvalidRequest):
    kind = "unknown_model"


class UnknownPath(InvalidRequest):
    kind = "unknown_path"


class WrongMethod(InvalidRequest):
    kind = "wrong_method"


class Unsupported(InvalidRequest):
    kind = "unsupported"


class NotAuthenticated(TurnoutError):
    kind = "not_authenticated"


class NotAllowed(TurnoutError):
    kind = "not_allowed"


class UpstreamFailed(TurnoutError):
    kind: ClassVar[ErrorKind] = "upstream_failed"


class RateLimited(UpstreamFailed):
    kind = "rate_limited"


class Overloaded(UpstreamFailed):
    kind = "overloaded"


class UpstreamTimeout(UpstreamFailed):
    kind = "upstream_timeout"


class Unavailable(TurnoutError):
    kind = "unavailable"


class Internal(TurnoutError):
    kind = "internal"


BY_KIND: dict[str, type[TurnoutError]] = {
    cls.kind: cls
    for cls in (
        InvalidRequest,
        ContextTooLong,
        RequestTooLarge,
        UnknownModel,
        UnknownPath,
        WrongMethod,
        Unsupported,
        NotAuthenticated,
        NotAllowed,
        UpstreamFailed,
        RateLimited,
        Overloaded,
        UpstreamTimeout,
        Unavailable,
        Internal,
    )
}
