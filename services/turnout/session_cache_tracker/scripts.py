"""The Lua that Redis runs: merging of fields, nothing else. Redis 7.0 commands only.

Rules are in `records`; `memory` has the same ones in Python and both pass one contract suite. A
script touches one key, so it runs on whatever node of a cluster holds it.
"""

from typing import Final

from turnout.session_cache_tracker import account_records, records

LOOK: Final = """
return table.concat(redis.call('HGETALL', KEYS[1]), '\\30')
"""
"""One long string instead of a field and a value each: the client's parser pays per element."""

NOTE: Final = f"""
local key, version, lifetime, target, step = KEYS[1], unpack(ARGV, 1, 4)
local function held(field) return redis.call('HGET', key, field) or '' end
local newest = held('newest')
local left = string.match(newest, '^[^\\31]*\\31([^\\31]*)') or ''
local answer = {{'0', newest, held('cache:' .. target), held('lifetime:' .. target),
    held('cache:' .. left), held('lifetime:' .. left), '0'}}
local id = ',' .. string.sub(version, {records.SENT_DIGITS + 1})
local seen = held('seen')
if string.find(seen, id, 1, true) then return table.concat(answer, '\\30') end
answer[1] = '1'
redis.call('HSET', key, 'seen', string.sub(seen .. id, -{records.SEEN_CHARACTERS}))
for i = 5, #ARGV, 2 do
  if held(ARGV[i]) < ARGV[i + 1] then redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
if step ~= '' then
  local steps = {{step}}
  for line in string.gmatch(held('recent'), '[^\\29]+') do steps[#steps + 1] = line end
  table.sort(steps)
  if #steps > {records.RECENT_STEPS} then table.remove(steps, 1) end
  redis.call('HSET', key, 'recent', table.concat(steps, '\\29'))
  local sent = string.sub(version, 1, {records.SENT_DIGITS})
  local started = held('started')
  if started == '' or sent < started then redis.call('HSET', key, 'started', sent) end
  answer[7] = tostring(redis.call('HINCRBY', key, 'steps', 1))
end
local caches, runs, refused, checks, ends = {{}}, {{}}, {{}}, {{}}, {{}}
for _, field in ipairs(redis.call('HKEYS', key)) do
  if string.sub(field, 1, 6) == 'cache:' then caches[#caches + 1] = field
  elseif string.sub(field, 1, 5) == 'made:' then runs[#runs + 1] = field
  elseif string.sub(field, 1, 6) == 'check:' then checks[#checks + 1] = field
  elseif string.sub(field, 1, 6) == 'ended:' then ends[#ends + 1] = field
  elseif string.sub(field, 1, 8) == 'refused:' then refused[#refused + 1] = field end
end
local function forget(fields, kept)
  if #fields <= kept then return nil end
  local oldest, value = nil, nil
  for _, field in ipairs(fields) do
    local other = held(field)
    if not value or other < value then oldest, value = field, other end
  end
  redis.call('HDEL', key, oldest)
  return oldest
end
local left_out = forget(caches, {records.TARGETS_KEPT})
if left_out then redis.call('HDEL', key, 'lifetime:' .. string.sub(left_out, 7)) end
forget(runs, {records.RUNS_KEPT})
forget(refused, {records.TARGETS_KEPT})
forget(checks, {records.CHECKS_KEPT})
forget(ends, {records.ENDS_KEPT})
redis.call('PEXPIRE', key, lifetime)
return table.concat(answer, '\\30')
"""

LEASE: Final = """
local key, version, reader, now, lease = KEYS[1], unpack(ARGV)
local function held(field) return redis.call('HGET', key, field) or '' end
if redis.call('EXISTS', key) == 0 then return 'moved_on' end
for _, field in ipairs({'newest', 'failed'}) do
  if string.sub(held(field), 1, #version) > version then return 'moved_on' end
end
local until_ms, holder = string.match(held('lease'), '^(%d+)\\31(.*)$')
if holder and holder ~= reader and tonumber(until_ms) > tonumber(now) then return 'held' end
redis.call('HSET', key, 'lease', lease)
return 'granted'
"""

SPEND: Final = f"""
local key, id, cost, at_most = KEYS[1], unpack(ARGV)
local function held(field) return tonumber(redis.call('HGET', key, field) or '0') end
local sum = held('spent') - held(id) + tonumber(cost)
if at_most ~= '' and sum > tonumber(at_most) then return '0' end
redis.call('HSET', key, id, cost, 'spent', string.format('%.0f', sum))
redis.call('PEXPIRE', key, {account_records.SPENT_LIFETIME_MS})
return '1'
"""

COUNT_HITS: Final = f"""
for i = 2, #ARGV, 3 do
  local bucket = ARGV[i]
  local seen = tonumber(redis.call('HINCRBYFLOAT', KEYS[1], bucket .. ':seen', ARGV[i + 1]))
  local found = tonumber(redis.call('HINCRBYFLOAT', KEYS[1], bucket .. ':found', ARGV[i + 2]))
  if seen > {records.HITS_REMEMBERED} then
    redis.call('HSET', KEYS[1], bucket .. ':seen', seen / 2, bucket .. ':found', found / 2)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return ''
"""
