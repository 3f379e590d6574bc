-- What came of the sessions of each team and repository, and what did they cost?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    s.team AS team,
    s.repository AS repository,
    count() AS sessions,
    sum(s.cost_usd) AS cost_usd,
    countIf(results.is_merged) AS merged,
    countIf(results.is_reverted) AS reverted,
    merged / sessions AS merged_share,
    reverted / nullIf(merged, 0) AS reverted_share,
    cost_usd / nullIf(merged, 0) AS cost_usd_per_merge,
    avg(results.score) AS mean_score,
    sum(results.tests_passed) AS tests_passed,
    sum(results.tests_failed) AS tests_failed,
    sum(results.lines_kept) AS lines_kept,
    sum(results.lines_changed) AS lines_changed,
    sum(results.lines_survived) / nullIf(sum(results.lines_written), 0) AS survived_share
FROM
(
    SELECT
        cityHash64(h.tenant, h.session) AS session_hash,
        any(h.team) AS team,
        any(h.repository) AS repository,
        min(h.first_at) AS started_at,
        sum(h.cost_usd) AS cost_usd
    FROM session_hours AS h
    WHERE only_tenant = '' OR h.tenant = only_tenant
    GROUP BY session_hash
) AS s
GLOBAL INNER JOIN session_results AS results
    ON results.session_hash = s.session_hash
WHERE toDate(s.started_at) BETWEEN since AND until
GROUP BY team, repository
ORDER BY cost_usd DESC NULLS LAST, team, repository
