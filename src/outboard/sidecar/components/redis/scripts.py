"""The steps of `state.redis` that Redis does as one: Lua, run by EVAL.

A key is a hash with `data`, `version` and perhaps `first-write`, as daprd keeps it.
Source: Dapr, "Redis" of the state store components reference; daprd 1.18 for what each write checks.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DELETE", "REFUSE", "SET"]

# KEYS[1]; ARGV: the ETag ("0": none), the value, "1" for first-write, the time to live in seconds ("0": for
# ever, "": as it is). A time to live that Redis refuses is told in a list; the value is written all the same.
SET: Final = """
local version = redis.pcall('HGET', KEYS[1], 'version')
if type(version) == 'table' then
  redis.call('DEL', KEYS[1])
  version = false
end
if version and version ~= '' and version ~= ARGV[1] then
  if ARGV[1] ~= '0' or redis.call('HEXISTS', KEYS[1], 'first-write') == 1 then
    return redis.error_reply('ERR failed to set key ' .. KEYS[1])
  end
end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'first-write', 0)
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
if ARGV[4] == '' then
  return 0
end
local kept = ARGV[4] == '0' and redis.pcall('PERSIST', KEYS[1]) or redis.pcall('EXPIRE', KEYS[1], ARGV[4])
return type(kept) == 'table' and {kept.err} or 0
"""

# KEYS[1]; ARGV: the ETag ("0": none).
DELETE: Final = """
local version = redis.pcall('HGET', KEYS[1], 'version')
if type(version) == 'string' and version ~= '' and version ~= ARGV[1] and ARGV[1] ~= '0' then
  return redis.error_reply('ERR failed to delete ' .. KEYS[1])
end
return redis.call('DEL', KEYS[1])
"""

# ARGV: why. In the place of a step that the server cannot do, so that those around it are done.
REFUSE: Final = "return redis.error_reply(ARGV[1])"
