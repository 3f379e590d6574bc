"""Whom a request may ask now: how its targets stand for the account that would pay.

Rules: a client's own credential is an account of its own; counting tokens is no part of it, because providers limit it
apart from answers. Nothing here waits.
"""

from collections.abc import Callable
from functools import partial

from turnout.errors import TurnoutError
from turnout.policy.attempts import Attempts
from turnout.policy.identity import account_scope
from turnout.policy.request import CredentialSource
from turnout.policy.standing import Bar
from turnout.policy.wait_or_move import Stakes
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.request import is_count
from turnout.upstream_dispatcher.standings import OURS, Standings
from turnout.upstream_dispatcher.upstreams import Destinations, split_target


def attempts_of(
    request: DispatchRequest,
    standings: Standings,
    destinations: Destinations,
    *,
    clock: Callable[[], float],
    give_up_at: float,
) -> Attempts:
    """The attempts of one request; `give_up_at` is of their clock, `clock` tells unix seconds."""
    targets = request.decision.targets
    return Attempts(
        targets,
        give_up_at=give_up_at,
        stakes=Stakes("".join(targets[:1]), request.decision.candidates),
        bar=partial(bar_to, standings, request, clock),
        is_native=partial(is_native, destinations, request),
    )


def credential_of(target: str) -> CredentialSource:
    """What pays for it; ours where the name is no target's."""
    try:
        return split_target(target)[2]
    except TurnoutError:
        return "env"


def account_of(request: DispatchRequest, provider: str, credential: CredentialSource) -> str:
    """Whose limits a call uses up."""
    if credential != "client":
        return OURS
    return account_scope(request.identity.principal, credential, provider)


def bar_to(
    standings: Standings, request: DispatchRequest, clock: Callable[[], float], target: str
) -> Bar | None:
    """What keeps `request` from `target` now; None where nothing does."""
    if is_count(request):
        return None
    try:
        provider, _, credential = split_target(target)
    except TurnoutError:
        # Asking it says what is wrong with it.
        return None
    account = account_of(request, provider, credential)
    return standings.bar(target, account=account, now=clock())


def is_native(destinations: Destinations, request: DispatchRequest, target: str) -> bool:
    """Whether the client's own dialect is at home there, so that the request goes as it was written."""
    try:
        to = destinations.of(target, request.credentials, client=request.dialect)
    except TurnoutError:
        return False
    return to.is_original and to.dialect == request.dialect
