-- How often does each provider fail, with what, and how often did somebody else step in?
SELECT
    provider,
    model,
    count() AS attempts,
    countIf(outcome = 'failed') AS failed,
    failed / attempts AS failed_share,
    countIf(kind = 'fallback') AS fallbacks,
    countIf(kind = 'retry') AS retries,
    countIf(kind = 'hedge') AS hedges,
    sumIf(cost_usd, outcome != 'answered') AS cost_of_unused_usd,
    topKIf(3)(error, error != '') AS commonest_errors
FROM attempts
GROUP BY provider, model
ORDER BY failed DESC, attempts DESC, provider, model
