-- Who signed an answer: asked after it has ended, beside everything else, for nothing waits for it.
--
-- What holds then is that the key which the quote binds signed two hashes. That they are the hashes
-- of the text in the buffer cannot be checked behind Venice (EVIDENCE.md section 3.3, 7): no word
-- here says that an answer was verified.

local config = require('venice.config')

local M = {}

-- Answers of a chat that are asked about again when somebody looks: what a minute has room for.
local AGAIN = 7

---@class venice.Signature
---@field client venice.Client
---@field model string
---@field question table request_id, signing_address, keyset, asked_at
---@field request integer|nil its id, while it is on its way
---@field result table|nil what the library said of it
---@field unchecked string|nil why nothing was checked: an error's code

-- Words -------------------------------------------------------------------------------------------

--- The word for the header of a turn, and whether it tells of a failure.
---@param turn venice.Turn
---@return string|nil words, boolean is_failure
function M.word(turn)
  local receipt = turn.receipt
  if not receipt or turn.state ~= 'done' then
    return nil, false
  elseif receipt.verified then
    return 'signed', false
  elseif receipt.unchecked then
    return 'not checked', false
  end
  -- The key's own signature can hold where the gateway's document beside it does not.
  local reason = tostring(receipt.reason)
  local is_paper = receipt.signature == 'valid'
    and (reason:find('^receipt_') or reason:find('^keyset_'))
  return is_paper and 'receipt invalid' or 'signature invalid', true
end

-- Asking ------------------------------------------------------------------------------------------

-- The view of the attestation, if it is open, tells of the last answer.
local function refresh_view(model, client)
  local view = package.loaded['venice.evidence.report']
  local report = view and client:report(model)
  if report then
    view.refresh(model, M.attach(model, report))
  end
end

local function show(chat, turn, model, client)
  if not chat.closed and chat.view:is_valid() then
    chat.view:draw(turn)
    -- A text lock forbids to change the view's buffer; it is right when it is opened next.
    pcall(refresh_view, model, client)
  end
end

local function ask(chat, turn, entry)
  local model = turn.model
  entry.request = entry.client:receipt(model, entry.question, function(err, result)
    entry.request = nil
    if turn.signature ~= entry then
      return -- It was stopped, or another answer has taken this one's place.
    end
    turn.receipt = not err and result or { unchecked = err and err.code or 'internal' }
    turn.receipt.signing_address = entry.question.signing_address
    show(chat, turn, model, entry.client)
  end)
end

--- Asks who signed an answer that ended well. Says nothing but on the turn.
---@param chat venice.Chat
---@param turn venice.Turn
---@param answer { client: venice.Client, report: table|nil, id: string|nil, asked_at: integer }
function M.start(chat, turn, answer)
  local report = answer.report
  if not config.last_good().verify.receipt or chat.closed then
    return
  elseif not report or report.level == 'none' or type(report.signing_address) ~= 'string' then
    return -- No key is bound: there is nothing that a signature could be held against.
  end
  if type(answer.id) ~= 'string' or answer.id == '' then
    turn.receipt = { unchecked = 'no_id' }
    return show(chat, turn, turn.model, answer.client)
  end
  local aci = type(report.aci) == 'table' and report.aci or {}
  turn.signature = {
    client = answer.client,
    question = {
      request_id = answer.id,
      signing_address = report.signing_address,
      keyset = type(aci.keyset) == 'string' and aci.keyset or nil,
      asked_at = answer.asked_at,
    },
  }
  ask(chat, turn, turn.signature)
end

--- Forgets what is known of an answer, and stops asking.
---@param turn venice.Turn
function M.forget(turn)
  local entry = turn.signature
  turn.signature, turn.receipt = nil, nil
  if entry and entry.request then
    entry.client:cancel(entry.request)
  end
end

--- Stops asking about the answers of a chat; they are "not checked" then.
---@param chat venice.Chat
---@return boolean was_asking
function M.stop(chat)
  local was_asking = false
  for _, turn in ipairs(chat.view.turns) do
    local entry = turn.signature
    if entry and entry.request then
      was_asking = true
      entry.client:cancel(entry.request)
    end
  end
  return was_asking
end

--- The chat has gone: nothing of its answers is kept.
---@param chat venice.Chat
function M.close(chat)
  for _, turn in ipairs(chat.view.turns) do
    M.forget(turn)
  end
end

-- Looking -----------------------------------------------------------------------------------------

-- The chat that a view of this model's attestation is about.
local function chat_of(model)
  local chats = package.loaded['venice.chat']
  local chat = chats and chats.current()
  return chat and chat.model == model and chat or nil
end

--- Asks again about the answers that were not checked, the newest first, once.
---@param model string
function M.again(model)
  local chat = chat_of(model)
  local left = config.last_good().verify.receipt and chat and AGAIN or 0
  local turns = left > 0 and chat.view.turns or {}
  for i = #turns, 1, -1 do
    local turn = turns[i]
    local entry = turn.signature
    local is_due = entry and not entry.request and turn.receipt and turn.receipt.unchecked
    if left > 0 and is_due and turn.model == model then
      left = left - 1
      ask(chat, turn, entry)
    end
  end
end

--- A report with what is known of the last answer's signature, where the report's key is the one
--- that it was held against.
---@param model string
---@param report table
---@return table report a copy
function M.attach(model, report)
  report = vim.tbl_extend('force', {}, report)
  report.receipt = nil
  local chat = chat_of(model)
  local turns = chat and chat.view.turns or {}
  for i = #turns, 1, -1 do
    if turns[i].role == 'assistant' then
      local receipt = turns[i].model == model and turns[i].receipt
      if receipt and receipt.signing_address == report.signing_address then
        report.receipt = receipt
      end
      break
    end
  end
  return report
end

return M
