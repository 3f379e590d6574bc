-- Which parts of Turnout were missing when requests were decided, and how often?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    day,
    arrayJoin(degraded) AS missing,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at
FROM requests
WHERE notEmpty(degraded) AND day BETWEEN since AND until AND (only_tenant = '' OR tenant = only_tenant)
GROUP BY day, missing
ORDER BY day DESC, requests DESC, missing
