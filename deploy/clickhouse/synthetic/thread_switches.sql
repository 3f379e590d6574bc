-- Synthetic rows of ThreadSwitched.
INSERT INTO ${database}.thread_switches_${everywhere}
(
    event_id, occurred_at, request_id, tenant, principal, harness, session, thread, thread_key, is_subagent,
    request_class, arm, from_target, to_target, reason, step, warm_tokens_left, prompt_tokens_estimate,
    inserted_at
)
SELECT
    concat(request_id, ':switched'),
    toDateTime64(arrived + duration, 6, 'UTC') AS ended,
    request_id,
    tenant,
    hex(cityHash64(tenant)),
    harness,
    session,
    thread,
    thread_key,
    is_subagent,
    request_class,
    arm,
    target_before,
    target,
    if(is_escalation, 'failing_checks', 'free_window_cold_cache'),
    step,
    if(luck % 5 = 0, prompt - 1700, 0),
    prompt,
    ended
FROM (${steps})
WHERE is_switch AND outcome = 'answered'
