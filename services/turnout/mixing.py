"""`turnout mix`: who would serve new threads at each place of the dial between cost and quality, at what cost
and with what chance of success, projected for a tenant's own last days or for recorded sessions.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from turnout import parts
from turnout.bucket import contents
from turnout.catalog.catalog import Catalog
from turnout.errors import InvalidRequest
from turnout.learn.columns import in_columns
from turnout.policy.artifact import Artifact
from turnout.policy.decision import DecisionInputs, RoutingSettings
from turnout.policy.first_requests import first_inputs
from turnout.policy.mix import Mix, dial_of_artifact, mix
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.settings import Settings, load
from turnout.telemetry.recorded_decisions import NEW_THREADS, read_decision
from turnout.warehousing import ask

MOST_THREADS: Final = 2_000
"""Of a tenant's own; more would move no share by a per cent."""

SHOWN: Final = 0.005
"""Smaller shares are left out of the table; `--json` has them."""

HEADS: Final = ("dial", "value", "a thread", "success", "served by")


def main(argv: Sequence[str]) -> int:
    told = _parser().parse_args(argv)
    settings = load()
    catalog = parts.catalog_of(settings)
    traces: Path | None = told.traces
    if traces is None:
        found = asyncio.run(contents(settings, catalog, tenant=told.tenant))
        if found.unanswered:
            sys.stderr.write(
                f"turnout: what was pushed or set is not known: {found.unanswered} The artifact and the"
                " settings of the process stand for it.\n"
            )
        tables, routing = found.active, found.routing
        requests, left_out = asyncio.run(
            _own(settings, routing, tenant=told.tenant, days=told.days)
        )
        whose = f"new threads of the last {told.days} days"
    else:
        tables = load_artifact(settings.scorer.artifact, embedder_digest=EMBEDDER_DIGEST)
        routing = parts.routing_of(settings, catalog)
        requests, left_out = _recorded(traces, routing, catalog=catalog, tables=tables), 0
        whose = "recorded threads"
    if not requests:
        raise InvalidRequest(
            f"There are no {whose}; `--traces DIR` takes recorded sessions instead."
        )
    projected = _mixed(requests, routing, catalog=catalog, tables=tables)
    if told.json:
        sys.stdout.write(msgspec.json.encode(projected).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(projected, whose, left_out)))
    return 0


def of_recorded(directory: Path) -> Mix:
    """The dial over recorded threads, by the file of the process. Raises `TurnoutError`."""
    settings = load()
    catalog = parts.catalog_of(settings)
    tables = load_artifact(settings.scorer.artifact, embedder_digest=EMBEDDER_DIGEST)
    routing = parts.routing_of(settings, catalog)
    requests = _recorded(directory, routing, catalog=catalog, tables=tables)
    return _mixed(requests, routing, catalog=catalog, tables=tables)


def _mixed(
    requests: Sequence[DecisionInputs],
    routing: RoutingSettings,
    *,
    catalog: Catalog,
    tables: Artifact,
) -> Mix:
    return mix(
        requests,
        # The one that a running Turnout has, whatever the threads that are looked at.
        dial_of_artifact(
            routing,
            requests=tables.content.first_requests,
            catalog=catalog,
            tables=tables,
        ),
        catalog=catalog,
        tables=tables,
    )


def lines(found: Mix, whose: str, left_out: int) -> list[str]:
    """The table and what it is of."""
    out = found.left_out + left_out
    return [
        f"{found.threads:,} {whose}; left out: {out:,} that nobody with a known price can serve or that"
        " another version recorded.",
        "Projected: the policy's own expectations for whole threads, all candidates at free choice below what was"
        " asked for.",
        "",
        *in_columns(
            HEADS,
            [
                (
                    f"{one.bias:.2f}",
                    "best" if one.bias >= 1.0 else f"${one.value_usd:,.2f}",
                    f"${one.usd:,.3f}",
                    f"{one.quality:.3f}",
                    ", ".join(
                        f"{share:.0%} {model}"
                        for model, share in one.shares.items()
                        if share >= SHOWN
                    ),
                )
                for one in found.points
            ],
        ),
    ]


async def _own(
    settings: Settings, routing: RoutingSettings, *, tenant: str, days: int
) -> tuple[list[DecisionInputs], int]:
    """What was known at the first requests of the last days, with the settings of now."""
    answer = await ask(
        settings,
        NEW_THREADS,
        {"param_days": str(days), "param_tenant": tenant, "param_most": str(MOST_THREADS)},
    )
    found: list[DecisionInputs] = []
    unread = 0
    for line in answer.splitlines():
        try:
            found.append(structs.replace(read_decision(line).inputs, settings=routing))
        except msgspec.MsgspecError:
            unread += 1
    return found, unread


def _recorded(
    directory: Path, routing: RoutingSettings, *, catalog: Catalog, tables: Artifact
) -> list[DecisionInputs]:
    """What was known at the first requests of recorded threads, the kind of their task as the scorer reads
    it.
    """
    from turnout.learn.first_requests import read_first_requests
    from turnout.learn.parquet import load_table
    from turnout.learn.thread_kinds import read_thread_kinds, scorers_reading

    kind_of = scorers_reading(tables.content.text)
    calls, turns = (load_table(directory, name) for name in ("trace_calls", "trace_turns"))
    return [
        first_inputs(
            one,
            settings=routing,
            catalog=catalog,
            artifact_digest=tables.digest,
        )
        for one in read_first_requests(calls, read_thread_kinds(turns, kind_of))
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="turnout mix", description=__doc__)
    parser.add_argument(
        "--traces", type=Path, help="directory with trace_calls.parquet and trace_turns.parquet"
    )
    parser.add_argument("--days", type=_days, default=7, help="of own threads; default %(default)s")
    parser.add_argument("--tenant", default="", help="whose threads; default all")
    parser.add_argument("--json", action="store_true")
    return parser


def _days(written: str) -> int:
    if not written.isascii() or not written.isdecimal() or not 0 < int(written) <= 36_500:
        raise argparse.ArgumentTypeError(f"{written!r} is no number of days, such as 7")
    return int(written)
