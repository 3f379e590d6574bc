-- How often does each provider fail, with what, and how often did somebody else step in?
WITH
    toDate('2020-01-01') AS since, -- parameter: first day, UTC
    toDate('2149-06-06') AS until, -- parameter: last day, UTC
    '' AS only_tenant -- parameter: a tenant, or empty for all
SELECT
    a.provider AS provider,
    a.model AS model,
    count() AS attempts,
    countIf(a.outcome = 'failed') AS failed,
    failed / nullIf(countIf(a.outcome IN ('answered', 'failed')), 0) AS failed_share,
    countIf(a.outcome = 'rejected') AS rejected,
    countIf(a.kind = 'fallback') AS fallbacks,
    countIf(a.kind = 'retry') AS retries,
    countIf(a.kind = 'hedge') AS hedges,
    sumIf(a.cost_usd, a.outcome != 'answered') AS cost_of_unused_usd,
    sumIf(a.cost_usd, a.kind = 'fallback' AND a.outcome = 'answered') AS cost_of_fallbacks_usd,
    topKIf(3)(a.error, a.outcome = 'failed') AS commonest_errors
FROM attempts AS a
WHERE a.day BETWEEN since AND until AND (only_tenant = '' OR a.tenant = only_tenant)
GROUP BY provider, model
ORDER BY failed DESC, attempts DESC, provider, model
