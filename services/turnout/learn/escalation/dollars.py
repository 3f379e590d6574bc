"""What giving a thread a stronger model at a signal would cost, and what it would bring.

The thread is served by a cheaper model until the signal fires. Staying, it goes on there as recorded.
Escalated, its whole prompt is read anew by the stronger model, which serves until the next free window;
the calls up to the next green check become fewer by the stronger model's strength: with a strength of
two, checks turn green at twice the rate. Prices are the catalog's, costs those of `policy.cost`.

A check stays red that no green one follows within `OUTLOOK_CALLS`. What is gained is money only where those saved calls pay for the dearer ones; else it is the chance that a
check turns green which would have stayed red, and worth what the tenant says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Model
from turnout.catalog.token_families import token_share
from turnout.errors import InvalidRequest, UnknownModel
from turnout.learn.escalation.runs import Call, Thread, window_after
from turnout.learn.escalation.signals import RED, SIGNALS, red_streaks
from turnout.policy.cost import Horizon, cost_to_go_usd, rates_of
from turnout.policy.prompt_terms import cache_terms

STRENGTHS: Final = (1.0, 1.5, 2.0, 3.0)
"""How many times as often the stronger model's checks turn green. What it is nobody has measured; at
1 it is no stronger at all."""

STAYS_WARM: Final = 0.98
"""Share of a prompt found again by the next call of a thread that is not left idle, in these traces."""

OUTLOOK_CALLS: Final = 50
"""A check that is red for longer than this counts as one that stays so."""


@dataclass(frozen=True, slots=True)
class Gain:
    """At one strength, a firing: what it costs more, by how much it raises the chance of a green check,
    what is left of that at the value given, and the value at which nothing is left.
    """

    strength: float
    extra_usd: float
    green_gain: float
    net_usd: float
    break_even_usd: float | None


NO_GAIN: Final = Gain(strength=1.0, extra_usd=0.0, green_gain=0.0, net_usd=0.0, break_even_usd=None)


@dataclass(frozen=True, slots=True)
class Dollars:
    """Attributes:
    firings: behind which the thread goes on.
    spent_usd: at the cheaper model since the trouble began, each; paid either way.
    prompt_usd: of the cold prompt at the stronger model, each.
    """

    name: str
    firings: int
    spent_usd: float
    prompt_usd: float
    gains: tuple[Gain, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The two models."""

    cheap: Model
    strong: Model
    catalog: Catalog

    def usd(
        self,
        model: Model,
        call: Call,
        *,
        written_for: str,
        steps: float,
        growth: float,
        is_warm: bool,
    ) -> float:
        """What these calls cost, the first with this prompt."""
        share = token_share(counted_for=written_for, model=model.id)
        prompt = call.prompt_tokens * share
        cost = cost_to_go_usd(
            rates_of(model.prices, cache_terms(model, self.catalog), "5m"),
            prompt_tokens=prompt,
            warm_tokens=prompt * STAYS_WARM if is_warm else 0.0,
            horizon=Horizon(
                steps=max(1.0, steps),
                growth_tokens=growth * share,
                output_tokens=call.output_tokens * share,
                stays_warm=STAYS_WARM,
            ),
        )
        return cost or 0.0


def pair_of(cheap: str, strong: str, catalog: Catalog) -> Pair:
    """Raises `UnknownModel` and, for a model without prices, `InvalidRequest`."""
    return Pair(_priced(cheap, catalog), _priced(strong, catalog), catalog)


def check_order(pair: Pair) -> None:
    """Raises `InvalidRequest` for a pair the wrong way round."""
    below, above = pair.cheap.prices.output or 0.0, pair.strong.prices.output or 0.0
    if below >= above:
        raise InvalidRequest(
            f"{pair.cheap.id} costs no less than {pair.strong.id} (${below:g} against ${above:g} a million"
            " tokens of output), so nobody would have it serve first: --cheap has to name the cheaper one."
        )


def _priced(name: str, catalog: Catalog) -> Model:
    model = catalog.resolve(name)
    if model is None:
        raise UnknownModel(f"The catalog has no model {name}.")
    if model.prices.fresh_input is None or model.prices.output is None:
        raise InvalidRequest(f"The catalog has no price of {name}; name a model that has one.")
    return model


