-- Sessions as a whole, and what came of them. Placeholders as in 0004.
--
-- They are grouped and joined by a number, session_hash: half a million groups with text for a key do
-- not fit into the memory of an embedded engine's reader.

CREATE OR REPLACE VIEW ${database}.sessions ${on_cluster} AS
SELECT
    m.session_hash AS session_hash,
    any(m.tenant) AS tenant,
    any(m.session) AS session,
    any(m.harness) AS harness,
    any(m.team) AS team,
    any(m.repository) AS repository,
    any(m.branch) AS branch,
    any(m.arm) AS arm,
    -- The model that served most of it; of several always the same one.
    argMax(m.served_model, bitShiftLeft(m.requests, 16) + cityHash64(m.served_model) % 65536) AS model,
    min(m.first_at) AS started_at,
    max(m.last_at) AS ended_at,
    sum(m.requests) AS requests,
    sum(m.answered_requests) AS answered_requests,
    sum(m.unpriced_requests) AS unpriced_requests,
    sum(m.switches) AS switches,
    sum(m.hedges) AS hedges,
    sum(m.escalations) AS escalations,
    sum(m.cost_usd) AS cost_usd,
    sum(m.baseline_cost_usd) AS baseline_cost_usd,
    sum(m.saving_usd) AS saving_usd
FROM
(
    SELECT
        cityHash64(s.tenant, s.session) AS session_hash,
        any(s.tenant) AS tenant,
        any(s.session) AS session,
        if(s.outcome = 'answered', s.served_model, '') AS served_model,
        any(s.harness) AS harness,
        any(s.team) AS team,
        any(s.repository) AS repository,
        any(s.branch) AS branch,
        any(s.arm) AS arm,
        min(s.first_at) AS first_at,
        max(s.last_at) AS last_at,
        sum(s.requests) AS requests,
        sumIf(s.requests, s.outcome = 'answered') AS answered_requests,
        sum(s.unpriced_requests) AS unpriced_requests,
        sum(s.switches) AS switches,
        sum(s.hedges) AS hedges,
        sum(s.escalations) AS escalations,
        sum(s.cost_usd) AS cost_usd,
        sum(s.baseline_cost_usd) AS baseline_cost_usd,
        sum(s.saving_usd) AS saving_usd
    FROM ${database}.session_hours AS s
    GROUP BY session_hash, served_model
) AS m
GROUP BY session_hash;

-- An outcome names its session, or a request of it, or the branch (and repository) that requests are
-- tagged with; one that names a branch counts for every session on it.
CREATE OR REPLACE VIEW ${database}.outcomes_by_session ${on_cluster} AS
SELECT o.* EXCEPT (session), o.session AS session
FROM ${database}.outcomes AS o
WHERE o.session != ''
UNION ALL
SELECT o.* EXCEPT (session), r.session AS session
FROM ${database}.outcomes AS o
${global} INNER JOIN
(
    SELECT DISTINCT tenant, request_hash, session
    FROM ${database}.requests_${everywhere}
    WHERE request_hash ${global} IN
    (
        SELECT cityHash64(request_id) FROM ${database}.outcomes WHERE session = '' AND request_id != ''
    )
) AS r ON r.tenant = o.tenant AND r.request_hash = cityHash64(o.request_id)
WHERE o.session = '' AND o.request_id != ''
UNION ALL
SELECT o.* EXCEPT (session), b.session AS session
FROM
(
    SELECT DISTINCT tenant, branch, repository, session
    FROM ${database}.session_hours
    WHERE branch != ''
) AS b
${global} INNER JOIN ${database}.outcomes AS o ON o.tenant = b.tenant AND o.branch = b.branch
WHERE o.session = '' AND o.request_id = '' AND o.repository IN ('', b.repository);

-- Lines that survived are those of the latest look at them.
CREATE OR REPLACE VIEW ${database}.session_results ${on_cluster} AS
SELECT
    cityHash64(o.tenant, o.session) AS session_hash,
    any(o.tenant) AS tenant,
    any(o.session) AS session,
    maxOrNullIf(o.score, o.kind = 'score') AS score,
    sumIf(o.tests_passed, o.kind = 'tests') AS tests_passed,
    sumIf(o.tests_failed, o.kind = 'tests') AS tests_failed,
    max(o.kind = 'merge') AS is_merged,
    max(o.kind = 'revert') AS is_reverted,
    sumIf(o.lines_kept, o.kind = 'human_edits') AS lines_kept,
    sumIf(o.lines_changed, o.kind = 'human_edits') AS lines_changed,
    argMaxIf(o.lines_kept, coalesce(o.after_seconds, 0), o.kind = 'survival') AS lines_survived,
    argMaxIf(o.lines_written, coalesce(o.after_seconds, 0), o.kind = 'survival') AS lines_written
FROM ${database}.outcomes_by_session AS o
GROUP BY session_hash;
