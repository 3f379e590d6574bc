-- What `turnout outcomes git` measures: lines that landed, and how long after. The view is repeated
-- because it keeps the columns that it was made with.

ALTER TABLE ${database}.outcomes_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS lines_written Nullable(Int64) COMMENT 'Lines of the agent there were when its work landed; null when not said' AFTER lines_changed,
    ADD COLUMN IF NOT EXISTS after_seconds Nullable(Float64) COMMENT 'From the work, or its landing, to the outcome, seconds; null when not said' AFTER lines_written,
    COMMENT COLUMN kind 'score, label, tests, merge, revert, human_edits, survival, abandoned, interrupt or repeated_prompt';

CREATE OR REPLACE VIEW ${database}.outcomes ${on_cluster} AS
SELECT * FROM ${database}.outcomes_raw FINAL;
