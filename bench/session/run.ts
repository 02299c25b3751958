/** `npm run bench:session [PART…]`: what a session costs. See ../README.md. */
import { availableParallelism, loadavg } from 'node:os';
import { table } from '../table.ts';
import { startCluster } from './cluster.ts';
import { reportEndpoint } from './endpoint.ts';
import { reportPods } from './node.ts';
import { reportProxy } from './proxy.ts';
import { reportMemory } from './memory.ts';
import { prepare, type Rig } from './rig.ts';
import { reportStart } from './start.ts';

const PARTS = ['aws', 'node', 'kubernetes', 'memory'] as const;

const named = process.argv.slice(2);
const unknown = named.find((name) => !PARTS.some((part) => part === name));
if (unknown !== undefined) {
  console.error(`there is no part "${unknown}". Next: name some of ${PARTS.join(', ')}, or none for all`);
  process.exit(2);
}

const MEMORY = ['anonymous memory, MB', 'session', 'aim'];

const rig = await prepare();
try {
  console.log(`Node ${process.versions.node}, ${availableParallelism()} CPUs, load before: ${busy()}`);
  await measure(rig);
  console.log(`\nload afterwards: ${busy()}`);
} finally {
  await rig.close();
}

async function measure(rig: Rig): Promise<void> {
  if (wanted('aws')) {
    const rows = [...(await reportStart(rig)), ...(await reportEndpoint(rig))];
    show(['AWS', 'session', 'beside', 'ratio', 'aim'], rows);
  }
  if (wanted('node')) {
    const rows = await reportPods();
    if (typeof rows === 'string') console.log(`\nno pod was started: ${rows}`);
    else show(['pods on a node', 'session', 'without', 'more', 'aim'], rows);
  }
  if (!wanted('kubernetes') && !wanted('memory')) return;
  const cluster = await startCluster();
  if (typeof cluster === 'string') {
    console.log(`\nnothing was measured of Kubernetes: ${cluster}`);
    show(MEMORY, await reportMemory(rig, undefined));
    return;
  }
  try {
    if (wanted('kubernetes')) {
      show(['Kubernetes', 'session', 'kubectl proxy', 'ratio', 'aim'], await reportProxy(rig, cluster));
    }
    if (wanted('memory')) show(MEMORY, await reportMemory(rig, cluster));
  } finally {
    await cluster.controlPlane.close();
  }
}

/** All parts, when none is named. */
function wanted(part: (typeof PARTS)[number]): boolean {
  return named.length === 0 || named.includes(part);
}

function show(head: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`\n${table(head, rows)}`);
}

/** Processes that ran or wanted to, on average over one, five and fifteen minutes. */
function busy(): string {
  return loadavg()
    .map((each) => each.toFixed(1))
    .join(', ');
}
