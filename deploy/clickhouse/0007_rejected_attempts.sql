-- An attempt may be rejected: its provider found the request wrong or too long. The table of all shards says
-- so too. Placeholders as in 0004.

ALTER TABLE ${database}.attempts_raw ${on_cluster}
    COMMENT COLUMN outcome 'answered, failed, rejected (the provider found the request wrong or too long) or cancelled';

-- only on a cluster
ALTER TABLE ${database}.attempts_distributed ${on_cluster}
    COMMENT COLUMN outcome 'answered, failed, rejected (the provider found the request wrong or too long) or cancelled';
