"""The overview: is it serving, what does it cost, what does it save. Prometheus alone."""

from deploy.grafana.layout import Dashboard, Panel, PromQl, Section

PROMPT = 'type=~"fresh_input|cache_read|cache_write"'

_NOW = Section(
    "Now",
    (
        Panel(
            "Requests",
            "Requests that ended, per second.",
            "stat",
            "reqps",
            (PromQl("sum(rate(turnout_requests_total[5m]))", "requests", instant=True),),
            width=4,
            height=4,
        ),
        Panel(
            "In flight",
            "Requests that the ingress is answering now.",
            "stat",
            "short",
            (PromQl('sum(turnout_requests_in_flight{part="ingress"})', "in flight", instant=True),),
            width=4,
            height=4,
        ),
        Panel(
            "Failed",
            "Share of the requests that should have been answered and were not, last 5 minutes."
            " Rejected and cancelled ones count in neither part.",
            "stat",
            "percentunit",
            (
                PromQl(
                    '(sum(rate(turnout_requests_total{outcome="failed"}[5m])) or vector(0))'
                    ' / sum(rate(turnout_requests_total{outcome=~"answered|failed"}[5m]))',
                    "failed",
                    instant=True,
                ),
            ),
            width=4,
            height=4,
            warn_above=0.05,
        ),
        Panel(
            "Cost",
            "List cost of all upstream calls in the chosen time.",
            "stat",
            "currencyUSD",
            (PromQl("sum(increase(turnout_cost_usd_total[$__range]))", "cost", instant=True),),
            width=4,
            height=4,
        ),
        Panel(
            "Less than the baseline",
            "What the requested models would have cost for the same tokens, at list prices and with"
            " the same cache shares, less what was spent. Below zero, routing cost more.",
            "stat",
            "currencyUSD",
            (
                PromQl(
                    "sum(increase(turnout_baseline_cost_usd_total[$__range]))"
                    " - sum(increase(turnout_cost_usd_total[$__range]))",
                    "saving",
                    instant=True,
                ),
            ),
            width=4,
            height=4,
        ),
        Panel(
            "Read from cache",
            "Share of the prompt tokens that came out of a provider's cache in the chosen time.",
            "stat",
            "percentunit",
            (
                PromQl(
                    'sum(increase(turnout_tokens_total{type="cache_read"}[$__range]))'
                    f" / sum(increase(turnout_tokens_total{{{PROMPT}}}[$__range]))",
                    "read",
                    instant=True,
                ),
            ),
            width=4,
            height=4,
        ),
    ),
)

_TRAFFIC = Section(
    "Traffic",
    (
        Panel(
            "Requests by outcome",
            "Answered, failed upstream, rejected before any call, cancelled by the client.",
            "timeseries",
            "reqps",
            (
                PromQl(
                    "sum by (outcome) (rate(turnout_requests_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Decisions",
            "What was decided: stay, switch, pin, escalate or passthrough; none where a request was"
            " rejected before.",
            "timeseries",
            "reqps",
            (
                PromQl(
                    "sum by (decision) (rate(turnout_requests_total[$__rate_interval]))",
                    "{{decision}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Upstream calls by model",
            "Calls to providers, by the model that was called.",
            "timeseries",
            "reqps",
            (
                PromQl(
                    "sum by (model) (rate(turnout_attempts_total[$__rate_interval]))", "{{model}}"
                ),
            ),
            stacked=True,
        ),
    ),
)

_MONEY = Section(
    "Money and tokens",
    (
        Panel(
            "Cost an hour by model",
            "List cost of upstream calls, as a rate per hour.",
            "timeseries",
            "currencyUSD",
            (
                PromQl(
                    "sum by (model) (rate(turnout_cost_usd_total[$__rate_interval])) * 3600",
                    "{{model}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Prompts kept cached",
            "Reads that keep main threads' prompts cached while they pause, by what they found, and what"
            " they cost, a part of all cost.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (outcome) (increase(turnout_keep_warm_reads_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
                PromQl("sum(increase(turnout_keep_warm_cost_usd_total[$__rate_interval]))", "USD"),
            ),
        ),
        Panel(
            "Cost an hour, against the baseline",
            "What is spent, and what the requested models would have cost.",
            "timeseries",
            "currencyUSD",
            (
                PromQl("sum(rate(turnout_cost_usd_total[$__rate_interval])) * 3600", "cost"),
                PromQl(
                    "sum(rate(turnout_baseline_cost_usd_total[$__rate_interval])) * 3600",
                    "baseline",
                ),
            ),
        ),
        Panel(
            "Tokens by type",
            "Tokens per second in disjoint counts: fresh input, cache read, cache write, output.",
            "timeseries",
            "short",
            (PromQl("sum by (type) (rate(turnout_tokens_total[$__rate_interval]))", "{{type}}"),),
            stacked=True,
        ),
    ),
)

_HEALTH = Section(
    "Health",
    (
        Panel(
            "First content",
            "From sending a call to its first content event, all models.",
            "timeseries",
            "s",
            tuple(
                PromQl(
                    f"histogram_quantile({share}, sum by (le)"
                    " (rate(turnout_time_to_first_content_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"))
            ),
        ),
        Panel(
            "Decided without a part",
            "Requests per second that were decided without the scorer, the tracker or the text.",
            "timeseries",
            "reqps",
            (
                PromQl(
                    "sum by (part) (rate(turnout_degraded_requests_total[$__rate_interval]))",
                    "{{part}}",
                ),
            ),
        ),
        Panel(
            "Parts that can be used",
            "1 while every process that asks can use the part, 0 while one cannot.",
            "timeseries",
            "bool_on_off",
            (PromQl("min by (part) (turnout_part_up)", "{{part}}"),),
        ),
    ),
)

OVERVIEW = Dashboard(
    uid="turnout-overview",
    title="Turnout: overview",
    description="Whether it serves, what it costs, what it saves.",
    sections=(_NOW, _TRAFFIC, _MONEY, _HEALTH),
    sources=("prometheus",),
)
