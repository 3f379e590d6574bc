"""What hedging may cost a tenant: a share of its requests, and the same share of its dollars.

Two token buckets, filled by the tenant's own traffic. Counted in requests alone the budget has the wrong unit: 5 %
more calls are 4 % of a bill where they find the cache warm, and 30 % where they write it anew. Rules: both start
empty, because replicas start often and a bound that each start adds to is none; what is not used is kept up to a
burst; a call is charged when it is sent, for what it is expected to cost, and its bill corrects that, into debt where
it is dearer. So the extra calls never exceed `share` of the requests, and the extra dollars exceed `share` of the
spending at most by what bills of calls already sent were dearer than expected. Pure.
"""

from typing import Final, Literal, TypeAlias

DEFAULT_SHARE: Final = 0.05
"""Dean and Barroso: hedging after p95 adds about 5 % load and takes most of the tail."""

BURST_REQUESTS: Final = 10.0
"""What 200 requests leave: a stall of one target meets the calls that are under way at once."""

BURST_USD: Final = 1.0
"""Ten hedges of a warm step of 60k tokens at the dearest models; a cold one of 200k tokens at once."""

Refusal: TypeAlias = Literal["no_requests_left", "no_dollars_left"]


class Budget:
    """What is left for one tenant."""

    __slots__ = ("_requests", "_requests_share", "_usd", "_usd_share")

    def __init__(
        self, *, requests_share: float = DEFAULT_SHARE, usd_share: float = DEFAULT_SHARE
    ) -> None:
        self._requests_share = requests_share
        self._usd_share = usd_share
        self._requests = 0.0
        self._usd = 0.0

    def set_shares(self, *, requests_share: float, usd_share: float) -> None:
        """What is left stays; traffic from now on counts by these."""
        self._requests_share = requests_share
        self._usd_share = usd_share

    @property
    def usd_left(self) -> float:
        """Below zero while in debt."""
        return self._usd

    def requested(self) -> None:
        """A request has come; calls that are extra are none."""
        self._requests = min(BURST_REQUESTS, self._requests + self._requests_share)

    def billed(self, usd: float) -> None:
        """A call that is not extra has cost this."""
        self._usd = min(BURST_USD, self._usd + self._usd_share * usd)

    def refuses(self, expected_usd: float) -> Refusal | None:
        """Why an extra call that is expected to cost so much may not be sent; None when it may."""
        if self._requests < 1.0:
            return "no_requests_left"
        # A call that costs nothing adds nothing to a debt.
        if expected_usd > max(0.0, self._usd):
            return "no_dollars_left"
        return None

    def charge(self, expected_usd: float) -> None:
        """An extra call that is not refused has been sent."""
        self._requests -= 1.0
        self._usd -= expected_usd

    def settle(self, *, expected_usd: float, usd: float) -> None:
        """The bill of an extra call has come."""
        self._usd = min(BURST_USD, self._usd + expected_usd - usd)
