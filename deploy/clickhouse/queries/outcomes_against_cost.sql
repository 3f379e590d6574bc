-- What came of the sessions that a model served most, and what did they cost?
WITH
    sessions AS
    (
        SELECT
            tenant,
            session,
            topK(1)(served_model)[1] AS model,
            sum(r.cost_usd) AS cost_usd
        FROM requests AS r
        WHERE served_model != ''
        GROUP BY tenant, session
    ),
    -- An outcome names its session, or a request of it, or the branch (and repository) that requests
    -- are tagged with; one that names a branch counts for every session on it.
    placed AS
    (
        SELECT event_id, tenant, session AS of_session FROM outcomes WHERE session != ''
        UNION ALL
        SELECT o.event_id, o.tenant, r.session
        FROM outcomes AS o
        INNER JOIN (SELECT tenant, request_id, session FROM requests) AS r
            ON r.tenant = o.tenant AND r.request_id = o.request_id
        WHERE o.session = '' AND o.request_id != ''
        UNION ALL
        SELECT o.event_id, o.tenant, b.session
        FROM outcomes AS o
        INNER JOIN
        (
            SELECT DISTINCT tenant, branch, repository, session FROM requests WHERE branch != ''
        ) AS b ON b.tenant = o.tenant AND b.branch = o.branch
        WHERE o.session = '' AND o.request_id = '' AND o.repository IN ('', b.repository)
    ),
    results AS
    (
        SELECT
            o.tenant AS tenant,
            p.of_session AS session,
            maxOrNullIf(o.score, o.kind = 'score') AS score,
            sumIf(o.tests_passed, o.kind = 'tests') AS tests_passed,
            sumIf(o.tests_failed, o.kind = 'tests') AS tests_failed,
            countIf(o.kind = 'merge') > 0 AS is_merged,
            countIf(o.kind = 'revert') > 0 AS is_reverted,
            sumIf(o.lines_kept, o.kind = 'human_edits') AS lines_kept,
            sumIf(o.lines_changed, o.kind = 'human_edits') AS lines_changed
        FROM outcomes AS o
        INNER JOIN placed AS p ON p.tenant = o.tenant AND p.event_id = o.event_id
        GROUP BY tenant, session
    )
SELECT
    s.model AS model,
    count() AS sessions,
    sum(s.cost_usd) AS cost_usd,
    countIf(results.is_merged) AS merged,
    countIf(results.is_reverted) AS reverted,
    avg(results.score) AS mean_score,
    sum(results.tests_passed) AS tests_passed,
    sum(results.tests_failed) AS tests_failed,
    sum(results.lines_kept) AS lines_kept,
    sum(results.lines_changed) AS lines_changed
FROM sessions AS s
INNER JOIN results ON results.tenant = s.tenant AND results.session = s.session
GROUP BY model
ORDER BY cost_usd DESC NULLS LAST, model
