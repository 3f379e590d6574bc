-- Which parts of Turnout were missing when requests were decided, and how often?
SELECT
    day,
    arrayJoin(degraded) AS missing,
    count() AS requests,
    countIf(outcome = 'answered') AS answered_requests,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at
FROM requests
GROUP BY day, missing
ORDER BY day DESC, requests DESC, missing
