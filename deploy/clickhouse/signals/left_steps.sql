-- Steps of agents' main loops that the client gave up, or after which something was due, each with the
-- step of its session that came next (empty when none did). ${since} is in unix seconds.
SELECT
    tenant, principal, session, repository, branch,
    request_id, received, ended, step_kind, outcome, finish_reason, body_bytes,
    next_request_id, next_received, next_step_kind, next_body_bytes
FROM
(
    SELECT
        tenant, principal, session, repository, branch,
        request_id,
        toUnixTimestamp64Micro(received_at) / 1e6 AS received,
        toUnixTimestamp64Micro(occurred_at) / 1e6 AS ended,
        step_kind, outcome, finish_reason, body_bytes,
        leadInFrame(request_id) OVER following AS next_request_id,
        leadInFrame(received) OVER following AS next_received,
        leadInFrame(step_kind) OVER following AS next_step_kind,
        leadInFrame(body_bytes) OVER following AS next_body_bytes
    FROM requests
    WHERE day >= toDate(fromUnixTimestamp(${since}))
        AND received_at >= fromUnixTimestamp(${since})
        AND request_class = 'main'
        AND outcome != 'rejected'
        AND harness NOT IN ('anthropic_sdk', 'openai_sdk', 'unknown')
    WINDOW following AS
    (
        PARTITION BY tenant, principal, session
        ORDER BY received_at, request_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
WHERE outcome = 'cancelled'
    OR (outcome = 'failed' OR finish_reason IN ('tool_use', 'tool_calls'))
        AND (next_request_id = '' OR next_received - ended >= ${idle})
ORDER BY ended, request_id
LIMIT ${most}
