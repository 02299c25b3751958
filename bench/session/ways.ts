import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Child, startChild } from '../child.ts';
import type { Cluster } from './cluster.ts';
import { newSession, OPERATOR, type Rig } from './rig.ts';
import { openSession } from './session.ts';

/** A way to the Kubernetes API as the operator. */
export interface Way {
  readonly child: Child;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Through a session: over TLS, with its local token. */
export async function throughSession(rig: Rig, { controlPlane, namespace, token }: Cluster): Promise<Way> {
  const { server, ca } = controlPlane;
  const kubernetes = { identity: 'pod', server, ca, namespace, token } as const;
  const { child, kubernetes: way } = await openSession(
    rig,
    await newSession(rig, { metadata: rig.closed, kubernetes }),
  );
  return { child, url: way.url, headers: { authorization: `Bearer ${way.token}` } };
}

/** Through `kubectl proxy --as`, with the same token: over plain HTTP, open to whoever reaches the port. */
export async function throughKubectl({ kubectl, kubeconfig }: Cluster): Promise<Way> {
  const args = [`--kubeconfig=${kubeconfig}`, `--as=${OPERATOR}`, 'proxy', '--port=0'];
  const child = startChild(kubectl, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { HOME: '/nonexistent' } });
  const { stdout } = child.process;
  if (stdout === null) throw new Error('kubectl proxy has no output');
  const [line] = (await once(createInterface(stdout), 'line')) as [string];
  const address = /Starting to serve on (\S+)/.exec(line)?.[1];
  if (address === undefined) throw new Error(`kubectl proxy: ${line}`);
  return { child, url: `http://${address}`, headers: {} };
}
