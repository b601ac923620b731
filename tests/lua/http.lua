-- One plain HTTP/1.1 exchange with a loopback server, for tests that steer the simulator.

local M = {}

local uv = vim.uv or vim.loop

local function dechunk(body)
  local out, at = {}, 1
  while true do
    local from, to, size = body:find('^(%x+)[^\r\n]*\r\n', at)
    if not from then
      return table.concat(out)
    end
    local length = tonumber(size, 16)
    if length == 0 then
      return table.concat(out)
    end
    out[#out + 1] = body:sub(to + 1, to + length)
    at = to + length + 3
  end
end

local function parse(raw)
  local head, body = raw:match('^(.-)\r\n\r\n(.*)$')
  assert(head, 'no HTTP answer: ' .. raw:sub(1, 200))
  local headers = {}
  for name, value in head:gmatch('\r\n([^:\r\n]+):%s*([^\r\n]*)') do
    headers[name:lower()] = value
  end
  if (headers['transfer-encoding'] or ''):lower() == 'chunked' then
    body = dechunk(body)
  end
  local ok, json = pcall(vim.json.decode, body)
  return {
    status = tonumber(head:match('^HTTP/1%.%d (%d+)')),
    headers = headers,
    body = body,
    json = ok and json or nil,
  }
end

--- Sends a request and waits for the whole answer.
---@param method string
---@param url string http://host:port/path
---@param body string|table|nil a table is sent as JSON
---@param headers table<string, string>|nil
---@return table { status, headers, body, json }
function M.request(method, url, body, headers)
  local host, port, path = url:match('^http://([%w%.%-]+):(%d+)(.*)$')
  assert(host, 'not a plain http URL with a port: ' .. url)
  if type(body) == 'table' then
    body = next(body) == nil and '{}' or vim.json.encode(body)
  end
  local lines = {
    ('%s %s HTTP/1.1'):format(method, path == '' and '/' or path),
    ('Host: %s:%s'):format(host, port),
    'Connection: close',
    'Content-Type: application/json',
    'Content-Length: ' .. #(body or ''),
  }
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = name .. ': ' .. value
  end

  local parts, done, failure = {}, false, nil
  local tcp = uv.new_tcp()
  local function finish(err)
    failure, done = err, true
  end
  tcp:connect(host == 'localhost' and '127.0.0.1' or host, tonumber(port), function(err)
    if err then
      return finish(err)
    end
    tcp:read_start(function(read_err, data)
      if data then
        parts[#parts + 1] = data
      else
        finish(read_err)
      end
    end)
    tcp:write(table.concat(lines, '\r\n') .. '\r\n\r\n' .. (body or ''))
  end)
  local ended = vim.wait(10000, function()
    return done
  end, 2)
  tcp:close()
  -- A server that closes with unread input resets the connection after its answer.
  if not ended or (failure and #parts == 0) then
    error(('%s %s: %s'):format(method, url, failure or 'no answer in 10 s'))
  end
  return parse(table.concat(parts))
end

return M
