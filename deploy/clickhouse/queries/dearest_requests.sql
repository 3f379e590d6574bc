-- Which requests cost most, and why?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant, -- parameter: a tenant, or empty for all
    20 AS top -- parameter: how many rows
SELECT
    request_id,
    occurred_at,
    session,
    step_kind,
    served_model,
    outcome,
    attempts,
    input_total,
    cache_read,
    cache_write,
    output,
    action,
    reason,
    hedge_cost_usd,
    cost_usd,
    baseline_cost_usd
FROM requests
WHERE cost_usd IS NOT NULL AND day BETWEEN since AND until AND (only_tenant = '' OR tenant = only_tenant)
ORDER BY cost_usd DESC, request_id
LIMIT top
