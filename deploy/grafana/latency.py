"""Latency and decisions: where time goes, what was decided and why. Prometheus and ClickHouse."""

from deploy.grafana.layout import Dashboard, Panel, PromQl, Section, Sql
from deploy.grafana.tenants import TENANT, during

_SHARES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def _percentile(metric: str, share: float, by: str) -> str:
    return (
        f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"
    )


_DECIDING = Section(
    "Deciding",
    (
        Panel(
            "Stages of a decision, p99",
            "identify reads the request, look asks the tracker, score embeds the text, decide is the"
            " policy; route is from arrival to the decision, the body's arrival included.",
            "timeseries",
            "s",
            (PromQl(_percentile("turnout_decision_duration_seconds", 0.99, "stage"), "{{stage}}"),),
        ),
        Panel(
            "Stages of a decision, p50",
            "The same at the median.",
            "timeseries",
            "s",
            (PromQl(_percentile("turnout_decision_duration_seconds", 0.5, "stage"), "{{stage}}"),),
        ),
        Panel(
            "Decided within 50 ms",
            "Share of the runs of each stage but route that took at most 50 ms.",
            "timeseries",
            "percentunit",
            (
                PromQl(
                    "sum by (stage)"
                    ' (rate(turnout_decision_duration_seconds_bucket{le="0.05",stage!="route"}'
                    "[$__rate_interval]))"
                    " / sum by (stage)"
                    ' (rate(turnout_decision_duration_seconds_count{stage!="route"}'
                    "[$__rate_interval]))",
                    "{{stage}}",
                ),
            ),
        ),
        Panel(
            "Decisions by reason",
            "Decisions of each interval by the rule that decided.",
            "timeseries",
            "short",
            (
                Sql(
                    "SELECT $__timeInterval(occurred_at) AS time, toString(reason) AS reason,\n"
                    "    toFloat64(count()) AS decisions\n"
                    f"FROM decisions\nWHERE {during('occurred_at')}\n"
                    "GROUP BY time, reason\nORDER BY time, reason"
                ),
            ),
            stacked=True,
            width=12,
        ),
        Panel(
            "Reasons in the chosen time",
            "How often each rule decided, and how long deciding took (look and embedding side by"
            " side, then the policy).",
            "table",
            "short",
            (
                Sql(
                    "SELECT action, reason, mode, count() AS decisions,\n"
                    "    quantile(0.5)(greatest(look_seconds, embed_seconds) + decide_seconds) AS p50,\n"
                    "    quantile(0.99)(greatest(look_seconds, embed_seconds) + decide_seconds) AS p99\n"
                    f"FROM decisions\nWHERE {during('occurred_at')}\n"
                    "GROUP BY action, reason, mode\nORDER BY decisions DESC"
                ),
            ),
            units={"p50": "s", "p99": "s"},
            width=12,
        ),
        Panel(
            "Switches of threads",
            "Threads per second that were served by another target than before, by reason.",
            "timeseries",
            "ops",
            (
                PromQl(
                    "sum by (reason) (rate(turnout_threads_switched_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
    ),
)

_ANSWERING = Section(
    "Answering",
    (
        *(
            Panel(
                f"First content by model, {name}",
                "From sending a call to its first content event.",
                "timeseries",
                "s",
                (
                    PromQl(
                        _percentile(
                            "turnout_time_to_first_content_seconds", share, "provider, model"
                        ),
                        "{{provider}} {{model}}",
                    ),
                ),
            )
            for share, name in _SHARES[:2]
        ),
        Panel(
            "First byte by model, p95",
            "From sending a call to the first byte of its answer; the rest of first content is the"
            " model's thinking and pings.",
            "timeseries",
            "s",
            (
                PromQl(
                    _percentile("turnout_time_to_first_byte_seconds", 0.95, "provider, model"),
                    "{{provider}} {{model}}",
                ),
            ),
        ),
        Panel(
            "Whole requests",
            "From a request's arrival to the last byte of its answer.",
            "timeseries",
            "s",
            tuple(
                PromQl(
                    _percentile("turnout_request_duration_seconds", share, "dialect"),
                    f"{{{{dialect}}}} {name}",
                )
                for share, name in _SHARES
            ),
        ),
        Panel(
            "Calls by kind",
            "First calls, retries and fallbacks to another target, per second.",
            "timeseries",
            "reqps",
            (PromQl("sum by (kind) (rate(turnout_attempts_total[$__rate_interval]))", "{{kind}}"),),
            stacked=True,
        ),
        Panel(
            "Failed calls by provider",
            "Share of the calls to each provider that failed; cancelled and rejected ones count in"
            " neither part.",
            "timeseries",
            "percentunit",
            (
                PromQl(
                    'sum by (provider) (rate(turnout_attempts_total{outcome="failed"}'
                    "[$__rate_interval]))"
                    ' / sum by (provider) (rate(turnout_attempts_total{outcome=~"answered|failed"}'
                    "[$__rate_interval]))",
                    "{{provider}}",
                ),
            ),
        ),
        Panel(
            "Changes made for a target",
            "What was changed in requests because the target does not take it, per second.",
            "timeseries",
            "ops",
            (
                PromQl(
                    "sum by (change, provider)"
                    " (rate(turnout_translation_changes_total[$__rate_interval]))",
                    "{{change}} {{provider}}",
                ),
            ),
            stacked=True,
        ),
    ),
)

_SINGLE = Section(
    "Single requests",
    (
        Panel(
            "Slowest requests",
            "Requests of the chosen time that took longest, with where the time went.",
            "table",
            "short",
            (
                Sql(
                    "SELECT received_at AS time, request_id, harness, requested_model, served_model,\n"
                    "    toString(reason) AS reason, outcome, attempts, route_seconds,\n"
                    "    first_content_seconds, duration_seconds, output\n"
                    f"FROM requests\nWHERE {during('occurred_at')}\n"
                    "ORDER BY duration_seconds DESC\nLIMIT 50"
                ),
            ),
            units={"route_seconds": "s", "first_content_seconds": "s", "duration_seconds": "s"},
            width=24,
            height=10,
        ),
        Panel(
            "Failures",
            "Failed calls by provider, model and kind of error.",
            "table",
            "short",
            (
                Sql(
                    "SELECT provider, model, error, status, count() AS calls,\n"
                    "    max(occurred_at) AS newest\n"
                    f"FROM attempts\nWHERE {during('occurred_at')} AND outcome = 'failed'\n"
                    "GROUP BY provider, model, error, status\nORDER BY calls DESC\nLIMIT 100"
                ),
            ),
            width=24,
        ),
    ),
)

LATENCY = Dashboard(
    uid="turnout-latency",
    title="Turnout: latency and decisions",
    description="Where time goes, what was decided and why.",
    sections=(_DECIDING, _ANSWERING, _SINGLE),
    sources=("prometheus", "clickhouse"),
    variables=(TENANT,),
)
