-- What was asked for, what served it, and what would the baseline model have cost (repriced)?
SELECT
    requested_model,
    baseline_model,
    served_model,
    count() AS requests,
    sum(r.cost_usd) AS cost_usd,
    sum(r.baseline_cost_usd) AS baseline_cost_usd,
    sum(r.baseline_cost_usd - r.cost_usd) AS saving_usd,
    countIf(r.cost_usd IS NULL OR r.baseline_cost_usd IS NULL) AS unpriced_requests
FROM requests AS r
WHERE outcome = 'answered'
GROUP BY requested_model, baseline_model, served_model
ORDER BY requests DESC, requested_model, served_model
