-- How long do answers take, and how long until their first content, by model?
SELECT
    served_provider,
    served_model,
    count() AS requests,
    quantileExact(0.5)(first_content_seconds) AS first_content_p50,
    quantileExact(0.95)(first_content_seconds) AS first_content_p95,
    quantileExact(0.99)(first_content_seconds) AS first_content_p99,
    quantileExact(0.5)(duration_seconds) AS duration_p50,
    quantileExact(0.95)(duration_seconds) AS duration_p95,
    quantileExact(0.99)(duration_seconds) AS duration_p99,
    quantileExact(0.99)(route_seconds) AS route_p99
FROM requests
WHERE outcome = 'answered'
GROUP BY served_provider, served_model
ORDER BY requests DESC, served_model
