import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../test/cluster/ports.ts';
import { type Child, startChild } from './child.ts';

/** How a server is started. */
export interface Program {
  readonly name: string;
  /** Options of Node, the program, and what comes after it. */
  args(port: number, probePort: number): readonly string[];
  /** Where its standard output goes: an open file, or nowhere. */
  readonly stdout: number | 'ignore';
}

/** A server that answers on loopback. */
export interface Running extends Child {
  readonly name: string;
  readonly port: number;
  readonly probePort: number;
  /** Milliseconds from its start until `/readyz` said yes. */
  readonly readyMs: number;
}

const PATIENCE_MS = 30_000;

/** Starts a server and waits until it is ready. */
export async function start(program: Program): Promise<Running> {
  const [port, probePort] = await freePorts(['127.0.0.1', '127.0.0.1']);
  const began = performance.now();
  const child = startChild(process.execPath, program.args(port, probePort), {
    stdio: ['ignore', program.stdout, 'inherit'],
  });
  const readyMs = await untilReady(program.name, child, probePort, began);
  return { ...child, name: program.name, port, probePort, readyMs };
}

async function untilReady(name: string, child: Child, probePort: number, began: number): Promise<number> {
  for (;;) {
    const ready = await isReady(probePort);
    const elapsed = performance.now() - began;
    if (ready) return elapsed;
    if (child.ended() || elapsed > PATIENCE_MS) throw new Error(`${name} did not become ready`);
    await sleep(2);
  }
}

function isReady(probePort: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ host: '127.0.0.1', port: probePort, path: '/readyz', agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  }).on('error', () => resolve(false));
  return promise;
}
