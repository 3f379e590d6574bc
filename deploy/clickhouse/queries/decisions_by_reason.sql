-- How often did each rule decide, and how long did deciding take?
SELECT
    action,
    reason,
    mode,
    count() AS decisions,
    uniqExact(thread_key) AS threads,
    avg(propensity) AS mean_propensity,
    quantileExact(0.99)(look_seconds + embed_seconds + decide_seconds) AS p99_seconds
FROM decisions
GROUP BY action, reason, mode
ORDER BY decisions DESC, action, reason
