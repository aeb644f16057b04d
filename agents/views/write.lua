-- Writes views of one partition, in one step.
-- KEYS: leases, ranking, then each customer's hash.
-- ARGV: partition, lease, attempt, claim ('1': take the partition over), length of the customer keys' prefix,
--       and as msgpack, for each customer in turn: position (false: the view goes), document, rank (false: none).
-- Returns 1: written; 0: written, but the lease was gone, so this Redis was emptied; -1: refused, another one's.
local partition, lease, attempt, claim, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local held = redis.call('HGET', KEYS[1], partition)
local holder, latest
if held then
  holder, latest = string.match(held, '^(%S+) (%d+)$')
  latest = tonumber(latest)
end
if holder and holder ~= lease and claim ~= '1' then return -1 end
if holder == lease and latest > attempt then return -1 end
local views = cmsgpack.unpack(ARGV[6])
for number = 3, #KEYS do
  local key, first = KEYS[number], 3 * number - 8
  local position, document, rank = views[first], views[first + 1], views[first + 2]
  local customer = string.sub(key, prefix + 1)
  if not position then
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[2], customer)
  elseif position >= tonumber(redis.call('HGET', key, 'position') or -1) then
    redis.call('HSET', key, 'document', document, 'position', position, 'partition', partition)
    if rank then
      redis.call('ZADD', KEYS[2], rank, customer)
    else
      redis.call('ZREM', KEYS[2], customer)
    end
  end
end
-- Last: a script that failed half-way (out of memory) must not have told that this Redis is known.
if holder ~= lease or latest < attempt then
  redis.call('HSET', KEYS[1], partition, lease .. ' ' .. ARGV[3])
end
return holder and 1 or 0
