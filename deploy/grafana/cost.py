"""Cost and cache: who spent what, against the baseline, and what the caches gave. ClickHouse alone."""

from deploy.grafana.layout import Dashboard, Panel, Section, Sql
from deploy.grafana.tenants import TENANT, during

_HERE = during("occurred_at")

_TOTALS = Section(
    "In the chosen time",
    (
        Panel(
            "Cost",
            "List cost of all upstream calls whose price is known, those that keep prompts cached included.",
            "stat",
            "currencyUSD",
            (
                Sql(
                    "SELECT toFloat64(sum(cost_usd)) AS cost\nFROM\n(\n"
                    f"SELECT cost_usd\nFROM requests\nWHERE {_HERE}\n"
                    "UNION ALL\n"
                    f"SELECT cost_usd\nFROM keep_warm_reads\nWHERE {_HERE}\n)"
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Baseline",
            "The same tokens at the requested models' list prices, with the same cache shares.",
            "stat",
            "currencyUSD",
            (
                Sql(
                    "SELECT toFloat64(sum(baseline_cost_usd)) AS baseline\n"
                    f"FROM requests\nWHERE {_HERE}"
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Less than the baseline",
            "Over requests where both are known, less what keeping prompts cached cost; below zero,"
            " routing cost more.",
            "stat",
            "currencyUSD",
            (
                Sql(
                    "SELECT toFloat64(sum(less_usd)) AS saving\nFROM\n(\n"
                    f"SELECT baseline_cost_usd - cost_usd AS less_usd\nFROM requests\nWHERE {_HERE}\n"
                    "UNION ALL\n"
                    f"SELECT -cost_usd AS less_usd\nFROM keep_warm_reads\nWHERE {_HERE}\n)"
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Unpriced answers",
            "Answered requests whose cost is unknown; they are in no sum of this page.",
            "stat",
            "short",
            (
                Sql(
                    "SELECT countIf(outcome = 'answered' AND cost_usd IS NULL) AS unpriced\n"
                    f"FROM requests\nWHERE {_HERE}"
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Read from cache",
            "Share of the prompt tokens that came out of a provider's cache.",
            "stat",
            "percentunit",
            (
                Sql(
                    "SELECT sum(cache_read) / sum(input_total) AS share\n"
                    f"FROM requests\nWHERE {_HERE}"
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Sessions",
            "Runs of agents that sent requests.",
            "stat",
            "short",
            (Sql(f"SELECT uniqExact(tenant, session) AS sessions\nFROM requests\nWHERE {_HERE}"),),
            width=4,
            height=4,
        ),
    ),
)

_SPEND = Section(
    "Spend",
    (
        Panel(
            "Cost by model",
            "List cost of each interval by the model that answered.",
            "timeseries",
            "currencyUSD",
            (
                Sql(
                    "SELECT $__timeInterval(occurred_at) AS time, toString(served_model) AS model,\n"
                    "    toFloat64(sum(cost_usd)) AS cost\n"
                    f"FROM requests\nWHERE {_HERE} AND cost_usd IS NOT NULL\n"
                    "GROUP BY time, model\nORDER BY time, model"
                ),
            ),
            stacked=True,
            width=12,
        ),
        Panel(
            "Cost against the baseline",
            "What each interval cost and would have cost at the requested models' prices, over"
            " requests where both are known.",
            "timeseries",
            "currencyUSD",
            (
                Sql(
                    "SELECT $__timeInterval(occurred_at) AS time,\n"
                    "    toFloat64(sum(cost_usd)) AS cost,\n"
                    "    toFloat64(sum(baseline_cost_usd)) AS baseline\n"
                    f"FROM requests\nWHERE {_HERE}\n"
                    "    AND cost_usd IS NOT NULL AND baseline_cost_usd IS NOT NULL\n"
                    "GROUP BY time\nORDER BY time"
                ),
            ),
            width=12,
        ),
        Panel(
            "List price and paid",
            "What answers cost at list prices, what of that is paid beyond subscriptions, and what of it is of"
            " no token, such as hours of a server; by day and tenant, where list price and paid are known.",
            "table",
            "short",
            (
                Sql(
                    "SELECT day, tenant, toFloat64(sum(list_usd)) AS list, toFloat64(sum(beyond_usd)) AS paid,\n"
                    "    toFloat64(sum(no_token_usd)) AS fees\nFROM\n(\n"
                    "SELECT day, toString(tenant) AS tenant, cost_usd AS list_usd, paid_usd AS beyond_usd,\n"
                    "    ifNull(fee_usd, 0) AS no_token_usd\n"
                    f"FROM requests\nWHERE {_HERE}\n    AND cost_usd IS NOT NULL AND paid_usd IS NOT NULL\n"
                    "UNION ALL\n"
                    "SELECT day, toString(tenant) AS tenant, cost_usd AS list_usd, cost_usd AS beyond_usd,\n"
                    "    0 AS no_token_usd\n"
                    f"FROM keep_warm_reads\nWHERE {_HERE} AND cost_usd IS NOT NULL\n)\n"
                    "GROUP BY day, tenant\nORDER BY day DESC, list DESC\nLIMIT 200"
                ),
            ),
            units={"list": "currencyUSD", "paid": "currencyUSD", "fees": "currencyUSD"},
            width=24,
        ),
        Panel(
            "Requested against served",
            "What was asked for, what served it, and what the baseline would have cost (repriced).",
            "table",
            "short",
            (
                Sql(
                    "SELECT requested_model, served_provider, served_model, count() AS requests,\n"
                    "    toFloat64(sum(r.cost_usd)) AS cost,\n"
                    "    toFloat64(sum(r.baseline_cost_usd - r.cost_usd)) AS saving\n"
                    f"FROM requests AS r\nWHERE {_HERE} AND outcome = 'answered'\n"
                    "GROUP BY requested_model, served_provider, served_model\nORDER BY requests DESC"
                ),
            ),
            units={"cost": "currencyUSD", "saving": "currencyUSD"},
            width=12,
        ),
        Panel(
            "Team, repository, branch",
            "Who it is for, by the tags of requests; empty where a request had none.",
            "table",
            "short",
            (
                Sql(
                    "SELECT team, repository, branch, uniqExact(session) AS sessions,\n"
                    "    count() AS requests, toFloat64(sum(r.cost_usd)) AS cost,\n"
                    "    toFloat64(sum(r.baseline_cost_usd - r.cost_usd)) AS saving\n"
                    f"FROM requests AS r\nWHERE {_HERE}\n"
                    "GROUP BY team, repository, branch\nORDER BY cost DESC\nLIMIT 100"
                ),
            ),
            units={"cost": "currencyUSD", "saving": "currencyUSD"},
            width=12,
        ),
        Panel(
            "Dearest sessions",
            "Runs of agents by cost.",
            "table",
            "short",
            (
                Sql(
                    "SELECT session, toString(any(r.harness)) AS harness, toString(any(r.team)) AS team,\n"
                    "    min(received_at) AS started, max(occurred_at) AS ended,\n"
                    "    count() AS requests, uniqExact(thread) AS threads,\n"
                    "    sum(r.cache_read) / sum(r.input_total) AS cache_share,\n"
                    "    toFloat64(sum(r.cost_usd)) AS cost,\n"
                    "    toFloat64(sum(r.baseline_cost_usd - r.cost_usd)) AS saving\n"
                    f"FROM requests AS r\nWHERE {_HERE}\n"
                    "GROUP BY tenant, session\nORDER BY cost DESC\nLIMIT 50"
                ),
            ),
            units={"cost": "currencyUSD", "saving": "currencyUSD", "cache_share": "percentunit"},
            width=24,
            height=10,
        ),
    ),
)

_CACHE = Section(
    "Cache",
    (
        Panel(
            "Read from cache by model",
            "Share of the prompt tokens of each interval that came out of the cache.",
            "timeseries",
            "percentunit",
            (
                Sql(
                    "SELECT $__timeInterval(occurred_at) AS time, toString(served_model) AS model,\n"
                    "    sum(r.cache_read) / sum(r.input_total) AS share\n"
                    f"FROM requests AS r\nWHERE {_HERE} AND r.input_total > 0\n"
                    "GROUP BY time, model\nORDER BY time, model"
                ),
            ),
            width=12,
        ),
        Panel(
            "Tokens",
            "Tokens of each interval in disjoint counts.",
            "timeseries",
            "short",
            (
                Sql(
                    "SELECT $__timeInterval(occurred_at) AS time,\n"
                    "    toFloat64(sum(r.fresh_input)) AS fresh_input,\n"
                    "    toFloat64(sum(r.cache_read)) AS cache_read,\n"
                    "    toFloat64(sum(r.cache_write)) AS cache_write,\n"
                    "    toFloat64(sum(r.output)) AS output\n"
                    f"FROM requests AS r\nWHERE {_HERE} AND r.input_total IS NOT NULL\n"
                    "GROUP BY time\nORDER BY time"
                ),
            ),
            stacked=True,
            width=12,
        ),
        Panel(
            "Prompts kept cached",
            "Reads that kept main threads' prompts cached while they paused, and what they cost.",
            "table",
            "short",
            (
                Sql(
                    "SELECT provider, model, uniqExact(request_id) AS prompts, count() AS reads,\n"
                    "    countIf(is_hit) AS hits, countIf(outcome != 'answered') AS failed,\n"
                    "    toFloat64(sum(cost_usd)) AS cost\n"
                    f"FROM keep_warm_reads\nWHERE {_HERE}\n"
                    "GROUP BY provider, model\nORDER BY cost DESC"
                ),
            ),
            units={"cost": "currencyUSD"},
            width=24,
        ),
        Panel(
            "Switches and what they left",
            "Between which targets threads switched, and how many tokens were still warm behind them.",
            "table",
            "short",
            (
                Sql(
                    "SELECT from_target, to_target, reason, count() AS switches,\n"
                    "    avg(warm_tokens_left) AS warm_left, avg(prompt_tokens_estimate) AS prompt\n"
                    f"FROM thread_switches\nWHERE {_HERE}\n"
                    "GROUP BY from_target, to_target, reason\nORDER BY switches DESC\nLIMIT 100"
                ),
            ),
            width=12,
        ),
        Panel(
            "Outcomes",
            "What was reported of the work, by kind.",
            "table",
            "short",
            (
                Sql(
                    "SELECT kind, count() AS reports, avg(score) AS score,\n"
                    "    sum(tests_passed) AS passed, sum(tests_failed) AS failed,\n"
                    "    sum(lines_kept) AS kept, sum(lines_changed) AS changed\n"
                    f"FROM outcomes\nWHERE {_HERE}\n"
                    "GROUP BY kind\nORDER BY reports DESC"
                ),
            ),
            width=12,
        ),
        Panel(
            "Changes of modes",
            "Who changed a tenant's mode. For the guardrail: mean outcome of treatment less control,"
            " with the ends of its interval.",
            "table",
            "short",
            (
                Sql(
                    "SELECT occurred_at, tenant, from_mode, to_mode, source, changed_by, difference,\n"
                    "    low, high, treatment_sessions, control_sessions\n"
                    f"FROM mode_changes\nWHERE {_HERE}\n"
                    "ORDER BY occurred_at DESC\nLIMIT 20"
                ),
            ),
            width=24,
        ),
    ),
)

COST = Dashboard(
    uid="turnout-cost",
    title="Turnout: cost and cache",
    description="Who spent what, against the baseline, and what the caches gave; at list prices.",
    sections=(_TOTALS, _SPEND, _CACHE),
    sources=("clickhouse",),
    variables=(TENANT,),
    since="now-7d",
)
