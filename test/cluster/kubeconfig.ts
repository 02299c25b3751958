import { writeFileSync } from 'node:fs';
import type { PemPair } from './certificates.ts';

/** How a kubeconfig's user proves who it is. */
export type Credentials = PemPair | { readonly token: string };

/** Writes a kubeconfig that needs no other file. It is JSON, which YAML readers accept. */
export function writeKubeconfig(path: string, server: string, ca: string, credentials: Credentials): string {
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : { 'client-certificate-data': base64(credentials.cert), 'client-key-data': base64(credentials.key) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  return path;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
