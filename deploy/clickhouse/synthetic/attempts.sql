-- Synthetic rows of AttemptEnded: one per call; a first one that failed before a fallback, a hedge that
-- was won by the first call or won over it.
INSERT INTO ${database}.attempts_${everywhere}
(
    event_id, occurred_at, request_id, tenant, number, kind, target, provider, model, dialect, outcome,
    status, error, sent_at, hedge_delay_seconds, first_byte_seconds, first_content_seconds,
    duration_seconds, fresh_input, cache_read, cache_write_5m, cache_write_1h, cache_write_other, output,
    reasoning, usage_source, cost_usd, response_model, response_id, finish_reason, inserted_at
)
SELECT
    concat(request_id, ':attempt:', toString(number)),
    toDateTime64(arrived + duration, 6, 'UTC') AS ended,
    request_id,
    tenant,
    attempt.1 AS number,
    attempt.2 AS kind,
    target,
    served_provider,
    served_model,
    dialect,
    attempt.3 AS ending,
    multiIf(ending = 'answered', 200, ending = 'failed', 529, 0),
    if(ending = 'failed', 'overloaded', ''),
    toDateTime64(arrived + if(kind = 'hedge', 2, 0.02), 6, 'UTC'),
    if(kind = 'hedge', 2, NULL),
    if(ending = 'answered', first_content * 0.8, NULL),
    if(ending = 'answered', first_content, NULL),
    duration,
    if(ending = 'answered', fresh + if(served > 2, written, 0), NULL),
    if(ending = 'answered', read, NULL),
    if(ending = 'answered', if(served > 2, 0, written), NULL),
    if(ending = 'answered', 0, NULL),
    if(ending = 'answered', 0, NULL),
    if(ending = 'answered', answer, NULL),
    if(ending = 'answered', intDiv(answer, 4), NULL),
    if(ending = 'answered', 'reported', 'estimated'),
    multiIf(ending = 'answered', toDecimal64(usd, 9), ending = 'lost', toDecimal64(hedge_usd, 9), NULL),
    if(ending = 'answered', served_model, ''),
    '',
    if(luck % 17 = 0, 'end_turn', 'tool_use'),
    ended
FROM (${steps})
ARRAY JOIN multiIf(
    is_fallback AND outcome = 'answered', [(1, 'first', 'failed'), (2, 'fallback', 'answered')],
    is_hedged AND outcome = 'answered' AND luck % 3 = 0, [(1, 'first', 'lost'), (2, 'hedge', 'answered')],
    is_hedged AND outcome = 'answered', [(1, 'first', 'answered'), (2, 'hedge', 'lost')],
    [(1, 'first', outcome)]) AS attempt
WHERE outcome != 'rejected'
