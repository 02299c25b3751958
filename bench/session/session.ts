import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { PATH } from '../../src/names.ts';
import { isReady, READY_FILE } from '../../src/session/ready.ts';
import { type Child, startChild } from '../child.ts';
import type { Prepared, Rig } from './rig.ts';

/** An open session. */
export interface Session {
  readonly child: Child;
  /** Milliseconds from the start of its process until it said that the application may start. */
  readonly readyMs: number;
  readonly credentials: { readonly url: string; readonly token: string };
  /** Without a token where the session has no Kubernetes. */
  readonly kubernetes: { readonly url: string; readonly token: string };
}

/** There only where the session has Kubernetes. */
const KUBERNETES_TOKEN = `${PATH.serviceAccountSubPath}/token`;

const PATIENCE_MS = 15_000;

/** @throws Error when it does not become ready; what it said stands on standard error */
export async function openSession(rig: Rig, { places, env }: Prepared): Promise<Session> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const watcher = watch(places.private, (_, name) => {
    if (name === READY_FILE && isReady(places)) resolve(performance.now());
  });
  const timer = setTimeout(reject, PATIENCE_MS, new Error('the session did not become ready in time'));
  const began = performance.now();
  const child = startChild(process.execPath, [rig.program, 'session', 'run'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  child.process.once('exit', () => reject(new Error('the session ended before it was ready')));
  try {
    const readyMs = (await promise) - began;
    const shared = (path: string): string => readFileSync(join(places.shared, path), 'utf8');
    return {
      child,
      readyMs,
      credentials: {
        url: `http://127.0.0.1:${places.awsPort}/v1/credentials`,
        token: shared(basename(PATH.awsToken)),
      },
      kubernetes: {
        url: `https://127.0.0.1:${places.kubernetesPort}`,
        token: existsSync(join(places.shared, KUBERNETES_TOKEN)) ? shared(KUBERNETES_TOKEN) : '',
      },
    };
  } finally {
    clearTimeout(timer);
    watcher.close();
  }
}

/** What holds the application back, started at the same time as the session as kubelet does. */
export async function waitAsHook(rig: Rig, { env }: Prepared): Promise<void> {
  const hook = startChild(process.execPath, [rig.program, 'session', 'await-ready', '--seconds=10'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(hook.process, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the hook ended with ${code}`);
}
