"""Whom a request may ask now: how its targets stand for the account that would pay.

Rules: a client's own credential is an account of its own; calls that say nothing of others neither tell nor ask how a
target stands. Nothing here waits.
"""

from collections.abc import Callable
from functools import partial

from turnout.errors import TurnoutError
from turnout.policy.attempts import Attempts
from turnout.policy.identity import account_of
from turnout.policy.request import CredentialSource
from turnout.policy.standing import Bar
from turnout.policy.wait_or_move import SECOND_USD, Stakes
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.request import SIMULATION_HEADER, is_count
from turnout.upstream_dispatcher.standings import Standings
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
    decision = request.decision
    return Attempts(
        decision.targets,
        give_up_at=give_up_at,
        stakes=Stakes(
            "".join(decision.targets[:1]),
            decision.candidates,
            # A tenant that has not said what its seconds are worth has developers who wait all the same.
            decision.second_usd or SECOND_USD,
        ),
        bar=partial(bar_to, standings, request, clock),
        is_native=partial(is_native, destinations, request),
    )


def credential_of(target: str) -> CredentialSource:
    """What pays for it; ours where the name is no target's."""
    try:
        return split_target(target)[2]
    except TurnoutError:
        return "env"


def says_how_it_stands(request: DispatchRequest, credential: CredentialSource) -> bool:
    """Whether a call is like those of others: counts of tokens are limited apart from answers, and what a client
    has the simulated provider do is for its own request.
    """
    is_scripted = credential == "simulated" and any(
        name == SIMULATION_HEADER for name, _ in request.headers
    )
    return not is_scripted and not is_count(request)


def bar_to(
    standings: Standings, request: DispatchRequest, clock: Callable[[], float], target: str
) -> Bar | None:
    """What keeps `request` from `target` now; None where nothing does."""
    try:
        provider, _, credential = split_target(target)
    except TurnoutError:
        # Asking it says what is wrong with it.
        return None
    if not says_how_it_stands(request, credential):
        return None
    account = account_of(request.identity.principal, credential, provider)
    return standings.bar(target, account=account, now=clock())


def is_native(destinations: Destinations, request: DispatchRequest, target: str) -> bool:
    """Whether the client's own dialect is at home there, so that the request goes as it was written."""
    try:
        to = destinations.of(target, request.credentials, client=request.dialect)
    except TurnoutError:
        return False
    return to.is_original and to.dialect == request.dialect
