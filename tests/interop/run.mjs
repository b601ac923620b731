// The npm peers against our library (through Neovim) and our simulator, in both directions.
// Started by tests/interop/run; prints TAP.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';

const root = resolve(new URL('.', import.meta.url).pathname, '../..');
// The tree whose library Neovim loads; tests/run sets it.
const plugin = process.env.VENICE_ROOT || root;
const scratch = mkdtempSync(join(tmpdir(), 'venice-interop-'));

const peers = [];
for (const name of ['@axlabs/venice-e2ee', 'venice-e2ee']) {
  const folder = join(root, 'build/interop/node_modules', name);
  const version = JSON.parse(readFileSync(join(folder, 'package.json'))).version;
  const api = await import(pathToFileURL(join(folder, 'dist/index.js')));
  peers.push({ name: `${name} ${version}`, api });
}

// ---- TAP ---------------------------------------------------------------------------------------

let count = 0;
let failures = 0;

async function test(name, body) {
  count += 1;
  try {
    await body();
    console.log(`ok ${count} - ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`not ok ${count} - ${name}`);
    for (const line of String(error.stack ?? error).split('\n').slice(0, 12)) {
      console.log(`#   ${line}`);
    }
  }
}

// ---- Our side: one Neovim answers a list of calls -----------------------------------------------

