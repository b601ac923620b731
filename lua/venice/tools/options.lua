-- The option `tools` with its defaults.

local M = {}

---@class venice.ToolOptions
---@field names table<string, boolean> the tools that are offered
---@field exclude string[] patterns as in .gitignore, of files that are not offered: the list of
---  secrets, unless that is switched off, and the user's own
---@field max_rounds integer how often a model may call tools before the user says something
---@field max_result integer bytes of one result as the model gets it; of a round, four times that
---@field command { timeout: number, max_output: integer } seconds and bytes

M.MAX_ROUNDS = 8
M.MAX_RESULT = 32 * 1024

-- What usually holds secrets, whether git ignores it or not; the case does not matter.
-- stylua: ignore
M.secrets = {
  -- Keys of SSH; a name with an extension is more often a source.
  'id_*', '!id_*.*', 'id_rsa*', 'id_dsa*', 'id_ecdsa*', 'id_ed25519*', 'id_xmss*', 'ssh_host_*_key',
  -- Environments, and settings with passwords in them.
  '.env', '.env.*', '*.env', '.envrc', 'secret.*', 'secrets.*', '.secrets*', '*.secret',
  '*.secrets', 'credentials', 'credentials.json', 'credentials.y*ml', 'credentials.xml',
  'credentials.csv', 'credentials.ini', 'credentials.toml', 'credentials.db',
  'client_secret*.json',
  'service-account*.json', 'service_account*.json', '*.tfstate', '*.tfstate.*', '*.tfvars',
  '*.tfvars.json', '.vault-token', '.vault_pass*', 'wp-config.php', 'local.settings.json',
  -- Keys and key stores.
  '*.pem', '*.key', '*.p8', '*.p12', '*.pfx', '*.pkcs12', '*.jks', '*.jceks', '*.bks', '*.keystore',
  '*.kdb', '*.kdbx', '*.keychain', '*.keychain-db', '*.ppk', '*.gpg', '*.pgp', '*.age', '*.ovpn',
  -- What programs keep for themselves.
  '.netrc', '_netrc', '.npmrc', '.yarnrc.yml', '.pypirc', '.gem/credentials', '.pgpass', '.my.cnf',
  '.mylogin.cnf', '.git-credentials', '.htpasswd', '.s3cfg', '.boto', '.dockercfg',
  '.docker/config.json', '.terraformrc', 'terraform.rc', '.msmtprc', '.fetchmailrc', '.authinfo*',
  '.kube/', 'kubeconfig', '*.kubeconfig', '.config/gh/', '.config/gcloud/', '.config/op/',
  '.config/rclone/', '.cargo/credentials*', '.ssh/', '.gnupg/', '.aws/', '.azure/',
  '.password-store/', '.bash_history', '.zsh_history', '.psql_history', '.mysql_history',
  '.python_history', '.node_repl_history',
}

local function offered_names(given)
  local names = {}
  for _, name in ipairs(given.enable or require('venice.config_checks').tool_names) do
    names[name] = true
  end
  for _, name in ipairs(given.disable or {}) do
    names[name] = nil
  end
  return names
end

--- Reads the option. Whether a chat begins with tools is not decided here.
---@param value boolean|table|nil as it passed the checks of setup()
---@return venice.ToolOptions
function M.read(value)
  local given = type(value) == 'table' and value or {}
  local process = require('venice.process')
  local command = given.command or {}
  return {
    names = offered_names(given),
    exclude = vim.list_extend(
      given.secrets == false and {} or vim.list_slice(M.secrets, 1, #M.secrets),
      given.exclude or {}
    ),
    max_rounds = given.max_rounds or M.MAX_ROUNDS,
    max_result = given.max_result or M.MAX_RESULT,
    command = {
      timeout = command.timeout or process.TIMEOUT,
      max_output = command.max_output or process.MAX_OUTPUT,
    },
  }
end

return M
