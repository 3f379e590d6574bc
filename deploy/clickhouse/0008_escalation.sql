-- What a thread's checks say, and what escalations count from. The tables of all shards take the columns too,
-- and the view is repeated because it keeps the columns that it was made with. Placeholders as in 0004.

ALTER TABLE ${database}.decisions_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS check LowCardinality(String) COMMENT 'How a run of tests, a build or a linter came out in the newest step: passed, failed, empty when none did or it cannot be told' AFTER step_tool_errors,
    ADD COLUMN IF NOT EXISTS check_framework LowCardinality(String) COMMENT 'Whose run it was: pytest, go, cargo, ...; empty when there was none' AFTER check,
    ADD COLUMN IF NOT EXISTS call_digest String COMMENT 'Of the calls whose results the newest step brings; equal ones of a thread are the same calls with the same arguments' AFTER check_framework,
    ADD COLUMN IF NOT EXISTS edit_digest String COMMENT 'Of the files that these calls change; equal ones of a thread are the same files, empty when none is changed' AFTER call_digest,
    ADD COLUMN IF NOT EXISTS failing_checks Int64 COMMENT 'Checks of the thread that came out red since the last green one, before this request' AFTER tool_errors,
    COMMENT COLUMN tool_errors 'Consecutive newest steps with a tool error that was no red check',
    COMMENT COLUMN escalations 'Times the thread has been escalated since the last free window, this decision included';

ALTER TABLE ${database}.requests_raw ${on_cluster}
    COMMENT COLUMN escalations '1 where the thread has been given a stronger model, by this request or since the last free window; else 0';

-- only on a cluster
ALTER TABLE ${database}.decisions_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS check LowCardinality(String) COMMENT 'How a run of tests, a build or a linter came out in the newest step: passed, failed, empty when none did or it cannot be told' AFTER step_tool_errors,
    ADD COLUMN IF NOT EXISTS check_framework LowCardinality(String) COMMENT 'Whose run it was: pytest, go, cargo, ...; empty when there was none' AFTER check,
    ADD COLUMN IF NOT EXISTS call_digest String COMMENT 'Of the calls whose results the newest step brings; equal ones of a thread are the same calls with the same arguments' AFTER check_framework,
    ADD COLUMN IF NOT EXISTS edit_digest String COMMENT 'Of the files that these calls change; equal ones of a thread are the same files, empty when none is changed' AFTER call_digest,
    ADD COLUMN IF NOT EXISTS failing_checks Int64 COMMENT 'Checks of the thread that came out red since the last green one, before this request' AFTER tool_errors,
    COMMENT COLUMN tool_errors 'Consecutive newest steps with a tool error that was no red check',
    COMMENT COLUMN escalations 'Times the thread has been escalated since the last free window, this decision included';

-- only on a cluster
ALTER TABLE ${database}.requests_distributed ${on_cluster}
    COMMENT COLUMN escalations '1 where the thread has been given a stronger model, by this request or since the last free window; else 0';

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_${everywhere} FINAL;
