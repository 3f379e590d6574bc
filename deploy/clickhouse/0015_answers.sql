-- How the answers of a decision's thread ended, and what of its tasks was left open. The table of all shards takes
-- the columns too, and the view is repeated because it keeps the columns that it was made with. Placeholders as in 0004.

ALTER TABLE ${database}.decisions_raw ${on_cluster}
    ADD COLUMN IF NOT EXISTS open_tasks Int64 COMMENT 'Items of the agent''s task list that were not done when the last answer ended its turn; 0 in steps without typed text' AFTER edit_digest,
    ADD COLUMN IF NOT EXISTS last_end LowCardinality(String) COMMENT 'How the thread''s last answer ended, where it was none to go on with: refused, empty, cut; else empty' AFTER failing_checks,
    ADD COLUMN IF NOT EXISTS refused_answers Int64 COMMENT 'Of the thread''s newest eight answers that were none to go on with, those that were refusals' AFTER last_end,
    ADD COLUMN IF NOT EXISTS empty_answers Int64 COMMENT 'Of the same, those that said nothing beside reasoning' AFTER refused_answers,
    ADD COLUMN IF NOT EXISTS cut_answers Int64 COMMENT 'Of the same, those that were cut at a limit of tokens' AFTER empty_answers;

-- only on a cluster
ALTER TABLE ${database}.decisions_distributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS open_tasks Int64 COMMENT 'Items of the agent''s task list that were not done when the last answer ended its turn; 0 in steps without typed text' AFTER edit_digest,
    ADD COLUMN IF NOT EXISTS last_end LowCardinality(String) COMMENT 'How the thread''s last answer ended, where it was none to go on with: refused, empty, cut; else empty' AFTER failing_checks,
    ADD COLUMN IF NOT EXISTS refused_answers Int64 COMMENT 'Of the thread''s newest eight answers that were none to go on with, those that were refusals' AFTER last_end,
    ADD COLUMN IF NOT EXISTS empty_answers Int64 COMMENT 'Of the same, those that said nothing beside reasoning' AFTER refused_answers,
    ADD COLUMN IF NOT EXISTS cut_answers Int64 COMMENT 'Of the same, those that were cut at a limit of tokens' AFTER empty_answers;

CREATE OR REPLACE VIEW ${database}.decisions ${on_cluster} AS
SELECT * FROM ${database}.decisions_${everywhere} FINAL;
