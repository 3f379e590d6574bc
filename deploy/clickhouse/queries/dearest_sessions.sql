-- Which sessions cost most?
SELECT
    tenant,
    session,
    harness,
    team,
    repository,
    branch,
    started_at,
    ended_at,
    requests,
    cost_usd,
    baseline_cost_usd,
    saving_usd
FROM cost_by_session
WHERE cost_usd IS NOT NULL
ORDER BY cost_usd DESC, session
LIMIT 20
