// How many times longer the npm peer takes to open a chunk than we do.
// node tests/bench/peer_open.mjs MICROSECONDS_OF_OURS

const peer = await import('../../build/interop/node_modules/@axlabs/venice-e2ee/dist/index.js');

const ours = Number(process.argv[2]);
const ROUNDS = 400;
const client = peer.generateKeypair();
const server = peer.generateKeypair();
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const publicHex = typeof client.publicKey === 'string' ? client.publicKey : hex(client.publicKey);
const key = await peer.deriveAESKey(server.privateKey, publicHex);
const blob = await peer.encryptMessage(key, server.publicKey, ' token');

const times = [];
for (let i = 0; i < ROUNDS; i++) {
  const start = process.hrtime.bigint();
  if ((await peer.decryptChunk(client.privateKey, blob)) !== ' token') process.exit(1);
  times.push(Number(process.hrtime.bigint() - start) / 1000);
}
times.sort((a, b) => a - b);
console.log((times[ROUNDS / 2] / ours).toFixed(0));
