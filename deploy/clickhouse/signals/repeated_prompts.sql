-- Steps in which the user typed the text of the step before again. Texts are compared by a digest that
-- belongs to the thread alone; the same request sent again is no new step. ${since} is in unix seconds.
SELECT
    tenant, principal, session, repository, branch,
    request_id, occurred, previous_request_id, previous_occurred
FROM
(
    SELECT
        tenant, principal, session, repository, branch, request_id, message_count,
        toUnixTimestamp64Micro(occurred_at) / 1e6 AS occurred,
        JSONExtractString(inputs_json, 'features', 'text_digest') AS typed,
        lagInFrame(typed) OVER before AS previous_typed,
        lagInFrame(request_id) OVER before AS previous_request_id,
        lagInFrame(occurred) OVER before AS previous_occurred,
        lagInFrame(message_count) OVER before AS previous_message_count
    FROM decisions
    WHERE day >= toDate(fromUnixTimestamp(${since}))
        AND occurred_at >= fromUnixTimestamp(${since})
        AND request_class = 'main'
        AND step_kind = 'user_input'
        AND harness NOT IN ('anthropic_sdk', 'openai_sdk', 'unknown')
    WINDOW before AS
    (
        PARTITION BY tenant, thread_key
        ORDER BY occurred_at, request_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
WHERE typed != '' AND typed = previous_typed AND message_count > previous_message_count
ORDER BY occurred, request_id
LIMIT ${most}
