-- What a model writes → text and calls. The rows are TOOLCALLS.md §5.2 and the rules behind it.

local tools = require('venice.tools')

local function tool(name, properties, required, closed)
  local schema = { type = 'object', properties = properties, required = required }
  if closed then
    schema.additionalProperties = false
  end
  return { type = 'function', ['function'] = { name = name, parameters = schema } }
end

local text, number = { type = 'string' }, { type = 'number' }

local declared = {
  tool('get_weather', { city = text }, { 'city' }),
  tool('read', { filePath = text, limit = number }, { 'filePath' }),
  tool('grep', { pattern = text, include = text }, { 'pattern' }),
  tool('glob', { pattern = text, path = text }, { 'pattern' }),
  tool('edit', { filePath = text, oldString = text, newString = text }, { 'filePath' }),
  tool('task', { description = text, prompt = text, subagent_type = text }, { 'description' }),
  tool('move', { x = number, y = number }, {}),
  tool('ping', {}, {}),
  tool('strict', { a = text }, {}, true),
}

-- Everything that a parser says about an answer that came in pieces.
local function parse(pieces, reason, with)
  local p = tools.parser(with or declared)
  local result = { text = '', calls = {}, refused = {}, events = {} }
  local function take(events)
    for _, event in ipairs(events) do
      result.events[#result.events + 1] = event
      if event.kind == 'text' then
        result.text = result.text .. event.text
      elseif event.kind == 'call' then
        result.calls[#result.calls + 1] = { event.name, event.arguments }
      else
        result.refused[#result.refused + 1] = event.reason
      end
    end
  end
  for _, piece in ipairs(pieces) do
    take(p:feed(piece))
  end
  take(p:finish(reason))
  return result
end

local function comparable(result)
  return { text = result.text, calls = result.calls, refused = result.refused }
end

-- The same answer whole, byte by byte, and cut in two at every byte.
local function parse_every_way(answer, reason, with)
  local whole = parse({ answer }, reason, with)
  local bytes = {}
  for i = 1, #answer do
    bytes[i] = answer:sub(i, i)
    local halves = { answer:sub(1, i), answer:sub(i + 1) }
    assert.are.same(comparable(whole), comparable(parse(halves, reason, with)), 'cut at ' .. i)
  end
  assert.are.same(comparable(whole), comparable(parse(bytes, reason, with)), 'every byte')
  return whole
end

-- `calls` is { { name, arguments }, … }; without calls the answer must be shown as it is.
local function expect(answer, calls, shown, reason)
  answer = answer:gsub('/TC', '</tool_call>'):gsub('TC', '<tool_call>')
  shown = shown and shown:gsub('/TC', '</tool_call>'):gsub('TC', '<tool_call>')
  local result = parse_every_way(answer, reason or 'stop')
  assert.are.same(calls, result.calls)
  assert.are.equal(#calls == 0 and (shown or answer) or shown or '', result.text)
  return result
end

local function K(city)
  return { { 'get_weather', { city = city or 'K' } } }
end
local function grep(pattern, include)
  return { { 'grep', { pattern = pattern, include = include } } }
end
local function read(path, limit)
  return { { 'read', { filePath = path, limit = limit } } }
end
local ping = { 'ping', {} }

local function refused_as(reason, answer, finish_reason)
  local result = expect(answer, {}, nil, finish_reason)
  assert.are.same({ reason }, result.refused)
  return result
end

describe('a tagged JSON call', function()
  it('is read (1)', function()
    local result = expect('TC\n{"name":"get_weather","arguments":{"city":"Brno"}}\n/TC', K('Brno'))
    local event = result.events[1]
    assert.is_truthy(event.id:find('^call_%x+$'))
    assert.are.equal(29, #event.id)
    assert.is_truthy(event.raw:find('^<tool_call>.*</tool_call>$'))
    assert.are.same({}, event.warnings)
  end)

  it('may stand between words (2)', function()
    expect(
      'Let me look.\nTC{"name":"ping","arguments":{}}/TC done',
      { ping },
      'Let me look.\n done'
    )
  end)

  it('may be one of several (3)', function()
    local answer = 'TC{"name":"ping","arguments":{}}/TC\n'
      .. 'TC{"name":"get_weather","arguments":{"city":"Brno"}}/TC'
    local result = expect(answer, { ping, K('Brno')[1] }, '\n')
    assert.are_not.equal(result.events[1].id, result.events[3].id)
  end)

  it('may be closed by the next opening tag (4)', function()
    local one = 'TC{"name":"get_weather","arguments":{"city":"a"}}'
    local two = 'TC{"name":"get_weather","arguments":{"city":"b"}}/TC'
    expect(one .. two, { K('a')[1], K('b')[1] })
    expect(one .. two, { K('a')[1], K('b')[1] }, nil, 'length')
  end)

  it('may lack its closing tag only in an answer that is complete (5, 6)', function()
    local two = 'TC{"name":"ping","arguments":{}}TC{"name":"ping","arguments":{}}'
    expect(two, { ping, ping })
    expect(two, { ping, ping }, nil, 'tool_calls')
    refused_as('cut_off', two, 'length')
    refused_as('cut_off', two, 'content_filter')
    expect('TC\n{"name":"get_weather","arguments":{"city":"K"}}', K())
    expect('TC\n{"name":"get_weather","arguments":{"city":"K"}}</tool_c', K())
    refused_as('cut_off', 'TC\n{"name":"get_weather","arguments":{"city":"K"}}', 'length')
    -- The stray last tag was meant as the closing one.
    expect('TC{"name":"ping","arguments":{}}TC', { ping })
    assert.are.same({ ping }, parse({ '<tool_call>{"name":"ping","arguments":{}}' }).calls)
  end)

  it('may have line breaks of two bytes', function()
    local one = 'TC\r\n{"name":"get_weather",\r\n"arguments":{"city":"K"}}\r\n/TC'
    expect(one .. '\r\n' .. one .. '\r\n', { K()[1], K()[1] }, '\r\n\r\n')
    expect('```\r\n' .. one .. '\r\n```\r\n', K())
    local glm = 'TCread\r\n<arg_key>filePath</arg_key>\r\n<arg_value>\r\n/a\r\n</arg_value>\r\n/TC'
    expect(glm, read('/a'))
    expect('TCgrep\r\npattern\r\nfoo\r\n/TC', grep('foo'))
  end)

  it('may have words behind it, but not a second value (7, 64)', function()
    expect('TC{"name":"get_weather","arguments":{"city":"a } b"}} trailing/TC', K('a } b'))
    expect('TC{"name":"get_weather","arguments":{"city":"a"}}</arg_value>/TC', K('a'))
    expect('TC{"name":"ping","arguments":{}}}/TC', { ping })
    refused_as('ambiguous', 'TC{"name":"ping","arguments":{}} [1]/TC')
    local two = 'TC{"name":"grep","arguments":{"pattern":"a"}} {"name":"edit","arguments":{}}/TC'
    refused_as('ambiguous', two)
  end)

  it('may stand in a fence within the tags (8)', function()
    expect('TC\n```json\n{"name":"get_weather","arguments":{"city":"K"}}\n```\n/TC', K())
    expect('TC```\n{"name":"get_weather","arguments":{"city":"K"}}```/TC', K())
    expect('TC```json\n{"name":"get_weather","arguments":{"city":"K"}}/TC', K())
    expect('TCHere it is: {"name":"get_weather","arguments":{"city":"K"}}/TC', K())
  end)

  it('may hold tags in its strings (10, 11)', function()
    expect('TC{"name":"grep","arguments":{"pattern":"x TC y"}}/TC', grep('x <tool_call> y'))
    expect('TC{"name":"grep","arguments":{"pattern":"x /TC y"}}/TC', grep('x </tool_call> y'))
    expect([[TC{"name":"grep","arguments":{"pattern":"\"/TC\\"}}/TC]], grep('"</tool_call>\\'))
    local inner = [[TC{\"name\":\"ping\",\"arguments\":{}}/TC]]
    local result = expect('TC{"name":"grep","arguments":{"pattern":"' .. inner .. '"}}/TC', {
      { 'grep', { pattern = '<tool_call>{"name":"ping","arguments":{}}</tool_call>' } },
    })
    assert.are.same({}, result.refused)
  end)

  it('may use other names for its members (12–16, 18)', function()
    for _, inner in ipairs({
      '{"name":"get_weather","parameters":{"city":"K"}}',
      '{"tool":"get_weather","input":{"city":"K"}}',
      '{"tool_name":"get_weather","args":{"city":"K"}}',
      '{"function":"get_weather","arguments":{"city":"K"}}',
      '{"function":{"name":"get_weather","arguments":{"city":"K"}}}',
      [[{"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"K\"}"}}]],
      [[{"id":"call_1","name":"get_weather","arguments":"{\"city\":\"K\"}"}]],
      '{"tool_calls":[{"name":"get_weather","arguments":{"city":"K"}}]}',
      '{"name":"get_weather","arguments":{"city":"K"},"thought":"it rains"}',
    }) do
      expect('TC' .. inner .. '/TC', K())
    end
  end)

  it('has one name and one set of arguments', function()
    for _, inner in ipairs({
      '{"name":"grep","tool":"ping","arguments":{"pattern":"a"}}',
      '{"name":"grep","arguments":{"pattern":"a"},"parameters":{"pattern":"b"}}',
      '{"name":"ping","function":{"name":"grep","arguments":{"pattern":"a"}}}',
      '{"function":{"name":"grep","arguments":{"pattern":"a"}},"arguments":{"pattern":"b"}}',
      '{"name":"ping","tool_calls":[{"name":"ping"}]}',
    }) do
      refused_as('ambiguous', 'TC' .. inner .. '/TC')
    end
    refused_as('arguments', 'TC{"name":"ping","pattern":"a"}/TC')
  end)

  it('may be a list of calls, of which all are made or none (17)', function()
    local good = '{"name":"ping","arguments":{}}'
    local other = '{"name":"get_weather","arguments":{"city":"K"}}'
    expect('TC[' .. good .. ',' .. other .. ']/TC', { ping, K()[1] })
    refused_as('unknown_tool', 'TC[' .. good .. ',{"name":"nope","arguments":{}}]/TC')
    refused_as('not_a_call', 'TC[' .. good .. ',1]/TC')
    refused_as('not_a_call', 'TC[]/TC')
  end)

  it('may stand in other tags (19, 20)', function()
    local inner = '{"name":"get_weather","arguments":{"city":"K"}}'
    expect('<function_call>' .. inner .. '</function_call>', K())
    expect('<|tool_call|>' .. inner .. '<|/tool_call|>', K())
    expect('<|tool_call|>' .. inner, K())
    expect('<tool_calls>', {})
  end)

  it('may give the only parameter bare (21, 22)', function()
    expect('TC{"name":"get_weather","arguments":"K"}/TC', K())
    expect('TC{"name":"get_weather","arguments":"[K]"}/TC', K('[K]'))
    refused_as('type', 'TC{"name":"get_weather","arguments":5}/TC')
    refused_as('arguments', 'TC{"name":"move","arguments":"5"}/TC')
    refused_as('arguments', 'TC{"name":"move","arguments":[1,2]}/TC')
  end)

  it('may lack arguments where none are required (23)', function()
    expect('TC{"name":"ping"}/TC', { ping })
    expect('TC{"name":"ping","arguments":null}/TC', { ping })
    expect('TC{"name":"ping","arguments":""}/TC', { ping })
    expect('TC{"name":"move"}/TC', { { 'move', {} } })
    refused_as('required', 'TC{"name":"get_weather"}/TC')
  end)

  it('may have raw line breaks and tabs in a string (24)', function()
    local answer = 'TC{"name":"edit","arguments":{"filePath":"a","oldString":"  a\n\tb\r\n"}}/TC'
    expect(answer, { { 'edit', { filePath = 'a', oldString = '  a\n\tb\r\n' } } })
  end)

  it('is refused where the JSON has an error (25–28)', function()
    for _, inner in ipairs({
      '{"name":"get_weather","arguments":{"city":"a",}}',
      '{"name":"get_weather","arguments":{"city":"a"}',
      "{'name':'ping','arguments':{}}",
      '{name:"ping"}',
      '{"name":"move","arguments":{"x":01}}',
      '{"name":"move","arguments":{"x":1.}}',
      '{"name":"move","arguments":{"x":NaN}}',
      '{"name":"move","arguments":{"x":1e999}}',
      '{"name":"move","arguments":{"x":90071992547409931}}',
      '{"name":"grep","arguments":{"pattern":"\\ud800"}}',
      '{"name":"grep","arguments":{"pattern":"\\x41"}}',
      '{"name":"grep","arguments":{"pattern":"\255"}}',
      '{"name":"grep","arguments":{"pattern":"\27[0m"}}',
      '{"name":"move","arguments":' .. ('['):rep(40) .. (']'):rep(40) .. '}',
    }) do
      refused_as('malformed', 'TC' .. inner .. '/TC')
    end
    refused_as('malformed', 'TC{"name":"grep","arguments":{"pattern":"a}}/TC')
  end)

  it('must name a declared tool (29)', function()
    local result = refused_as('unknown_tool', 'TC{"name":"nope","arguments":{}}/TC')
    local last = result.events[#result.events]
    assert.are.equal('there is no tool called "nope"', last.message)
    assert.are.equal('<tool_call>{"name":"nope","arguments":{}}</tool_call>', last.raw)
    local none = parse({ '<tool_call>{"name":"ping"}</tool_call>' }, 'stop', {})
    assert.are.same({}, none.calls)
  end)

  it('must have the arguments that the schema says (61–63)', function()
    refused_as('required', 'TC{"name":"grep","arguments":{"include":"*.c"}}/TC')
    refused_as('type', 'TC{"name":"grep","arguments":{"pattern":1}}/TC')
    refused_as('type', 'TC{"name":"grep","arguments":{"pattern":null}}/TC')
    refused_as('type', 'TC{"name":"read","arguments":{"filePath":"a","limit":"10"}}/TC')
    refused_as('duplicate', 'TC{"name":"grep","arguments":{"pattern":"a","pattern":"b"}}/TC')
    refused_as('duplicate', 'TC{"name":"ping","name":"grep","arguments":{"pattern":"a"}}/TC')
    local in_text = [["{\"pattern\":\"a\",\"pattern\":\"\"}"]]
    refused_as('duplicate', 'TC{"name":"grep","arguments":' .. in_text .. '}/TC')
    local answer = 'TC{"name":"grep","arguments":{"pattern":"a","rm":"-rf"}}/TC'
    local result = expect(answer, { { 'grep', { pattern = 'a', rm = '-rf' } } })
    assert.are.same(
      { 'grep.rm: the tool does not declare this argument' },
      result.events[1].warnings
    )
    refused_as('unknown_argument', 'TC{"name":"strict","arguments":{"a":"a","rm":"-rf"}}/TC')
    local open = tool('open', { a = text }, {})
    open['function'].parameters.additionalProperties = true
    local call = '<tool_call>{"name":"open","arguments":{"a":"a","rm":"-rf"}}</tool_call>'
    result = parse_every_way(call, 'stop', { open })
    assert.are.same({ { 'open', { a = 'a', rm = '-rf' } } }, result.calls)
    assert.are.equal(1, #result.events[1].warnings)
  end)
end)

describe('a call in the form of GLM', function()
  local function arg(key, value)
    return '<arg_key>' .. key .. '</arg_key>\n<arg_value>' .. value .. '</arg_value>\n'
  end

  it('is read (30–34)', function()
    expect('TCread\n' .. arg('filePath', '"/etc/hosts"') .. '/TC', read('/etc/hosts'))
    local two = arg('filePath', '"/etc/hosts"') .. arg('limit', '10')
    expect('TCread\n' .. two .. '/TC', read('/etc/hosts', 10))
    expect('TCread\n' .. arg('filePath', '/etc/hosts') .. '/TC', read('/etc/hosts'))
    expect('TCread\n' .. arg('filePath', '"/etc/hosts') .. '/TC', read('/etc/hosts'))
    expect('TCread\n' .. two, read('/etc/hosts', 10))
    refused_as('cut_off', 'TCread\n' .. two, 'length')
    expect('TCping/TC', { ping })
    expect('TCping\n/TC', { ping })
    refused_as('required', 'TCread\n/TC')
  end)

  it('may have lost its tags (35–40)', function()
    expect('TCglob<arg_key>pattern "**/*.json"</arg_value>/TC', {
      { 'glob', { pattern = '**/*.json' } },
    })
    local lost = 'TCglob</arg_value>pattern</arg_key><arg_value>**/o.json</arg_value>'
      .. '<arg_key>path</arg_key><arg_value>/usr</arg_value>/TC'
    expect(lost, { { 'glob', { pattern = '**/o.json', path = '/usr' } } })
    expect('TCread<arg_key>filePath":"/etc/hosts"</arg_value>/TC', read('/etc/hosts'))
    expect('TCread<arg_key>filePath":"/a"</arg_value><arg_key>limit":10</arg_value>/TC', {
      { 'read', { filePath = '/a', limit = 10 } },
    })
    local in_value = 'TCtask<arg_key>description":"Find it</arg_value>'
      .. '<arg_value>prompt":"Search for colors</arg_value>'
      .. '<arg_key>subagent_type":"explore</arg_value>/TC'
    expect(in_value, {
      {
        'task',
        { description = 'Find it', prompt = 'Search for colors', subagent_type = 'explore' },
      },
    })
    -- A value between quotes has its end in itself, a number at the next tag.
    expect('TCread<arg_key>filePath":"/a"/TC', read('/a'))
    expect('TCread<arg_key>limit":10<arg_key>filePath "/a"\n/TC', read('/a', 10))
    for _, joined in ipairs({ 'filePath="/a"', 'filePath: /a', 'filePath /a', 'filePath":/a' }) do
      expect('TCread<arg_key>' .. joined .. '</arg_value>/TC', read('/a'))
    end
    expect('TCgrep\npattern\nfoo|bar\n</arg_value>/TC', grep('foo|bar'))
    expect('TCgrep\npattern\nfoo|bar\n/TC', grep('foo|bar'))
    expect('TCgrep\npattern\nfoo {"\ninclude\n*.c\n/TC', grep('foo {"', '*.c'))
    local lines = 'TCgrep\npattern\nstrong match|good match\n</arg_value>/TC'
      .. 'TCgrep\npattern\npurple\n</arg_value><arg_key>include\n*.{ts,svelte}\n</arg_value>/TC'
    expect(lines, { grep('strong match|good match')[1], grep('purple', '*.{ts,svelte}')[1] })
  end)

  it('is refused where it can be read in two ways (41–43)', function()
    local function refuse(inner)
      return refused_as('ambiguous', 'TC' .. inner .. '/TC')
    end
    refuse('grep<arg_key>pattern</arg_key><arg_value>foo</arg_value>bar</arg_value>')
    refuse('grep\npattern\n</arg_value>foo\ninclude\n*.ts\n</arg_value>')
    refuse('grep\npattern\nfoo</arg_value>bar\n</arg_value>')
    refuse('grep\npattern\n</arg_value>\ninclude\n')
    refuse('grep<arg_key>pattern</arg_key><arg_value>a<arg_key>include</arg_value>')
    refuse('grep<arg_key>pattern "a')
    refuse('grep<arg_key>pattern a')
    refuse('grep<arg_key>pattern "a" include "b"</arg_value>')
    -- Without its opening tag a value may begin with a half of that tag, which is none of it.
    refuse('grep<arg_key>pattern</arg_key>\n<ar_value>a</arg_value>')
    refuse('grep<arg_key>pattern</arg_key>a</arg_value>')
    refuse('grep<arg_key>pattern</arg_key>"a"')
    refuse('grep\npattern</arg_key>\n"a"\n')
    refuse('grep<arg_key>nothing "a"</arg_value>')
    refuse('grep<arg_key>pattern a b</arg_value>')
    refuse('read<arg_key>filePath":"/a","limit":10</arg_value>')
    refuse('read<arg_key>filePath":"/a"}</arg_value>')
    refuse('read<arg_key>filePath /a,limit=10</arg_value>')
    refuse('grep\npattern\nfoo\nbar\n')
    refuse('grep pattern foo')
    local twice = arg('pattern', 'a') .. arg('pattern', 'b')
    refused_as('duplicate', 'TCgrep\n' .. twice .. '/TC')
    refused_as('arguments', 'TCgrep<arg_key>pattern</arg_key>/TC')
    refused_as('unknown_tool', 'TCnope\n' .. arg('a', 'b') .. '/TC')
  end)

  it('keeps text as it is (56–59)', function()
    expect('TCgrep' .. arg('pattern', 'null') .. '/TC', grep('null'))
    expect('TCgrep' .. arg('pattern', '123') .. '/TC', grep('123'))
    expect('TCgrep' .. arg('pattern', 'true') .. '/TC', grep('true'))
    expect('TCgrep' .. arg('pattern', '[1, 2]') .. '/TC', grep('[1, 2]'))
    expect('TCgrep' .. arg('pattern', '"a" and "b"') .. '/TC', grep('"a" and "b"'))
    expect('TCgrep' .. arg('pattern', '') .. '/TC', grep(''))
    local object = arg('filePath', 'a.json') .. arg('newString', '{"a":1}')
    expect('TCedit' .. object .. '/TC', {
      { 'edit', { filePath = 'a.json', newString = '{"a":1}' } },
    })
    local code = arg('filePath', 'a.c')
      .. arg('oldString', '    x = 1;\n')
      .. arg('newString', '\n\n\tif (a < b) {\n\t\tputs("<b>");\n\t}\n\n')
    expect('TCedit' .. code .. '/TC', {
      {
        'edit',
        {
          filePath = 'a.c',
          oldString = '    x = 1;',
          newString = '\n\tif (a < b) {\n\t\tputs("<b>");\n\t}\n',
        },
      },
    })
  end)

  it('reads other types as JSON', function()
    local function limit(value)
      return 'TCread' .. arg('filePath', 'a') .. arg('limit', value) .. '/TC'
    end
    expect(limit('1.5'), read('a', 1.5))
    refused_as('type', limit('ten'))
    refused_as('type', limit('"10"'))
    refused_as('type', limit('null'))
    local unknown = 'TCgrep' .. arg('pattern', 'a') .. arg('rm', '1') .. '/TC'
    local result = expect(unknown, { { 'grep', { pattern = 'a', rm = '1' } } })
    assert.are.equal(1, #result.events[1].warnings)
    refused_as('unknown_argument', 'TCstrict' .. arg('b', '1') .. '/TC')
  end)

  it('may hold the tags of calls in its values', function()
    local value = 'a /TC b TC{"name":"ping"}/TC c'
    local shown = value:gsub('/TC', '</tool_call>'):gsub('TC', '<tool_call>')
    expect('TCgrep' .. arg('pattern', value) .. '/TC', grep(shown))
  end)

  it('may lose the end of its last value, if it ends the answer', function()
    local answer = 'TCread<arg_key>filePath</arg_key><arg_value>/etc/hosts/TC'
    expect(answer, read('/etc/hosts'))
    expect(answer .. '\n', read('/etc/hosts'))
    refused_as('cut_off', answer, 'length')
    refused_as('cut_off', answer .. ' and more')
    refused_as('cut_off', 'TCread<arg_key>filePath</arg_key><arg_value>/etc/ho')
    refused_as('ambiguous', 'TCread<arg_key>filePath</arg_key><arg_value>/TC')
    expect('TCgrep\npattern\nfoo/TC', grep('foo'))
    refused_as('ambiguous', 'TCgrep\npattern\nfoo/TC bar\n/TC')
    refused_as('cut_off', 'TCgrep\npattern\nfoo')
  end)
end)

describe('a call that looks like code', function()
  it('is read (44–47)', function()
    expect('TCget_weather({"city":"K"})/TC', K())
    expect('TCget_weather{city:"K"}/TC', K())
    expect('TCget_weather{"city":"K"}/TC', K())
    expect('TCget_weather\n{"city":"K"}\n/TC', K())
    expect('TCget_weather(city:"K")/TC', K())
    expect('TCget_weather (city:"K")\n/TC', K())
    expect('TCgrep\n( pattern: "a /TC" )/TC', grep('a </tool_call>'))
    expect('TCping()/TC', { ping })
    expect('TCmove(x: 1, y: -2.5e1)/TC', { { 'move', { x = 1, y = -25 } } })
    local answer = [[TCedit(filePath:"/a.ts",oldString:"x = \"<arg_value>/TC\";\n  y")]]
    expect(answer, {
      { 'edit', { filePath = '/a.ts', oldString = 'x = "<arg_value></tool_call>";\n  y' } },
    })
  end)

  it('is refused where it is none (48, 49)', function()
    refused_as('malformed', 'TCread(the docs first)/TC')
    refused_as('malformed', 'TCget_weather{city:"K",}/TC')
    -- Of another language: what its strings and signs mean is a guess.
    refused_as('malformed', 'TCget_weather(city="K")/TC')
    refused_as('malformed', 'TCget_weather{city="K"}/TC')
    refused_as('malformed', 'TCget_weather("K")/TC')
    refused_as('malformed', 'TCget_weather(["K"])/TC')
    refused_as('malformed', 'TCget_weather(city:"K"/TC')
    refused_as('ambiguous', 'TCget_weather(city:"K") get_weather(city:"L")/TC')
    refused_as('ambiguous', 'TCget_weather(city:"K")(city:"L")/TC')
    refused_as('ambiguous', 'TCget_weather({"city":"K"})(1)/TC')
    refused_as('ambiguous', 'TCget_weather{city:"K"} get_weather(city:"L")/TC')
    refused_as('ambiguous', 'TCget_weather(city:"K") and more/TC')
    refused_as('malformed', 'TCget_weather{city:K}/TC')
    refused_as('duplicate', 'TCget_weather{city:"K",city:"L"}/TC')
    refused_as('unknown_argument', 'TCget_weather{city:"K",rm:"L"}/TC')
    refused_as('ambiguous', 'TCget_weather({"city":"K"},{"city":"L"})/TC')
    refused_as('ambiguous', 'TCget_weather({"city":"K"}) get_weather({"city":"L"})/TC')
    refused_as('unknown_tool', 'TCnope({"city":"K"})/TC')
    refused_as('unknown_argument', 'TCping{"name":"grep","arguments":{"pattern":"a"}}/TC')
    refused_as('not_a_call', 'TCwhat even is this/TC')
    refused_as('not_a_call', 'TC\nnote: not a call\n/TC')
    refused_as('not_a_call', 'TC/TC')
    refused_as('not_a_call', 'TC\nnot json')
  end)
end)

describe('a call in the form of Qwen Coder', function()
  it('is read', function()
    local answer = 'TC\n<function=edit>\n<parameter=filePath>\na.c\n</parameter>\n'
      .. '<parameter=newString>\n    x = "</arg_value>/TC";\n\n</parameter>\n</function>\n/TC'
    expect(answer, {
      { 'edit', { filePath = 'a.c', newString = '    x = "</arg_value></tool_call>";\n' } },
    })
    expect('TC<function=ping></function>/TC', { ping })
    refused_as('ambiguous', 'TC<function=ping>/TC')
    local nested = '<parameter=pattern>a<parameter=include>b</parameter></function>'
    refused_as('ambiguous', 'TC<function=grep>' .. nested .. '/TC')
    refused_as('unknown_tool', 'TC<function=nope></function>/TC')
  end)
end)

describe('a call without tags', function()
  local call = '{"name":"get_weather","arguments":{"city":"K"}}'

  it('is one only as all of the answer (51, 52)', function()
    expect(call, K())
    expect('\n ' .. call .. '\n', K(), '\n ')
    expect('[' .. call .. ']', K())
    expect('```json\n' .. call .. '\n```', K())
    expect('```\n' .. call .. '\n```\n', K())
    refused_as('ambiguous', call .. ' would be the call')
    refused_as('ambiguous', call .. '\n' .. call)
    refused_as('ambiguous', '```json\n' .. call .. '\n```\nThis is how.')
    refused_as('ambiguous', '```json\n' .. call)
    refused_as('cut_off', call, 'length')
    assert.are.same({}, expect('Like this: ' .. call, {}).refused)
  end)

  it('is an answer where it names no declared tool (53, 54)', function()
    for _, answer in ipairs({
      '{"answer": 42}',
      '{"name":"Bob","age":5}',
      '{"name":"nope","arguments":{}}',
      '{"name":',
      '{}',
      '[]',
      '[1, 2]',
      '[link](https://example.org) and more',
      '{ is a brace',
      '```lua\nprint(1)\n```\n',
      '```json\n{"answer": "`x`"}\n```\nThat was it.',
      '``` unfinished',
      '`x`',
    }) do
      assert.are.same({}, expect(answer, {}).refused)
    end
  end)

  it('is refused with the reason where it is not what the tool takes', function()
    refused_as('required', '{"name":"get_weather","arguments":{}}')
    refused_as('duplicate', '{"name":"grep","arguments":{"pattern":"a","pattern":"b"}}')
  end)

  it('does not hold back an answer that is JSON', function()
    local p = tools.parser(declared)
    local events = p:feed('{"answer": "a long')
    assert.are.equal('{"answer": "a long', events[1].text)
  end)

  it('has no tags in the strings of an answer that is JSON', function()
    local result = expect('{"answer": "TCping/TC"} TCping/TC', { ping }, '{"answer": "TCping/TC"} ')
    assert.are.same({}, result.refused)
  end)

  it('gives way to a tagged one', function()
    expect('{ is a brace. Now:\nTCping/TC', { ping }, '{ is a brace. Now:\n')
  end)
end)

describe('text', function()
  it('is text (55)', function()
    for _, answer in ipairs({
      'Just a normal answer with 5 < 6.',
      '',
      'a <tool_call',
      'a </tool_call> b',
      'a < b <to <tool_ <|tool',
      '<tool_response>x</tool_response>',
      'Grüße 🎉 <',
    }) do
      assert.are.same({}, expect(answer, {}).refused)
    end
  end)

  it('is held back only where it may be a tag', function()
    local p = tools.parser(declared)
    local function fed(piece)
      local events = p:feed(piece)
      return events[1] and events[1].text or ''
    end
    assert.are.equal('Hi ', fed('Hi <tool'))
    assert.are.equal('<tool x', fed(' x'))
    assert.are.equal('a ', fed('a <'))
    assert.are.equal('<b', fed('b'))
    assert.are.equal('', fed('<tool_call>'))
    assert.are.equal('', fed('{"name":"ping"}'))
    assert.are.equal('call', p:feed('</tool_call>')[1].kind)
    assert.are.same({}, p:finish())
    assert.are.same({}, p:feed('x'))
    assert.are.same({}, p:finish())
    assert.has_error(function()
      p:feed(nil)
    end)
  end)

  it('goes on behind a block that was no call', function()
    local result = expect('a TCnonsense/TC b TCping/TC c', { ping }, 'a TCnonsense/TC b  c')
    assert.are.same({ 'not_a_call' }, result.refused)
  end)
end)

describe('a quoted call', function()
  local call = 'TC{"name":"grep","arguments":{"pattern":"a"}}/TC'

  it('is made if a fence around it is all of the answer (65)', function()
    expect('```\n' .. call .. '\n```', grep('a'))
    expect('\n```xml\n' .. call .. '\n' .. call .. '\n```\n', { grep('a')[1], grep('a')[1] }, '\n')
    refused_as('ambiguous', '```\n' .. call .. '\n```\nThis is how.')
    refused_as('ambiguous', '```\n' .. call .. '\nmore\n```')
    refused_as('ambiguous', '```\n' .. call)
    refused_as('cut_off', '```\n' .. call .. '\n```', 'length')
    refused_as('not_a_call', '```\nTCnonsense/TC\n```')
  end)

  it('is text in code and quotations', function()
    for _, answer in ipairs({
      'Write:\n```\n' .. call .. '\n```',
      'Write:\n~~~~ xml\n```\n' .. call .. '\n~~~~\n',
      'Write `' .. call .. '` here',
      'Write ``a ` ' .. call .. '`` here',
      'He said\n> ' .. call,
      '```\na\n' .. call .. '\n```',
    }) do
      refused_as('quoted', answer)
    end
  end)

  it('is a call behind code that ended', function()
    expect('`a` ' .. call, grep('a'), '`a` ')
    expect('```\na\n```\n' .. call, grep('a'), '```\na\n```\n')
    expect('a ` b\n' .. call, grep('a'), 'a ` b\n')
    expect('a ```b``` c\n' .. call, grep('a'), 'a ```b``` c\n')
  end)
end)

describe('reasoning in the content', function()
  local call = 'TC{"name":"grep","arguments":{"pattern":"x"}}/TC'

  it('holds no calls (60)', function()
    assert.are.same({}, expect('<think>I could emit ' .. call .. '</think>done', {}).refused)
    expect('<think>`' .. call, {})
    expect('<think>```\na</think>' .. call, grep('x'), '<think>```\na</think>')
    local answer = '<think>hm</think>\n{"name":"get_weather","arguments":{"city":"K"}}'
    expect(answer, K(), '<think>hm</think>\n')
    expect('`<think>` is a tag. ' .. call, grep('x'), '`<think>` is a tag. ')
  end)

  it('may have the longer tags', function()
    assert.are.same({}, expect('<thinking>' .. call .. '</thinking>done', {}).refused)
    local answer = '<thinking>a</thinking>' .. call
    expect(answer, grep('x'), '<thinking>a</thinking>')
  end)

  it('takes back the calls above an end that had no beginning', function()
    local answer = (call .. '</think>' .. call):gsub('/TC', '</tool_call>')
    answer = answer:gsub('TC', '<tool_call>')
    local result = parse_every_way(answer, 'stop')
    assert.are.same({ 'reasoning' }, result.refused)
    assert.are.same({ result.events[1].id }, result.events[3].revoked)
    assert.are.equal('call', result.events[4].kind)
  end)
end)

describe('limits', function()
  local MAX = require('venice.tools.answer').MAX_HELD

  local function shown(answer, size)
    local pieces = {}
    for i = 1, #answer, size do
      pieces[#pieces + 1] = answer:sub(i, i + size - 1)
    end
    return parse(pieces, 'stop')
  end

  it('hold for one block', function()
    local head, tail = '{"name":"grep","arguments":{"pattern":"', '"}}'
    local close = '</tool_call>'
    local room = MAX - #head - #tail - #close
    for _, size in ipairs({ 1000, 4099, 200000 }) do
      local fits = shown('<tool_call>' .. head .. ('a'):rep(room) .. tail .. close, size)
      assert.are.equal(1, #fits.calls)
      assert.are.equal(room, #fits.calls[1][2].pattern)
      -- What is over the limit is text to its end, whatever stands in its strings.
      local inner = '<tool_call>ping</tool_call>'
      local long = '<tool_call>' .. head .. ('a'):rep(room + 1) .. inner .. tail .. close
      local answer = long .. '<tool_call>ping</tool_call>'
      local result = shown(answer, size)
      assert.are.same({ ping }, result.calls)
      assert.are.same({ 'too_large' }, result.refused)
      assert.are.equal(long, result.text)
    end
  end)

  it('hold for untagged JSON', function()
    local answer = '{"name":"grep","arguments":{"pattern":"' .. ('a'):rep(MAX) .. '"}}'
    for _, size in ipairs({ 5000, 200000 }) do
      local result = shown(answer, size)
      assert.are.same({}, result.calls)
      assert.are.equal(answer, result.text)
    end
  end)

  it('hold for blocks that were never closed', function()
    local answer = ('<tool_call>{"name":"ping"}'):rep(3000)
    local result = shown(answer, 3000)
    assert.is_true(#result.calls <= 64)
    assert.are.equal('too_large', result.refused[1])
  end)

  it('hold for the number of calls', function()
    local result = shown(('<tool_call>ping</tool_call>'):rep(100), 999)
    assert.are.equal(64, #result.calls)
    assert.are.equal(36, #result.refused)
    local list = ('{"name":"ping"},'):rep(65):sub(1, -2)
    assert.are.same({}, shown('<tool_call>[' .. list .. ']</tool_call>', 999).calls)
  end)
end)

-- The recorded rows: what 0.5.3 returns, but where TOOLCALLS.md decides differently.
describe('the vectors', function()
  local corpus = vim.env.VENICE_CORPUS

  local function load(name)
    local file = corpus and io.open(corpus .. '/vectors/' .. name, 'rb')
    if not file then
      return nil
    end
    local decoded = vim.json.decode(file:read('*a'))
    file:close()
    return decoded
  end

  local none = {}
  local ours = {
    ['unknown tool name'] = none,
    ['value that starts with a tag'] = none,
    ['call syntax with JSON object'] = K(),
    ['string parameter, value looks like a number'] = grep('123'),
    -- `edit` requires all of its members there, and has them.
    ['indented value'] = {
      { 'edit', { filePath = 'a.c', oldString = '    x = 1;', newString = '    x = 2;' } },
    },
    ['think block with an example call'] = none,
    ['missing required'] = none,
    ['two names'] = none,
  }

  it('are parsed as decided, cut at every byte', function()
    local first, extra = load('tool-calls.json'), load('tool-calls-extra.json')
    if not first or not extra then
      pending('no corpus')
      return
    end
    local count = 0
    for _, cases in ipairs({ first.cases, extra.cases }) do
      for _, case in ipairs(cases) do
        local result = parse_every_way(case.input, 'stop', first.tools)
        local expected = ours[case.name]
        if not expected then
          expected = {}
          for i, call in ipairs(case.expected.calls) do
            expected[i] = { call.name, vim.json.decode(call.arguments) }
          end
          assert.are.equal(case.expected.content, result.text, case.name)
        elseif #expected == 0 then
          assert.are.equal(case.input, result.text, case.name)
        end
        assert.are.same(expected, result.calls, case.name)
        count = count + 1
      end
    end
    assert.is_true(count >= 33)
  end)
end)

describe('random answers', function()
  -- stylua: ignore
  local pieces = {
    '<tool_call>', '</tool_call>', '<function_call>', '</function_call>', '<|tool_call|>',
    '<|/tool_call|>', '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>', '<think>',
    '</think>', '{', '}', '[', ']', '"', '\\', ':', ',', '\n', ' ', '`', '```', '```json\n', '<',
    'ping', 'grep', 'pattern', 'include', 'a', '{"name":"ping","arguments":{}}', '(', ')', '>',
    '{"name":"grep","arguments":{"pattern":"', '"}}', '<function=grep>', '<parameter=pattern>',
    '</parameter>', '</function>', '<tool', '_call>', 'name', 'é', '\0', '12',
  }

  local whole_answers = {
    '<tool_call>{"name":"grep","arguments":{"pattern":"a \\"</tool_call>"}}</tool_call>',
    '<tool_call>grep\n<arg_key>pattern</arg_key>\n<arg_value>a</arg_value>\n</tool_call>',
    '<tool_call>grep\npattern\nfoo\n</tool_call>',
    '<tool_call>[{"name":"ping"},{"name":"grep","arguments":{"pattern":"b"}}]</tool_call>',
    '```\n<tool_call>ping</tool_call>\n```',
    '{"name":"grep","arguments":{"pattern":"c"}}',
    '<tool_call>grep{pattern:"x"}<tool_call>grep(pattern:"y")',
    '<think>a</think>{"name":"ping","arguments":{}}',
    '<tool_call><function=grep><parameter=pattern>\n x\n</parameter></function></tool_call>',
  }

  -- Pieces in a row, or a good answer with some changes.
  local function random_answer()
    if math.random(2) == 1 then
      local parts = {}
      for i = 1, math.random(1, 24) do
        parts[i] = pieces[math.random(#pieces)]
      end
      return table.concat(parts)
    end
    local answer = whole_answers[math.random(#whole_answers)]
    for _ = 1, math.random(0, 3) do
      local at, size = math.random(0, #answer), math.random(0, 6)
      local piece = math.random(2) == 1 and pieces[math.random(#pieces)] or ''
      answer = answer:sub(1, at) .. piece .. answer:sub(at + 1 + (piece == '' and size or 0))
    end
    return answer
  end

  -- Cuts an answer anywhere.
  local function random_cuts(answer)
    local parts, from = {}, 1
    while from <= #answer do
      local size = math.random(1, 9)
      parts[#parts + 1] = answer:sub(from, from + size - 1)
      from = from + size
    end
    return parts
  end

  it('are the same however they are cut, and nothing is lost', function()
    math.randomseed(tonumber(vim.env.VENICE_SEED) or 7)
    local calls, names = 0, { ping = true, grep = true }
    for _ = 1, 6000 do
      local answer = random_answer()
      local reason = math.random(4) == 1 and 'length' or 'stop'
      local whole = parse({ answer }, reason)
      local cut = parse(random_cuts(answer), reason)
      assert.are.same(comparable(whole), comparable(cut), answer)
      for _, call in ipairs(whole.calls) do
        calls = calls + 1
        assert.is_true(names[call[1]], answer)
        assert.are.equal('table', type(call[2]), answer)
        if call[1] == 'grep' then
          assert.are.equal('string', type(call[2].pattern), answer)
        end
      end
      if #whole.calls == 0 then
        assert.are.equal(answer, whole.text)
      end
    end
    assert.is_true(calls > 500, calls)
  end)
end)

describe('hostile answers', function()
  -- Patterns that look at each blank again and again took 20 s for some of these.
  it('cost no more than their length', function()
    local open, close, blanks = '<tool_call>', '</tool_call>', (' '):rep(60000)
    local start = os.clock()
    for _, answer in ipairs({
      ('<'):rep(60000),
      ('`'):rep(60000),
      ('</think>'):rep(8000),
      open:rep(6000),
      '[' .. blanks .. 'x',
      '```' .. blanks,
      '{"name":"ping"}' .. blanks .. 'x',
      open .. ('['):rep(60000),
      open .. ('<'):rep(60000),
      open .. ('a ('):rep(20000) .. close,
      open .. 'grep' .. ('\n'):rep(60000) .. 'x' .. close,
      open .. 'grep' .. ('\n'):rep(60000) .. close,
      open .. 'grep<arg_key>' .. blanks .. 'x</arg_key>' .. close,
      open .. 'grep<arg_key>nothing "' .. blanks .. 'x</arg_value>' .. close,
      open .. 'grep(pattern' .. blanks .. 'x)' .. close,
      open .. '```\n' .. ('```  '):rep(12000) .. 'x' .. close,
      open .. '<function=grep>' .. ('<parameter=pattern>x'):rep(3000) .. close,
    }) do
      local whole = parse({ answer }, 'stop')
      assert.are.same({}, whole.calls)
      assert.are.equal(answer, whole.text)
    end
    assert.is_true(os.clock() - start < 5, os.clock() - start)
  end)
end)
