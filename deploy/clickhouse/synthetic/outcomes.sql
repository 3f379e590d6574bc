-- Synthetic rows of OutcomeReported: by session, request or branch, some hours after a session's 6th step.
INSERT INTO ${database}.outcomes_${everywhere}
(
    event_id, occurred_at, tenant, request_id, session, repository, branch, commit, kind, score,
    tests_passed, tests_failed, lines_kept, lines_changed, source, reported_by, inserted_at
)
SELECT
    concat(session, ':', kind),
    toDateTime64(arrived + 7200, 6, 'UTC') AS happened,
    tenant,
    if(kind = 'score', request_id, ''),
    if(kind IN ('tests', 'human_edits'), session, ''),
    if(kind IN ('merge', 'revert'), repository, ''),
    if(kind IN ('merge', 'revert'), branch, ''),
    lower(hex(luck_of_session)),
    arrayJoin(arrayConcat(
        ['tests'],
        if(luck_of_session % 10 < 6, ['merge', 'human_edits'], []),
        if(luck_of_session % 100 < 3, ['revert'], []),
        if(luck_of_session % 7 = 0, ['score'], []))) AS kind,
    if(kind = 'score', luck_of_session % 11 / 10, NULL),
    if(kind = 'tests', 40, NULL),
    if(kind = 'tests', if(luck_of_session % 5 = 0, 3, 0), NULL),
    if(kind = 'human_edits', 100, NULL),
    if(kind = 'human_edits', luck_of_session % 30, NULL),
    if(kind = 'tests', 'ci', 'git'),
    'synthetic',
    happened
FROM (${steps})
WHERE step = 5
