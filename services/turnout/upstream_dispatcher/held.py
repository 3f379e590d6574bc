"""What is held of a request whose prompt is to be kept cached while its thread pauses.

Pure: what an answer has told, set against what the decision says (turnout.policy.keep_warm).
"""

from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from turnout.catalog.catalog import Catalog
from turnout.dialects.cache_keeping import only_read
from turnout.policy.decision import KeepWarm
from turnout.policy.keep_warm import dearest_read_usd, reads_that_pay
from turnout.policy.lifetime import read_period
from turnout.policy.prompt_terms import cache_terms, seconds_of
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.request import SIMULATION_HEADER, Prepared
from turnout.upstream_dispatcher.transport import Outgoing
from turnout.upstream_dispatcher.upstreams import Destination

CALLING_TOOLS: Final = "tool_use"
"""Why an answer ended that did not end the turn, in Anthropic's word and in ours."""

KEY_HEADER: Final = "x-api-key"
"""How a client sends a key of its own; a bearer token may be a subscription's."""

OF_THE_CALL: Final = frozenset({"accept", "idempotency-key", "traceparent", SIMULATION_HEADER})
"""Headers that are of the one call and not of its prompt."""


@dataclass(slots=True)
class Held:
    """A request whose prompt is kept. Times in unix seconds.

    Attributes:
        request: without its body, headers and credentials, which the call has.
        outgoing: the call that was answered.
        dearest_usd: what a read can cost at most.
        answered_from: when the request itself was sent.
        reads: sent so far, of `reads_that_pay`.
        leased_at: of the last read.
        due_at: of the next read; `expires_at` of the prompt.
    """

    request: DispatchRequest
    outgoing: Outgoing
    to: Destination
    plan: KeepWarm
    prefix_tokens: int
    dearest_usd: float
    lifetime_seconds: float
    reads_that_pay: int
    answered_from: float
    reads: int = 0
    leased_at: float = 0.0
    due_at: float = 0.0
    expires_at: float = 0.0

    @property
    def size_bytes(self) -> int:
        return len(self.outgoing.body)

    @property
    def read_id(self) -> str:
        """Of the next read."""
        return f"{self.request.request_id}:kept:{self.reads + 1}"

    def as_read(self) -> Prepared | None:
        """The call that keeps the prompt; None where it cannot be kept. Made when it is sent: looking for
        the fields of a long prompt takes milliseconds, and answers should not wait for it.
        """
        body = only_read(self.outgoing.body)
        if body is None:
            return None
        headers = tuple(one for one in self.outgoing.headers if one[0] not in OF_THE_CALL)
        outgoing = replace(
            self.outgoing, headers=(*headers, ("accept", "application/json")), body=body
        )
        return Prepared(outgoing, is_native=True, fitted=None, hides_usage=False)

    def sent(self, at: float) -> None:
        """The provider's clock starts anew when it reads the prompt."""
        self.due_at = at + read_period(self.lifetime_seconds)
        self.expires_at = at + self.lifetime_seconds


def held_for(
    request: DispatchRequest, prepared: Prepared, log: AttemptLog, *, catalog: Catalog, now: float
) -> Held | None:
    """What is to be kept of a request that was answered; None where nothing is, or no read pays."""
    plan, to, usage = request.decision.keep_warm, log.to, log.reading.usage
    if plan is None or to.model is None or usage is None or log.reading.source != "reported":
        return None
    if to.target != request.decision.targets[0] or not _can_be_kept(to):
        return None
    terms, prefix_tokens = cache_terms(to.model, catalog), usage.cache_read + usage.cache_write
    reads = reads_that_pay(
        plan,
        to.model.prices,
        terms,
        prefix_tokens=prefix_tokens,
        ends_turn=log.reading.finish_reason != CALLING_TOOLS,
    )
    seconds = seconds_of(plan.lifetime, terms)
    if not reads or now >= log.sent_at + seconds:
        return None
    # What a read asks for is no stream.
    features = structs.replace(request.features, stream=False)
    held = Held(
        request=replace(request, features=features, body=b"", headers=(), credentials=()),
        outgoing=prepared.outgoing,
        to=to,
        plan=plan,
        prefix_tokens=prefix_tokens,
        dearest_usd=dearest_read_usd(to.model.prices, prompt_tokens=usage.input_total),
        lifetime_seconds=seconds,
        reads_that_pay=reads,
        answered_from=log.sent_at,
    )
    held.sent(log.sent_at)
    return held


def _can_be_kept(to: Destination) -> bool:
    """Imitations are not known to take what a read asks for, and a subscription pays for none."""
    is_key = to.credential != "client" or all(name == KEY_HEADER for name, _ in to.auth)
    return to.dialect == "anthropic_messages" and to.is_original and is_key
