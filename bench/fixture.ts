import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../.ci/bundle.ts';
import { WEBHOOK_PATH } from '../src/names.ts';
import { SAMPLE_POLICY } from '../src/policy/sample.ts';
import { createAuthority, issueServing } from '../src/tls/authority.ts';
import type { Program } from './server.ts';

/** What both servers need, in a directory that goes when this process ends. */
export interface Fixture {
  /** The authority of the servers' certificate, PEM. */
  readonly ca: string;
  /** Where the webhook takes reviews. */
  readonly path: string;
  readonly ours: Program;
  /** @param patches the sizes, in bytes, of the patches it can answer with: one for each path `/SIZE` */
  readonly bare: (patches: readonly number[]) => Program;
}

/** Options of Node that both servers are started with. */
export const NODE_OPTIONS: readonly string[] = [];

/** Bundles both programs, and makes a certificate, a path secret and a policy. */
export async function prepare(): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const at = (path: string): string => join(directory, path);

  const now = new Date();
  const authority = await createAuthority({ commonName: 'countersign bench', days: 1, now });
  const serving = await issueServing({ authority, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, now });
  const secret = randomBytes(32).toString('base64url');
  for (const name of ['tls', 'path', 'logs']) mkdirSync(at(name));
  writeFileSync(at('tls/tls.crt'), serving.certificate);
  writeFileSync(at('tls/tls.key'), serving.key, { mode: 0o600 });
  writeFileSync(at('path/secret'), secret, { mode: 0o600 });
  writeFileSync(at('policy.yaml'), SAMPLE_POLICY);
  await bundle('countersign', 'src/main.ts', at('ours'));
  await bundle('bare', 'bench/bare.ts', at('bare'));

  return {
    ca: authority.certificate,
    path: `${WEBHOOK_PATH.mutate}/${secret}`,
    ours: {
      name: 'countersign',
      args: (port, probePort) => [
        ...NODE_OPTIONS,
        at('ours/countersign.js'),
        'webhook',
        '--host=127.0.0.1',
        `--port=${port}`,
        `--probe-port=${probePort}`,
        `--tls-dir=${at('tls')}`,
        `--path-secret-dir=${at('path')}`,
        `--policy=${at('policy.yaml')}`,
        `--session-image=registry.example.com/countersign@sha256:${'0'.repeat(64)}`,
        '--drain-seconds=0',
      ],
      // A file, so that every line is written and nobody has to be fast enough to read it. In a directory of its own,
      // because the webhook watches those of its own files.
      stdout: openSync(at('logs/webhook'), 'a'),
    },
    bare: (patches) => ({
      name: 'bare fastify',
      args: (port, probePort) =>
        [...NODE_OPTIONS, at('bare/bare.js'), port, probePort, at('tls'), ...patches].map(String),
      stdout: 'ignore',
    }),
  };
}
