-- One page of the customers that have a view. ARGV: cursor, pattern of their keys.
-- Returns the next cursor, then key and partition of each.
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500)
local found = {page[1]}
for _, key in ipairs(page[2]) do
  found[#found + 1] = key
  found[#found + 1] = redis.call('HGET', key, 'partition') or ''
end
return found
