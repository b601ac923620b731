// How many times longer @phala/dcap-qvl takes for the same quote and collateral than we do.
// node tests/bench/peer_dcap.mjs MICROSECONDS_OF_OURS

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../build/interop/package.json', import.meta.url));
const qvl = require('@phala/dcap-qvl');

const ours = Number(process.argv[2]);
const ROUNDS = 100;
const samples = `${process.env.VENICE_CORPUS}/dcap-samples/`;
const quote = readFileSync(`${samples}tdx_quote`);
const collateral = JSON.parse(readFileSync(`${samples}tdx_quote_collateral.json`, 'utf8'));

const times = [];
for (let i = 0; i < ROUNDS; i++) {
  const start = process.hrtime.bigint();
  const { status } = qvl.verify(quote, collateral, 1751000000);
  times.push(Number(process.hrtime.bigint() - start) / 1000);
  if (status !== 'UpToDate') process.exit(1);
}
times.sort((a, b) => a - b);
console.log((times[ROUNDS / 2] / ours).toFixed(1));
