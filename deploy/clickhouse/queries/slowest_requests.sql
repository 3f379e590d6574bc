-- Which requests took longest, and where did the time go?
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
    output,
    route_seconds,
    first_content_seconds,
    duration_seconds
FROM requests
WHERE day BETWEEN since AND until AND (only_tenant = '' OR tenant = only_tenant)
ORDER BY duration_seconds DESC, request_id
LIMIT top
