/** `npm run bench:session`: what a session costs. See ../README.md. */
import { availableParallelism, loadavg } from 'node:os';
import { table } from '../table.ts';
import { reportEndpoint } from './endpoint.ts';
import { prepare } from './rig.ts';
import { reportStart } from './start.ts';

const rig = await prepare();
try {
  console.log(`Node ${process.versions.node}, ${availableParallelism()} CPUs, load before ${loadavg().join(' ')}\n`);
  console.log(
    table(['', 'session', 'beside', 'ratio', 'aim'], [...(await reportStart(rig)), ...(await reportEndpoint(rig))]),
  );
} finally {
  await rig.close();
}
