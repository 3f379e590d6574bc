"""What the arithmetic of a decision costs, in this process: `python -m loadtest.decisions`.

The shipped catalog and artifact decide a new thread's first request among 2, 10 and 20 candidates, and the same
request pinned to its model, which has nobody to compare: the baseline. CPU time of single decisions, so that
what else the machine does is not counted; the collector as the scorer has it (`turnout.running.settle_memory`).
"""

import sys
import time
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from turnout.capabilities import Needs
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.columns import in_columns
from turnout.policy.artifact import Artifact
from turnout.policy.decision import Access, DecisionInputs, RoutingSettings
from turnout.policy.request import Features, Identity, Tags, TextSignal
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState
from turnout.running import settle_memory
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

DECISIONS: Final = 20_000
"""So that two hundred lie beyond the 99th percentile."""

ROUND: Final = 100
"""Decisions of one kind before the next kind has its turn."""

ASKED: Final = "claude-fable-5"
"""Dearer than all others, so that none is left out for its price."""

PROVIDERS: Final = (
    *("anthropic", "openai", "deepseek", "z_ai", "moonshot_ai", "gcp.gemini", "mistral_ai", "x_ai"),
)

CANDIDATES: Final = (2, 10, 20)


@dataclass(frozen=True, slots=True)
class Taken:
    """Microseconds of CPU time of one decision."""

    candidates: int
    median_us: float
    p99_us: float


def request(catalog: Catalog, *, candidates: int) -> DecisionInputs:
    """With so many that may serve; 1 is pinned."""
    names = [
        model.id
        for model in catalog.models.values()
        if model.provider in PROVIDERS and model.prices.output is not None and model.id != ASKED
    ]
    return DecisionInputs(
        identity=Identity(
            tenant="t",
            principal="p",
            harness="claude_code",
            session="s",
            thread="main",
            thread_key="k",
            is_subagent=False,
            is_explicit=True,
            request_class="main",
        ),
        tags=Tags(),
        features=Features(
            dialect="anthropic_messages",
            requested_model=ASKED if candidates > 1 else f"turnout/{ASKED}",
            step_kind="user_input",
            stream=True,
            body_bytes=120_000,
            needs=Needs(prompt_tokens_estimate=30_000, tools=True),
            message_count=1,
            tool_count=20,
            tool_result_count=0,
            step_tool_results=0,
            step_tool_errors=0,
            head_digest="h",
            head_tokens=20_000,
            last_message_digest="l",
            text_digest="t",
        ),
        state=ThreadState(),
        text=TextSignal(task_kind="bug_fix"),
        mode="full",
        access=tuple([Access(one, "env") for one in PROVIDERS]),
        settings=RoutingSettings(candidates=tuple(names[: candidates - 1])),
        degraded=(),
        catalog_digest=catalog.digest,
        artifact_digest="",
        now=1_800_000_000.0,
        draw=0.5,
    )


def measured(catalog: Catalog, tables: Artifact, *, decisions: int = DECISIONS) -> list[Taken]:
    counts = (1, *CANDIDATES)
    requests = {count: request(catalog, candidates=count) for count in counts}
    for count, inputs in requests.items():
        seen = len(decide(inputs, catalog=catalog, tables=tables).candidates)
        if seen != count:
            raise AssertionError(f"{seen} candidates where {count} were meant")
    taken: dict[int, list[int]] = {count: [] for count in counts}
    for _ in range(decisions // ROUND):
        for count, inputs in requests.items():
            for number in range(ROUND):
                # A prompt of another size each time, as in life.
                needs = structs.replace(
                    inputs.features.needs, prompt_tokens_estimate=30_000 + number
                )
                other = structs.replace(
                    inputs, features=structs.replace(inputs.features, needs=needs)
                )
                begun = time.thread_time_ns()
                decide(other, catalog=catalog, tables=tables)
                taken[count].append(time.thread_time_ns() - begun)
    return [
        Taken(count, median_us=_at(times, 0.5), p99_us=_at(times, 0.99))
        for count, times in taken.items()
    ]


def _at(times: list[int], share: float) -> float:
    return sorted(times)[int(share * len(times))] / 1e3


def main() -> int:
    catalog = parse_catalog(snapshot_bytes())
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    settle_memory()
    rows = measured(catalog, tables)
    pinned = rows[0]
    lines = in_columns(
        ("candidates", "median us", "p99 us", "of pinned"),
        [
            (
                "pinned" if one is pinned else str(one.candidates),
                f"{one.median_us:.0f}",
                f"{one.p99_us:.0f}",
                f"{one.median_us / pinned.median_us:.1f}",
            )
            for one in rows
        ],
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