@dataclass(frozen=True, slots=True)
class _Firing:
    """Attributes:
    cheap_usd, strong_usd: of the calls up to the next free window; the latter by strength.
    stays_red: a check is red, or comes out so within the outlook, and none comes out green in it.
    """

    spent_usd: float
    cheap_usd: float
    prompt_usd: float
    strong_usd: tuple[float, ...]
    stays_red: bool


def dollars(threads: Sequence[Thread], pair: Pair, *, value_usd: float) -> list[Dollars]:
    """Every signal, in the order of `SIGNALS`."""
    return [
        _dollars(
            name, [one for thread in threads for one in _firings(name, thread, pair)], value_usd
        )
        for name in SIGNALS
    ]


def _dollars(name: str, firings: Sequence[_Firing], value_usd: float) -> Dollars:
    count = len(firings)
    if not count:
        return Dollars(name, 0, 0.0, 0.0, ())
    stays_red = sum(one.stays_red for one in firings) / count
    cheap = sum(one.cheap_usd for one in firings) / count
    gains: list[Gain] = []
    for place, strength in enumerate(STRENGTHS):
        extra = sum(one.strong_usd[place] for one in firings) / count - cheap
        # At twice the rate a check outlasts the outlook with the square of the chance.
        gain = stays_red - stays_red**strength
        gains.append(
            Gain(
                strength=strength,
                extra_usd=extra,
                green_gain=gain,
                net_usd=value_usd * gain - extra,
                break_even_usd=max(0.0, extra / gain) if gain > 0 else None,
            )
        )
    return Dollars(
        name=name,
        firings=count,
        spent_usd=sum(one.spent_usd for one in firings) / count,
        prompt_usd=sum(one.prompt_usd for one in firings) / count,
        gains=tuple(gains),
    )


def _firings(name: str, thread: Thread, pair: Pair) -> list[_Firing]:
    calls = thread.calls
    growth = max(0.0, calls[-1].prompt_tokens - calls[0].prompt_tokens) / max(1, len(calls) - 1)
    return [
        _firing(thread, at, pair, growth=growth, begun=_begun(name, calls, at))
        for at in SIGNALS[name](calls)
        # The last call of a thread, and one that a window follows, leave nothing to decide.
        if window_after(calls, at) > at + 1
    ]


def _firing(thread: Thread, at: int, pair: Pair, *, growth: float, begun: int) -> _Firing:
    calls = thread.calls
    steps = window_after(calls, at) - at - 1
    ahead = calls[at + 1 : at + 1 + OUTLOOK_CALLS]
    green = next((n for n, call in enumerate(ahead, 1) if call.check == "passed"), None)
    before = next((call.check for call in reversed(calls[: at + 1]) if call.check), "")
    is_red = before == "failed" or any(call.check == "failed" for call in ahead)
    # Calls in search of a green check; without a red one nothing is searched for.
    sought = min(steps, len(ahead) if green is None else green) if is_red else 0
    after = calls[at + 1]

    def usd(model: Model, call: Call, steps: float, *, is_warm: bool) -> float:
        return pair.usd(
            model, call, written_for=thread.model, steps=steps, growth=growth, is_warm=is_warm
        )

    return _Firing(
        spent_usd=usd(pair.cheap, calls[begun], at - begun + 1, is_warm=True),
        cheap_usd=usd(pair.cheap, after, steps, is_warm=True),
        prompt_usd=usd(pair.strong, after, 1, is_warm=False),
        strong_usd=tuple(
            usd(pair.strong, after, steps - sought * (1 - 1 / strength), is_warm=False)
            for strength in STRENGTHS
        ),
        stays_red=is_red and green is None,
    )


def _begun(name: str, calls: Sequence[Call], at: int) -> int:
    """Where the trouble began: for red checks the call behind the last green one, or the first red."""
    if name not in RED.values():
        return at
    streaks = red_streaks(calls[: at + 1])
    return next((n for n in range(at, -1, -1) if streaks[n] == 1), at)
