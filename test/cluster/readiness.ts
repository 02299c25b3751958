import { readFileSync } from 'node:fs';
import { apiRequest } from './api-request.ts';
import type { Wiring } from './flags.ts';
import { until } from './until.ts';

export async function etcdIsHealthy({ etcdUrl }: Wiring): Promise<boolean> {
  const response = await fetch(`${etcdUrl}/health`, { signal: AbortSignal.timeout(2_000) });
  return response.ok;
}

export async function apiServerIsReady(wiring: Wiring): Promise<boolean> {
  return (await asAdmin(wiring, 'GET', '/readyz')).status === 200;
}

/** The controllers work when a new namespace gets its service account; until then no pod is admitted there. */
export async function controllersWork(wiring: Wiring): Promise<boolean> {
  const metadata = { generateName: 'readiness-' };
  const created = await asAdmin(wiring, 'POST', '/api/v1/namespaces', { metadata });
  if (created.status !== 201) throw new Error(`cannot create a namespace: ${created.status} ${created.body}`);
  const { name } = (JSON.parse(created.body) as { metadata: { name: string } }).metadata;
  const path = `/api/v1/namespaces/${name}`;
  try {
    await until(
      'the new namespace has its service account',
      async () => (await asAdmin(wiring, 'GET', `${path}/serviceaccounts/default`)).status === 200,
      { timeoutMs: 20_000 },
    );
  } finally {
    await asAdmin(wiring, 'DELETE', path);
  }
  return true;
}

function asAdmin({ layout, server }: Wiring, method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) {
  const pki = (file: string) => readFileSync(layout.pki(file), 'utf8');
  const credentials = { cert: pki('admin.crt'), key: pki('admin.key') };
  return apiRequest({ server, ca: pki('ca.crt'), credentials }, method, path, body);
}
