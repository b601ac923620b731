-- The prompts that are there without a file. {{selection}} is what is selected, else #buffer.

-- A paragraph is one line in the buffer, which wraps it; here it has several.
local function prompt(description, text)
  text = vim.trim(text):gsub('([^\n])\n([^\n-])', '%1 %2')
  return { description = description, text = text }
end

return {
  explain = prompt(
    'explain what the code does, and why',
    [[
Explain {{selection}} to a programmer who sees it for the first time.

- Begin with one sentence: what it is for.
- Then how it works, in the order in which it happens. Call functions and variables by their names.
- End with what is easy to miss: assumptions, side effects, edge cases, traps.

Where the code does not tell its purpose, say so; do not guess.
]]
  ),
  review = prompt(
    'find bugs and weak points, the worst first',
    [[
Review {{selection}} as a careful colleague would before it is merged.

Look for wrong results, errors and edge cases that are not handled, races, leaks, security holes,
and what will mislead the next reader. Leave out matters of taste and what a formatter does.

For each finding, the worst first: the line, what goes wrong and with which input, and the smallest
change that mends it. Say so where you are not sure. If there is nothing to find, say just that.
]]
  ),
  fix = prompt(
    'mend what the diagnostics report',
    [[
Fix {{selection}}: mend what is reported in #diagnostics.

For each of them, say in a sentence what causes it. Mend the cause; do not silence the message.
Change nothing else, and keep the style of the code. Show each function that changes, whole, in one
code block. If a report is a false alarm, say why and leave the code as it is.
]]
  ),
  tests = prompt(
    'write tests for the code',
    [[
Write tests for {{selection}}.

First list the behaviours that are worth a test: the usual case, the edges (none, one, many, the
largest), each way to fail. Then write them, with the test framework that belongs to this language.
One behaviour for each test, and a name that says it; check results, not how they came about; no
sleeping, no network.

If a test would fail now because the code is wrong, write it all the same and point it out.
]]
  ),
  commit = prompt(
    'a commit message for what is staged',
    [[
Write the commit message for #diff:staged.

- A subject of at most 60 characters, in the imperative, without a period.
- Then, where the subject does not say it all, a blank line and why the change was made and what it
means for those who use the code, in lines of at most 72 characters. Do not retell the diff.

Claim nothing that the diff does not show. Answer with the message alone, in one code block.
]]
  ),
}
