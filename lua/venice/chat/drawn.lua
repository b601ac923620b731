-- Marks over the buffer of a chat, by who has them (a turn or a boundary) and their names.

local api = vim.api
local ns = api.nvim_create_namespace('venice_draw')
local M = {}

--- Draws a mark, in place of the owner's one of that name.
---@param buf integer
---@param owner table
---@param name string
---@param row integer 0-based
---@param opts table as for nvim_buf_set_extmark()
function M.set(buf, owner, name, row, opts)
  owner.drawn = owner.drawn or {}
  opts.id = owner.drawn[name]
  owner.drawn[name] = api.nvim_buf_set_extmark(buf, ns, row, 0, opts)
end

--- Takes away what was drawn for an owner: all, or the mark of one name.
---@param buf integer
---@param owner table
---@param name string|nil
function M.erase(buf, owner, name)
  for key, id in pairs(owner.drawn or {}) do
    if not name or key == name then
      api.nvim_buf_del_extmark(buf, ns, id)
      owner.drawn[key] = nil
    end
  end
end

--- Takes away all marks; the owners know nothing of it.
---@param buf integer
function M.clear(buf)
  api.nvim_buf_clear_namespace(buf, ns, 0, -1)
end

return M
