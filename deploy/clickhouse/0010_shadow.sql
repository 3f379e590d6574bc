-- What an artifact that runs in shadow has decided beside the one that served. Placeholders as in 0004.

CREATE TABLE IF NOT EXISTS ${database}.shadow_decisions_raw ${on_cluster}
(
    event_id String COMMENT 'Id of the fact; the same whenever the same thing is told again',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When the served decision was made, UTC',
    day Date DEFAULT toDate(occurred_at) COMMENT 'Day of occurred_at, UTC',
    request_id String COMMENT 'Id of the request',
    traceparent String COMMENT 'W3C trace context of the request',
    tenant LowCardinality(String) COMMENT 'Whose settings and mode applied',
    session String COMMENT 'Run of the agent',
    served_artifact_digest LowCardinality(String) COMMENT 'Digest of the tables that served',
    served_action LowCardinality(String) COMMENT 'Action of the decision that was served',
    served_reason LowCardinality(String) COMMENT 'Rule of the decision that was served',
    served_target LowCardinality(String) COMMENT 'First target of the decision that was served',
    served_model LowCardinality(String) COMMENT 'Model of that target',
    served_proposal LowCardinality(String) COMMENT 'What the served tables chose, whatever mode and arm let through',
    served_cost_now_usd Nullable(Float64) COMMENT 'Expected cost of this request at the served tables'' choice, by the shadow''s tables, USD; null when unknown',
    served_cost_to_go_usd Nullable(Float64) COMMENT 'The same with the steps expected to remain, USD; null when unknown',
    shadow_artifact_digest LowCardinality(String) COMMENT 'Digest of the tables that ran in shadow',
    shadow_action LowCardinality(String) COMMENT 'Action of the shadow''s decision',
    shadow_reason LowCardinality(String) COMMENT 'Rule of the shadow''s decision',
    shadow_target LowCardinality(String) COMMENT 'First target of the shadow''s decision',
    shadow_model LowCardinality(String) COMMENT 'Model of that target',
    shadow_proposal LowCardinality(String) COMMENT 'What the shadow''s tables chose, whatever mode and arm let through',
    shadow_cost_now_usd Nullable(Float64) COMMENT 'Expected cost of this request at the shadow''s choice, by the shadow''s tables, USD; null when unknown',
    shadow_cost_to_go_usd Nullable(Float64) COMMENT 'The same with the steps expected to remain, USD; null when unknown',
    agrees Bool COMMENT 'Whether both chose the same target',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was inserted, UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, session, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'ShadowDecided: one row per request that an artifact in shadow decided too; read the view shadow_decisions';

-- only on a cluster
CREATE TABLE IF NOT EXISTS ${database}.shadow_decisions_distributed ${on_cluster}
AS ${database}.shadow_decisions_raw
ENGINE = Distributed('${cluster}', ${database}, shadow_decisions_raw, cityHash64(request_id));

CREATE OR REPLACE VIEW ${database}.shadow_decisions ${on_cluster} AS
SELECT * FROM ${database}.shadow_decisions_${everywhere} FINAL;