function ours(calls) {
  const callsFile = join(scratch, 'calls.json');
  const resultsFile = join(scratch, 'results.json');
  rmSync(resultsFile, { force: true });
  writeFileSync(callsFile, JSON.stringify(calls));
  const nvim = process.env.NVIM_EXEC || 'nvim';
  const run = spawnSync(
    nvim,
    ['--headless', '-n', '-u', 'NONE', '-i', 'NONE',
      '--cmd', `set runtimepath^=${plugin}`,
      '-c', `luafile ${join(root, 'tests/interop/peer.lua')}`],
    {
      env: { ...process.env, VENICE_INTEROP_CALLS: callsFile, VENICE_INTEROP_RESULTS: resultsFile },
      encoding: 'utf8',
      timeout: 60000,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  if (!existsSync(resultsFile)) throw new Error(`Neovim gave no answer: ${run.stderr}`);
  const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
  for (const result of results) {
    if (result.raised) throw new Error(`our side raised: ${result.raised}`);
  }
  return results;
}

// ---- The simulator ------------------------------------------------------------------------------

async function startSimulator() {
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
  const child = spawn(python, [join(root, 'tests/enclave'), '--port', '0', '--stdin-guard'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const simulator = { models: [], stop: () => child.kill() };
  for await (const line of createInterface({ input: child.stdout })) {
    const [key, value] = line.split(' ');
    if (key === 'listening') simulator.url = value.replace(/\/$/, '');
    if (key === 'model') simulator.models.push(value);
    if (key === 'root') break;
  }
  simulator.post = async (path, body) => {
    const text = JSON.stringify(body);
    const answer = await fetch(simulator.url + path, { method: 'POST', body: text });
    assert.equal(answer.ok, true, `${path}: ${answer.status}`);
  };
  simulator.log = async () => (await fetch(`${simulator.url}/_log`)).json();
  return simulator;
}

// ---- What both must agree on --------------------------------------------------------------------

const texts = [
  'a', ' ', 'Hello', 'Grüße 🧪\n\ttab', '[{"type":"text"}]', 'x'.repeat(5000), 'nul\0x',
];

// Whole bytes of an answer as a web stream, cut into pieces.
function bodyOf(bytes, piece) {
  return new ReadableStream({
    start(controller) {
      for (let i = 0; i < bytes.length; i += piece) controller.enqueue(bytes.slice(i, i + piece));
      controller.close();
    },
  });
}

async function collect(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

function contentOf(events) {
  const failure = events.find((event) => event.kind === 'error');
  assert.equal(failure, undefined, `our stream failed: ${JSON.stringify(failure)}`);
  return events.filter((event) => event.kind === 'content').map((event) => event.text).join('');
}

async function post(simulator, model, sealed, key = 'k') {
  return fetch(`${simulator.url}/api/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json', Authorization: `Bearer ${key}`, ...sealed.headers,
    },
    body: JSON.stringify({
      model,
      messages: sealed.encryptedMessages,
      stream: true,
      venice_parameters: sealed.veniceParameters,
    }),
  });
}

async function testEnvelope({ name, api }) {
  await test(`${name}: keys and addresses are the same`, async () => {
    const pairs = Array.from({ length: 8 }, () => api.generateKeypair());
    const results = ours(pairs.flatMap((pair) => [
      { op: 'public_key', private: api.toHex(pair.privateKey) },
      { op: 'address', public: pair.pubKeyHex },
    ]));
    pairs.forEach((pair, i) => {
      assert.equal(results[2 * i].value, pair.pubKeyHex);
      const address = api.toHex(api.deriveEthAddress(pair.pubKeyHex));
      assert.equal(results[2 * i + 1].value, `0x${address}`);
    });
  });

  await test(`${name}: we open what it seals`, async () => {
    const model = api.generateKeypair();
    const calls = [];
    for (const text of texts) {
      const client = api.generateKeypair();
      const key = await api.deriveAESKey(client.privateKey, model.pubKeyHex);
      const blob = await api.encryptMessage(key, client.publicKey, text);
      calls.push({ op: 'open', private: api.toHex(model.privateKey), blob });
    }
    assert.deepEqual(ours(calls).map((result) => result.value), texts);
  });

  await test(`${name}: it opens what we seal`, async () => {
    const client = api.generateKeypair();
    const results = ours(texts.map((text) => ({ op: 'seal', public: client.pubKeyHex, text })));
    for (let i = 0; i < texts.length; i += 1) {
      assert.equal(await api.decryptChunk(client.privateKey, results[i].value), texts[i]);
    }
  });

  await test(`${name}: neither opens a blob that was touched`, async () => {
    const pair = api.generateKeypair();
    const [{ value: blob }] = ours([{ op: 'seal', public: pair.pubKeyHex, text: 'secret' }]);
    const calls = [];
    for (const at of [140, 160, blob.length - 1]) {
      const digit = blob[at] === '0' ? '1' : '0';
      const touched = blob.slice(0, at) + digit + blob.slice(at + 1);
      await assert.rejects(api.decryptChunk(pair.privateKey, touched));
      calls.push({ op: 'open', private: api.toHex(pair.privateKey), blob: touched });
    }
    for (const result of ours(calls)) assert.equal(result.code, 'integrity');
  });

  await test(`${name}: names of models are told apart in the same way`, async () => {
    const ids = ['e2ee-x', 'tee-x', 'x', ''];
    const results = ours(ids.map((id) => ({ op: 'is_e2ee_model', id })));
    ids.forEach((id, i) => assert.equal(results[i].value, api.isE2EEModel(id)));
  });
}

async function testClient({ name, api }, simulator) {
  const conversation = [
    { role: 'system', content: 'Answer in one word.' },
    { role: 'user', content: 'Grüße 🧪' },
    { role: 'assistant', content: 'Hallo.' },
    { role: 'user', content: 'And now?' },
  ];

  for (const model of simulator.models.filter((id) => id.startsWith('e2ee-'))) {
    await test(`${name}: chats with our simulator, ${model}`, async () => {
      await simulator.post('/_reset', {});
      await simulator.post('/_answer', { chunks: ['One ', 'wörd', ' 🎉\n'], reasoning: 'hm' });
      const client = api.createVeniceE2EE({ apiKey: 'k', baseUrl: simulator.url });
      const session = await client.createSession(model);
      assert.deepEqual(session.attestation.errors, []);
      const sealed = await client.encrypt(conversation, session);
      const answer = await post(simulator, model, sealed);
      assert.equal(answer.status, 200, await (answer.ok ? '' : answer.text()));
      assert.equal(await collect(client.decryptStream(answer.body, session)), 'One wörd 🎉\n');
      const entry = (await simulator.log()).find((request) => request.path.includes('completions'));
      assert.equal(entry.all_sealed, true);
      const sent = entry.messages.map(({ role, text }) => ({ role, content: text }));
      assert.deepEqual(sent, conversation);
      client.clearSession();
    });
  }
}

async function testStream({ name, api }, simulator) {
  const model = simulator.models[0];

  await test(`${name}: reads the same out of the same stream`, async () => {
    await simulator.post('/_reset', {});
    await simulator.post('/_answer', { tokens: 60, reasoning: 'some thoughts' });
    const client = api.createVeniceE2EE({ apiKey: 'k', baseUrl: simulator.url });
    const session = await client.createSession(model);
    const sealed = await client.encrypt([{ role: 'user', content: 'Go on' }], session);
    const answer = await post(simulator, model, sealed);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const theirs = await collect(api.decryptSSEStream(bodyOf(bytes, 1000), session.privateKey));
    assert.ok(theirs.length > 100, 'the answer is too short to say much');
    const calls = [1, 7, 1000, bytes.length].map((piece) => ({
      op: 'stream',
      private: api.toHex(session.privateKey),
      bytes: new TextDecoder().decode(bytes),
      piece,
    }));
    for (const result of ours(calls)) assert.equal(contentOf(result.value), theirs);
  });

  await test(`${name}: white space in plaintext passes in both, marked in ours`, async () => {
    const pair = api.generateKeypair();
    const [{ value: blob }] = ours([{ op: 'seal', public: pair.pubKeyHex, text: 'x' }]);
    const event = (content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
    const text = `${event(blob)}${event('\n ')}${event(blob)}data: [DONE]\n\n`;
    const body = bodyOf(new TextEncoder().encode(text), 50);
    assert.equal(await collect(api.decryptSSEStream(body, pair.privateKey)), 'x\n x');
    const [{ value: events }] = ours([
      { op: 'stream', private: api.toHex(pair.privateKey), bytes: text, piece: 50 },
    ]);
    assert.equal(contentOf(events), 'x\n x');
    assert.deepEqual(events.filter((e) => e.authenticated === false).map((e) => e.text), ['\n ']);
  });
}

// Both judge the binding of the same evidence; the strict one is never the laxer one.
async function testVerdicts({ name, api }, simulator) {
  const cases = [
    [null, true],
    ['nonce_report_data_sha256', true],
    ['address_checksummed', true],
    ['td_debug', false],
    ['nonce_report_data', false],
    ['report_data_address', false],
    ['key_unbound', false],
  ];

  for (const [fault, good] of cases) {
    await test(`${name}: agrees about evidence: ${fault ?? 'good'}`, async () => {
      await simulator.post('/_reset', {});
      if (fault) await simulator.post('/_fault', { name: fault });
      const nonce = crypto.getRandomValues(new Uint8Array(32));
      const model = simulator.models[0];
      const query = `model=${model}&nonce=${api.toHex(nonce)}`;
      const url = `${simulator.url}/api/v1/tee/attestation?${query}`;
      const response = await (await fetch(url)).text();
      const theirs = await api.verifyAttestation(JSON.parse(response), nonce, undefined);
      const [{ value: report }] = ours([{
        op: 'verify', response, nonce: api.toHex(nonce), model, now: Math.floor(Date.now() / 1000),
      }]);
      assert.equal(theirs.errors.length === 0, good, theirs.errors.join('; '));
      assert.equal(report.accepted, good, report.reason);
    });
  }
}

const simulator = await startSimulator();
try {
  for (const peer of peers) {
    await testEnvelope(peer);
    await testClient(peer, simulator);
    await testStream(peer, simulator);
    await testVerdicts(peer, simulator);
  }
} finally {
  simulator.stop();
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`1..${count}`);
process.exit(failures > 0 ? 1 : 0);
