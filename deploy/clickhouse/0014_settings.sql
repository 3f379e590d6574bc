-- Changes of tenants' routing settings. Placeholders as in 0004.

CREATE TABLE IF NOT EXISTS ${database}.settings_changes_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When it happened, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    tenant LowCardinality(String) COMMENT 'Whose setting it is',
    name LowCardinality(String) COMMENT 'The setting, as turnout settings names it',
    from_value String COMMENT 'Value before, as JSON; empty where the process''s own held',
    to_value String COMMENT 'Value after, as JSON; empty where the process''s own holds',
    source LowCardinality(String) COMMENT 'person or guardrail',
    changed_by String COMMENT 'Name of the person''s router key, local without one; empty for the guardrail',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (tenant, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'SettingsChanged: one row per change of a tenant''s routing setting; read the view settings_changes';

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.settings_changes_distributed ${on_cluster}
AS ${database}.settings_changes_raw
ENGINE = Distributed('${cluster}', ${database}, settings_changes_raw, cityHash64(event_id));

CREATE OR REPLACE VIEW ${database}.settings_changes ${on_cluster} AS
SELECT * FROM ${database}.settings_changes_${everywhere} FINAL;
