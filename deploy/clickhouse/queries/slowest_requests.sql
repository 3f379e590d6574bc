-- Which requests took longest, and where did the time go?
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
ORDER BY duration_seconds DESC, request_id
LIMIT 20
