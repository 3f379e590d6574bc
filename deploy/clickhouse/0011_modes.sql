-- Changes of modes, and what came of a session as one number. Placeholders as in 0004.

CREATE TABLE IF NOT EXISTS ${database}.mode_changes_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When it happened, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    tenant LowCardinality(String) COMMENT 'Whose mode it is',
    from_mode LowCardinality(String) COMMENT 'Mode before: observe, cache, subagents or full',
    to_mode LowCardinality(String) COMMENT 'Mode after',
    source LowCardinality(String) COMMENT 'person or guardrail',
    changed_by String COMMENT 'Name of the person''s router key, local without one; empty for the guardrail',
    margin Nullable(Float64) COMMENT 'Margin that the guardrail had to see exceeded; null for a person',
    confidence Nullable(Float64) COMMENT 'Confidence of the interval; null for a person',
    difference Nullable(Float64) COMMENT 'Mean outcome of treatment less control; null for a person',
    low Nullable(Float64) COMMENT 'Lower end of the interval of the difference; null for a person',
    high Nullable(Float64) COMMENT 'Upper end of the interval of the difference; null for a person',
    treatment_sessions Int64 COMMENT 'Treated sessions with a known outcome; 0 for a person',
    control_sessions Int64 COMMENT 'Control sessions with a known outcome; 0 for a person',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (tenant, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'ModeChanged: one row per change of a tenant''s mode; read the view mode_changes';

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.mode_changes_distributed ${on_cluster}
AS ${database}.mode_changes_raw
ENGINE = Distributed('${cluster}', ${database}, mode_changes_raw, cityHash64(event_id));

CREATE OR REPLACE VIEW ${database}.mode_changes ${on_cluster} AS
SELECT * FROM ${database}.mode_changes_${everywhere} FINAL;

-- One number from 0 to 1 for a session, by what says most: a revert (0), a merge (the share of its lines
-- that survived, or 1), abandonment (0), lines that people kept, the latest tests (1 when none failed), the
-- latest score. Sessions of which nothing of that is known are left out.
CREATE OR REPLACE VIEW ${database}.session_success ${on_cluster} AS
SELECT
    r.session_hash AS session_hash,
    r.tenant AS tenant,
    r.session AS session,
    multiIf(
        r.is_reverted, 0.,
        r.is_merged, coalesce(least(r.lines_survived / nullIf(r.lines_written, 0), 1.), 1.),
        r.is_abandoned, 0.,
        r.lines_kept + r.lines_changed > 0, r.lines_kept / (r.lines_kept + r.lines_changed),
        r.has_tests, toFloat64(r.tests_failed = 0),
        r.score) AS success
FROM
(
    SELECT
        cityHash64(o.tenant, o.session) AS session_hash,
        any(o.tenant) AS tenant,
        any(o.session) AS session,
        max(o.kind = 'revert') AS is_reverted,
        max(o.kind = 'merge') AS is_merged,
        max(o.kind = 'abandoned') AS is_abandoned,
        argMaxIf(o.lines_kept, coalesce(o.after_seconds, 0), o.kind = 'survival') AS lines_survived,
        argMaxIf(o.lines_written, coalesce(o.after_seconds, 0), o.kind = 'survival') AS lines_written,
        sumIf(coalesce(o.lines_kept, 0), o.kind = 'human_edits') AS lines_kept,
        sumIf(coalesce(o.lines_changed, 0), o.kind = 'human_edits') AS lines_changed,
        max(o.kind = 'tests') AS has_tests,
        argMaxIf(coalesce(o.tests_failed, 0), o.occurred_at, o.kind = 'tests') AS tests_failed,
        argMaxIf(o.score, o.occurred_at, o.kind = 'score') AS score
    FROM ${database}.outcomes_by_session AS o
    GROUP BY session_hash
) AS r
WHERE success IS NOT NULL;
