"""Services and bus: what is up, what is in flight, and where facts are. Prometheus alone."""

from deploy.grafana.layout import Dashboard, Panel, PromQl, Section


def _percentile(metric: str, share: float, by: str) -> str:
    return (
        f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"
    )


_UP = Section(
    "Processes",
    (
        Panel(
            "Scraped",
            "1 while a process answers scrapes.",
            "timeseries",
            "bool_on_off",
            (PromQl('up{job="turnout"}', "{{instance}}"),),
        ),
        Panel(
            "Parts that can be used",
            "As the ingresses and telemetry see it; 0 while one of them cannot use the part.",
            "timeseries",
            "bool_on_off",
            (PromQl("min by (part) (turnout_part_up)", "{{part}}"),),
        ),
        Panel(
            "Versions",
            "Processes by version and artifact; an artifact is named where decisions are made.",
            "table",
            "short",
            (PromQl("count by (version, artifact) (turnout_build_info)", instant=True),),
        ),
        Panel(
            "In flight",
            "Requests that each part is serving now.",
            "timeseries",
            "short",
            (PromQl("sum by (part) (turnout_requests_in_flight)", "{{part}}"),),
        ),
        Panel(
            "CPU",
            "Seconds of CPU per second, by process. A Python process has one core for its requests.",
            "timeseries",
            "percentunit",
            (
                PromQl(
                    'rate(process_cpu_seconds_total{job="turnout"}[$__rate_interval])',
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Memory",
            "Resident memory, by process.",
            "timeseries",
            "bytes",
            (PromQl('process_resident_memory_bytes{job="turnout"}', "{{instance}}"),),
        ),
    ),
)

_CALLS = Section(
    "Calls between services (where they run as processes)",
    (
        Panel(
            "Served calls, p99",
            "How long calls take, as the part that serves them sees them.",
            "timeseries",
            "s",
            (
                PromQl(
                    _percentile("turnout_rpc_duration_seconds", 0.99, "part, method"),
                    "{{part}} {{method}}",
                ),
            ),
        ),
        Panel(
            "Made calls, p99",
            "The same as the calling part sees them: with the way there and back, and waiting.",
            "timeseries",
            "s",
            (
                PromQl(
                    _percentile("turnout_rpc_client_duration_seconds", 0.99, "part, method"),
                    "{{part}} {{method}}",
                ),
            ),
        ),
        Panel(
            "Calls by how they ended",
            "As the calling part sees it; unavailable includes too late.",
            "timeseries",
            "ops",
            (
                PromQl(
                    "sum by (part, outcome)"
                    " (rate(turnout_rpc_client_duration_seconds_count[$__rate_interval]))",
                    "{{part}} {{outcome}}",
                ),
            ),
        ),
    ),
)

_TARGETS = Section(
    "Targets, as dispatchers see them",
    (
        Panel(
            "First content, p95",
            "Seconds that 95 % of calls keep to, of late, by target and uncached tokens of the prompt; what hedging"
            " waits for.",
            "timeseries",
            "s",
            (
                PromQl(
                    "max by (target, size) (turnout_first_content_p95_seconds)",
                    "{{target}} {{size}}",
                ),
            ),
        ),
        Panel(
            "Not healthy",
            "Dispatchers to which a target is ejected, probed or throttled; 0 is well.",
            "timeseries",
            "short",
            (
                PromQl(
                    'sum by (target, state) (turnout_target_state{state!="healthy"})',
                    "{{target}} {{state}}",
                ),
            ),
        ),
        Panel(
            "Calls at once",
            "As many as a target takes, as far as it has shown; 2048 while it has never throttled.",
            "timeseries",
            "short",
            (PromQl("min by (target) (turnout_target_limit)", "{{target}}"),),
        ),
        Panel(
            "Passed over",
            "Targets that requests did not go to, or were refused for, because calls to them fail, because they throttle"
            " us or take no more calls at once.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (reason) (increase(turnout_targets_passed_over_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Silent calls not raced",
            "Calls that hedging would have raced, by what kept it from that.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (reason) (increase(turnout_hedges_suppressed_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
    ),
)

_SPOOL = Section(
    "Facts on their way to the bus",
    (
        Panel(
            "Facts recorded and published",
            "Facts per second that were accepted into spools, and that the bus has acknowledged.",
            "timeseries",
            "ops",
            (
                PromQl(
                    "sum by (fact) (rate(turnout_facts_recorded_total[$__rate_interval]))",
                    "recorded {{fact}}",
                ),
                PromQl("sum(rate(turnout_facts_published_total[$__rate_interval]))", "published"),
            ),
        ),
        Panel(
            "Spool",
            "How full each process's spool is; at 100 % facts are dropped.",
            "timeseries",
            "percentunit",
            (PromQl("turnout_spool_bytes / turnout_spool_limit_bytes", "{{instance}}"),),
        ),
        Panel(
            "Waiting",
            "How long facts have been waiting without any being published.",
            "timeseries",
            "s",
            (PromQl("turnout_spool_oldest_seconds", "{{instance}}"),),
        ),
        Panel(
            "Facts dropped",
            "Facts lost in each interval, by reason. Anything but zero is a loss.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (reason) (increase(turnout_facts_dropped_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Spool bytes lost",
            "Torn by a crash, or damaged on disk: no whole fact could be read in them.",
            "timeseries",
            "bytes",
            (PromQl("sum(increase(turnout_spool_lost_bytes_total[$__rate_interval]))", "bytes"),),
        ),
        Panel(
            "Publishing failures",
            "Attempts to publish that failed and were made again.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum(increase(turnout_publish_failures_total[$__rate_interval]))", "failures"
                ),
            ),
        ),
        Panel(
            "Notes lost",
            "Notes that the tracker has not got: failed, or dropped before they were sent.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (reason) (increase(turnout_notes_lost_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
    ),
)

_WAREHOUSE = Section(
    "Facts on their way to ClickHouse",
    (
        Panel(
            "Rows inserted",
            "Rows per second by table, redeliveries included.",
            "timeseries",
            "ops",
            (
                PromQl(
                    "sum by (table) (rate(turnout_facts_inserted_total[$__rate_interval]))",
                    "{{table}}",
                ),
            ),
            stacked=True,
            width=6,
        ),
        Panel(
            "Waiting on the bus",
            "Messages that telemetry has not asked for yet; one holds up to 100 facts.",
            "timeseries",
            "short",
            (PromQl("max(turnout_facts_messages_pending)", "messages"),),
            width=6,
        ),
        Panel(
            "Insert of a batch",
            "Time to insert one batch into all its tables.",
            "timeseries",
            "s",
            tuple(
                PromQl(
                    f"histogram_quantile({share}, sum by (le)"
                    " (rate(turnout_insert_duration_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "p50"), (0.99, "p99"))
            ),
            width=6,
        ),
        Panel(
            "Inserts failed, facts set aside",
            "Inserts that are made again, and facts that could not be read and are kept aside.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum(increase(turnout_insert_failures_total[$__rate_interval]))",
                    "failed inserts",
                ),
                PromQl(
                    "sum by (subject) (increase(turnout_facts_undecodable_total[$__rate_interval]))",
                    "set aside {{subject}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Outcomes reported",
            "Reports of what came of the work, per second and kind.",
            "timeseries",
            "ops",
            (PromQl("sum by (kind) (rate(turnout_outcomes_total[$__rate_interval]))", "{{kind}}"),),
        ),
        Panel(
            "Taken one mode back",
            "Tenants whose treated sessions came out worse than control, by the mode they came to.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (mode) (increase(turnout_guardrail_drops_total[$__rate_interval]))",
                    "{{mode}}",
                ),
            ),
        ),
        Panel(
            "Artifacts and settings",
            "Requests that an artifact in shadow has decided too, by whether it chose the same target, those"
            " that it has not, artifact files that scorers could not use, and tenants whose settings cannot be"
            " read.",
            "timeseries",
            "short",
            (
                PromQl(
                    "sum by (agrees) (increase(turnout_shadow_decisions_total[$__rate_interval]))",
                    "agrees: {{agrees}}",
                ),
                PromQl("sum(increase(turnout_shadow_lost_total[$__rate_interval]))", "not decided"),
                PromQl(
                    "sum(increase(turnout_artifacts_refused_total[$__rate_interval]))",
                    "files refused",
                ),
                PromQl("max(turnout_settings_ignored)", "settings ignored"),
            ),
        ),
    ),
)

SERVICES = Dashboard(
    uid="turnout-services",
    title="Turnout: services and bus",
    description="What is up, what is in flight, how long calls take, how targets stand, and where facts are.",
    sections=(_UP, _CALLS, _TARGETS, _SPOOL, _WAREHOUSE),
    sources=("prometheus",),
)
