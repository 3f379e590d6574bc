"""What reading the evidence of a step costs the intake, in this process: `python -m loadtest.evidence`.

A request of a thread that was seen before is surveyed and made into features, as the ingress does. Its newest
step brings the output of a tool, once of one that runs something, whose outputs are looked through for a
check, and once of one with a name as long that reads, whose outputs are not: the bodies differ in four letters.
CPU time, the best of several rounds over all in turn.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from turnout.dialects.registry import DIALECTS
from turnout.ingress.chains import Chains
from turnout.ingress.features import features_of, prefix_of
from turnout.ingress.known_prompts import KnownPrompts
from turnout.learn.columns import in_columns
from turnout.policy.request import Features

Tool: TypeAlias = Literal["Bash", "Read"]

ROUNDS: Final = 15
CALLS: Final = 100
"""Of a round, a body."""

THREAD_STEPS: Final = 100
"""Before the newest one: a body of some 400 kB."""
FILE: Final = "".join(f"{line}\tdef f{line}(x): return x + {line}\n" for line in range(100))

_PASSED: Final = "".join(f"tests/test_cart.py::test_{n} PASSED [{n}%]\n" for n in range(100))
OUTPUTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "one line": "ok\n",
        "a file of 100 lines": FILE,
        "green pytest": f"{_PASSED}\n=========== 100 passed in 1.02s ===========\n",
        "red pytest": f"{_PASSED}E   assert 1 == 2\n===== 1 failed, 99 passed in 1.02s =====\n",
        "red go test": f"{FILE}--- FAIL: TestCart (0.00s)\nFAIL\nFAIL\texample.com/cart\t0.01s\nFAIL\n",
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of the intake of one request, with its evidence read and without."""

    output: str
    read_us: float
    unread_us: float

    @property
    def share(self) -> float:
        return (self.read_us - self.unread_us) / self.unread_us


def body(tool: Tool, output: str) -> bytes:
    messages: list[object] = [{"role": "user", "content": "Mend the cart."}]
    for step, (name, text) in enumerate([("Read", FILE)] * THREAD_STEPS + [(tool, output)]):
        call = {"type": "tool_use", "id": f"c{step}", "name": name, "input": {"path": "cart.py"}}
        result = {"type": "tool_result", "tool_use_id": f"c{step}", "content": text}
        messages += [
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
    return json.dumps({"model": "claude-opus-5-5", "max_tokens": 64, "messages": messages}).encode()


def taken_in(prompts: KnownPrompts, sent: bytes) -> Features:
    dialect = DIALECTS["anthropic_messages"]
    survey = prompts.survey(sent, dialect=dialect, principal="p")
    prefix = prefix_of(survey, Chains())
    return features_of(survey, prefix, dialect=dialect.name, step_kind="tool_continuation")


def measured(*, rounds: int = ROUNDS, calls: int = CALLS) -> list[Cost]:
    prompts = KnownPrompts()
    tools: tuple[Tool, ...] = ("Bash", "Read")
    bodies = {(name, tool): body(tool, text) for name, text in OUTPUTS.items() for tool in tools}
    best = dict.fromkeys(bodies, inf)
    for _ in range(rounds):
        for key, sent in bodies.items():
            begun = time.process_time()
            for _ in range(calls):
                taken_in(prompts, sent)
            best[key] = min(best[key], (time.process_time() - begun) / calls * 1e6)
    return [Cost(name, best[name, "Bash"], best[name, "Read"]) for name in OUTPUTS]


def main() -> int:
    rows = [
        (one.output, f"{one.unread_us:.0f}", f"{one.read_us:.0f}", f"{one.share:+.1%}")
        for one in measured()
    ]
    lines = in_columns(("output of the newest step", "unread us", "read us", "more"), rows)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
