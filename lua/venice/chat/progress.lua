-- What a request is doing before and between its text, in words; the clock that keeps them true.

local uv = vim.uv or vim.loop
local M = {}

local TICK = 250 -- milliseconds between two updates of the seconds that are shown

--- Calls again and again, on the main loop, until it is stopped. It may be called once more after
--- that.
---@param show fun()
---@return fun() stop
function M.clock(show)
  local timer = uv.new_timer()
  timer:start(TICK, TICK, vim.schedule_wrap(show))
  return function()
    timer:stop()
    timer:close()
  end
end

--- Seconds for reading.
---@param value number
---@return string
function M.seconds(value)
  return value < 9.95 and ('%.1f s'):format(value) or ('%d s'):format(value)
end

--- What a service does that is there and says nothing.
---@param seconds integer for which it has
---@return string
function M.kept_alive(seconds)
  return ('nothing but keep-alives for %d s'):format(seconds)
end

local retry_words = {
  rate_limited = 'the service asks to wait',
  server = 'the service is not available',
  connect = 'no connection',
}

--- What a state that the client told of is called.
---@param now table { state, held, code, seconds, attempt }
---@param elapsed number seconds since then
---@return string
function M.words(now, elapsed)
  if now.state == 'retrying' then
    local left = math.max(0, (tonumber(now.seconds) or 0) - elapsed)
    local words = retry_words[now.code] or 'that failed'
    local attempt = tonumber(now.attempt) and (' (try %d of 3)'):format(now.attempt + 1) or ''
    return ('%s, again in %s%s'):format(words, M.seconds(left), attempt)
  elseif now.held then
    return 'waits for you: the enclave has changed'
  end
  return now.state .. ' ' .. M.seconds(elapsed)
end

return M
