-- Steps of agent sessions, made of their numbers alone: the same numbers and seed give the same steps.
-- Every 480 steps are eight sessions of 6 to 160 steps. Prompts grow and are compacted, a pause comes
-- after every 25 steps and lets caches grow cold, and the model changes there or never. Parameters:
-- first and rows (which steps), total (how many there will be), seed, until (end of the last day), days.
SELECT
    -- Which session, and which step of it.
    toInt64(number % 480) AS place,
    multiIf(place < 6, 0, place < 20, 1, place < 44, 2, place < 80, 3, place < 132, 4, place < 208, 5, place < 320, 6, 7) AS lane,
    intDiv(number, 480) * 8 + lane AS session_number,
    place - transform(lane, [0, 1, 2, 3, 4, 5, 6, 7], [0, 6, 20, 44, 80, 132, 208, 320], 0) AS step,
    intDiv(step, 25) AS phase,
    cityHash64({seed:UInt64}, session_number) AS luck_of_session,
    cityHash64({seed:UInt64}, session_number, phase) AS luck_of_phase,
    cityHash64({seed:UInt64}, session_number, phase - 1) AS luck_before,
    cityHash64({seed:UInt64}, number, 1) AS luck,
    -- When: sessions begin one after the other over the days, steps take some seconds, pauses minutes.
    toUnixTimestamp({until:Date}) - 86400. * {days:UInt32}
        + 86400. * ({days:UInt32} - 0.5) * number / {total:UInt64}
        - step * 86400. * ({days:UInt32} - 0.5) / {total:UInt64} AS began,
    began + step * (8 + luck_of_session % 12) + phase * (240 + luck_of_session % 2400) AS arrived,
    -- Who.
    transform(luck_of_session % 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ['acme', 'acme', 'acme', 'acme', 'globex', 'globex', 'globex', 'initech', 'initech', 'umbrella'], 'acme') AS tenant,
    concat(tenant, '-team-', toString(intDiv(luck_of_session, 16) % 6)) AS team,
    concat(tenant, '/repository-', toString(intDiv(luck_of_session, 128) % 12)) AS repository,
    concat('work-', toString(intDiv(session_number, 2))) AS branch,
    concat('session-', toString({seed:UInt64}), '-', toString(session_number)) AS session,
    transform(intDiv(luck_of_session, 512) % 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ['claude_code', 'claude_code', 'claude_code', 'claude_code', 'claude_code', 'claude_code', 'codex', 'codex', 'opencode', 'cursor'], 'claude_code') AS harness,
    intDiv(luck_of_session, 1024) % 4 = 0 AND step % 50 BETWEEN 20 AND 34 AS is_subagent,
    multiIf(is_subagent, 'subagent', step % 40 = 39, 'auxiliary', step % 100 = 99, 'compaction', 'main') AS request_class,
    multiIf(is_subagent, concat('subagent-', toString(intDiv(step, 50))), 'main') AS thread,
    hex(cityHash64(session, thread)) AS thread_key,
    if(intDiv(luck_of_session, 4096) % 10 = 0, 'control', 'treatment') AS arm,
    if(tenant = 'umbrella', 'observe', 'full') AS mode,
    -- What was asked for and what served; prices are USD per million tokens.
    transform(intDiv(luck_of_session, 65536) % 10, [5, 6, 7, 8, 9], [2, 2, 2, 3, 3], 1) AS asked,
    arm = 'control' OR mode = 'observe' AS is_bound,
    escalations > 0 AS is_escalated,
    multiIf(is_bound, asked, is_escalated, 1, if(luck_of_phase % 10 < 3, asked, transform(luck_of_phase % 10, [3, 4, 5, 6, 7, 8, 9], [2, 2, 4, 5, 5, 6, 6], 1))) AS served,
    multiIf(phase = 0 OR is_bound, served, step > 50 AND is_escalated, 1, if(luck_before % 10 < 3, asked, transform(luck_before % 10, [3, 4, 5, 6, 7, 8, 9], [2, 2, 4, 5, 5, 6, 6], 1))) AS served_before,
    transform(asked, [1, 2, 3, 4, 5, 6], ['claude-opus-5-5', 'claude-sonnet-5-5', 'gpt-5.5', 'gpt-5.4-mini', 'glm-5.1', 'kimi-k2.6'], '') AS asked_model,
    transform(served, [1, 2, 3, 4, 5, 6], ['claude-opus-5-5', 'claude-sonnet-5-5', 'gpt-5.5', 'gpt-5.4-mini', 'glm-5.1', 'kimi-k2.6'], '') AS served_model,
    transform(served, [1, 2, 3, 4, 5, 6], ['anthropic', 'anthropic', 'openai', 'openai', 'zai', 'moonshot_ai'], '') AS served_provider,
    transform(served_before, [1, 2, 3, 4, 5, 6], ['claude-opus-5-5', 'claude-sonnet-5-5', 'gpt-5.5', 'gpt-5.4-mini', 'glm-5.1', 'kimi-k2.6'], '') AS served_before_model,
    transform(served_before, [1, 2, 3, 4, 5, 6], ['anthropic', 'anthropic', 'openai', 'openai', 'zai', 'moonshot_ai'], '') AS served_before_provider,
    transform(asked, [1, 2, 3, 4, 5, 6], [5.0, 3.0, 5.0, 0.75, 1.4, 0.95], 0.) AS asked_fresh_price,
    transform(asked, [1, 2, 3, 4, 5, 6], [0.5, 0.3, 0.5, 0.075, 0.26, 0.16], 0.) AS asked_read_price,
    transform(asked, [1, 2, 3, 4, 5, 6], [6.25, 3.75, 5.0, 0.75, 1.4, 0.95], 0.) AS asked_write_price,
    transform(asked, [1, 2, 3, 4, 5, 6], [25.0, 15.0, 30.0, 4.5, 4.4, 4.0], 0.) AS asked_output_price,
    transform(served, [1, 2, 3, 4, 5, 6], [5.0, 3.0, 5.0, 0.75, 1.4, 0.95], 0.) AS served_fresh_price,
    transform(served, [1, 2, 3, 4, 5, 6], [0.5, 0.3, 0.5, 0.075, 0.26, 0.16], 0.) AS served_read_price,
    transform(served, [1, 2, 3, 4, 5, 6], [6.25, 3.75, 5.0, 0.75, 1.4, 0.95], 0.) AS served_write_price,
    transform(served, [1, 2, 3, 4, 5, 6], [25.0, 15.0, 30.0, 4.5, 4.4, 4.0], 0.) AS served_output_price,
    phase > 0 AND step % 25 = 0 AND served != served_before AS is_switch,
    -- One session in nine is escalated at its 50th step, every third of those again at its 100th.
    if(luck_of_session % 9 = 0 AND NOT is_bound, (step >= 50) + (step >= 100 AND luck_of_session % 27 = 0), 0) AS escalations,
    luck_of_session % 9 = 0 AND NOT is_bound AND (step = 50 OR (step = 100 AND luck_of_session % 27 = 0)) AS is_escalation,
    -- Tokens. A cold prompt finds the head that other threads keep warm, one time in three.
    toInt64(18000 + step % 100 * 1400 + luck % 300) AS prompt,
    step % 25 = 0 AS is_cold,
    toInt64(multiIf(is_cold AND intDiv(luck, 512) % 3 = 0, 14000, is_cold, 0, prompt - 1700)) AS read,
    toInt64(50 + luck % 200) AS fresh,
    prompt - read - fresh AS written,
    toInt64(80 + intDiv(luck, 1024) % 500 + if(luck % 17 = 0, 2500, 0)) AS answer,
    -- How it ended, and how long it took.
    luck % 1000 AS fate,
    multiIf(fate < 5, 'failed', fate < 8, 'cancelled', fate < 9, 'rejected', 'answered') AS outcome,
    fate BETWEEN 100 AND 139 AS is_fallback,
    fate BETWEEN 200 AND 229 AS is_hedged,
    0.3 - 0.5 * log((intDiv(luck, 4096) % 10000 + 1) / 10001) + (prompt - read) / 40000. AS first_content,
    first_content + answer / (50. + luck % 40) AS duration,
    concat('req_', lower(hex(cityHash64({seed:UInt64}, number)))) AS request_id,
    (served_fresh_price * fresh + served_read_price * read + served_write_price * written + served_output_price * answer) / 1e6 AS usd,
    (asked_fresh_price * fresh + asked_read_price * read + asked_write_price * written + asked_output_price * answer) / 1e6 AS asked_usd,
    served_write_price * (prompt - read) / 1e6 AS hedge_usd,
    concat(served_provider, '/', served_model, '@env') AS target,
    concat(served_before_provider, '/', served_before_model, '@env') AS target_before,
    if(served % 3 = 0 OR served = 4, 'openai_chat', 'anthropic_messages') AS dialect
FROM numbers({first:UInt64}, {rows:UInt64})
