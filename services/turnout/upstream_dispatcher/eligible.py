"""Whom a request may ask now: how its targets stand for the account that would pay.

Rules: a client's own credential is an account of its own; counting tokens is no part of it, because providers limit it
apart from answers. Nothing here waits.
"""

from collections.abc import Callable

from turnout.errors import TurnoutError
from turnout.policy.identity import account_scope
from turnout.policy.request import CredentialSource
from turnout.policy.standing import Bar
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.request import is_count
from turnout.upstream_dispatcher.standings import OURS, Standings
from turnout.upstream_dispatcher.upstreams import Destinations, split_target


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
