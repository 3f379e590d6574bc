"""What counting costs one request: `python -m loadtest.metering` prints microseconds.

Times the very calls that a request makes, on one core, best of several rounds: the facts it leaves,
and beside the facts the reading of it and the numbers of what is in flight. A round counts into a
registry that is already filled, as in a process that has served for a while.
"""

import time
from collections.abc import Callable

from tests.bus import samples
from turnout.observe.metrics import Metrics

CALLS = 50_000
ROUNDS = 5


class _Served:
    in_flight = 0


def best_microseconds(call: Callable[[], None]) -> float:
    """Per call, in the best round."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - begun) / CALLS * 1e6)
    return min(rounds)


def main() -> None:
    metrics = Metrics(version="", service="ingress", known_models=frozenset({"model-0"}))
    facts = (samples.routed(), samples.attempt(), samples.completed())
    proxy, dispatcher = _Served(), _Served()
    timed = metrics.identified

    def from_facts() -> None:
        for fact in facts:
            metrics.count(fact)

    def beside_facts() -> None:
        proxy.in_flight += 1
        begun = time.perf_counter()
        timed(time.perf_counter() - begun)
        dispatcher.in_flight += 1
        dispatcher.in_flight -= 1
        proxy.in_flight -= 1

    nothing = best_microseconds(lambda: None)
    print(f"counted from facts   {best_microseconds(from_facts) - nothing:.2f} us a request")
    print(f"counted beside them  {best_microseconds(beside_facts) - nothing:.2f} us a request")
    begun = time.perf_counter()
    text, _ = metrics.exposition()
    print(f"one scrape           {(time.perf_counter() - begun) * 1e6:.0f} us, {len(text)} bytes")


if __name__ == "__main__":
    main()
