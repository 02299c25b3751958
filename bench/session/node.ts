import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Countersign } from '../../test/cluster/admission/support/countersign.ts';
import type { TestNode } from '../../test/node/fixture.ts';
import { startClusterWithNode } from '../../test/node/rig/cluster.ts';
import { app } from '../../test/node/support/app.ts';
import { Pods } from '../../test/node/support/pods.ts';
import { SessionNamespace } from '../../test/node/support/session-namespace.ts';
import { figure, median } from '../table.ts';

const ROUNDS = 10;
/** Milliseconds that a session may add. */
const AIM = 500;

/**
 * How long a pod takes from its creation until its application runs, with a session and without. The application says so
 * itself, by connecting to this process: what the API server knows of it comes later, and in whole seconds.
 *
 * @returns rows of a table, or why nothing can be measured here
 */
export async function reportPods(): Promise<string[][] | string> {
  const started = await startClusterWithNode(console.log);
  if ('unavailable' in started) return started.unavailable;
  const { controlPlane, node, close } = started;
  const testNode: TestNode = { cluster: Object.assign(controlPlane, { unavailable: '' }), node, unavailable: '' };
  const countersign = new Countersign(testNode.cluster);
  const server = createServer((socket) => socket.destroy()).listen(0, node.machine.address);
  try {
    await once(server, 'listening');
    await countersign.start({ sessionImage: node.images.session });
    const kinds = { sidecar: await spaceFor('sidecar'), files: await spaceFor('files') };
    const plain = new Pods(testNode.cluster, await controlPlane.newNamespace());
    const times: Record<'sidecar' | 'files' | 'plain', number[]> = { sidecar: [], files: [], plain: [] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      const measured = {
        plain: await untilRunning(plain, testNode, server, round),
        sidecar: await untilRunning(kinds.sidecar.pods, testNode, server, round),
        files: await untilRunning(kinds.files.pods, testNode, server, round),
      };
      // In the first round the node reads its images.
      if (round === 0) continue;
      for (const kind of ['plain', 'sidecar', 'files'] as const) times[kind].push(measured[kind]);
    }
    for (const { sts } of Object.values(kinds)) await sts.stop();
    return (['sidecar', 'files'] as const).map((kind) =>
      row(`application runs, delivery: ${kind}, ms`, times[kind], times.plain),
    );
  } finally {
    await countersign.stop();
    server.close();
    await close();
  }

  function spaceFor(delivery: string): Promise<SessionNamespace> {
    return SessionNamespace.create(testNode, countersign, { session: { delivery } });
  }
}

async function untilRunning(pods: Pods, { node }: TestNode, server: Server, round: number): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const name = `pod-${round}`;
  const connected = once(server, 'connection', { signal: AbortSignal.timeout(60_000) });
  const command = ['nc', '-w', '5', node.machine.address, String(port)];
  const began = performance.now();
  await pods.create({
    metadata: { name },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [app(node, command)] },
  });
  await connected;
  const time = performance.now() - began;
  await pods.delete(name);
  return time;
}

function row(what: string, times: readonly number[], plain: readonly number[]): string[] {
  const more = median(times.map((time, round) => time - (plain[round] ?? Number.NaN)));
  return [
    what,
    figure(median(times)),
    figure(median(plain)),
    figure(more),
    `${AIM}: ${more <= AIM ? 'met' : 'missed'}`,
  ];
}
