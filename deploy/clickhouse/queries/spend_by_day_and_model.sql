-- What did each model cost on each day, and how many tokens did it take?
SELECT
    day,
    served_provider,
    served_model,
    requests,
    fresh_input,
    cache_read,
    cache_write,
    output,
    cost_usd,
    unpriced_requests
FROM cost_by_model
WHERE served_model != ''
ORDER BY day DESC, cost_usd DESC, served_model
