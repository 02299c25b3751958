import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ProxySecrets, proxySecrets } from '../../../../src/session/kubernetes/ca.ts';
import { describeCertificate } from '../../../../src/tls/authority.ts';
import type { Store } from '../../../../src/session/state.ts';

const FILE = 'kubernetes-proxy.json';

function memory(content?: string): Store & { readonly files: Map<string, string> } {
  const files = new Map<string, string>(content === undefined ? [] : [[FILE, content]]);
  return { files, read: async (name) => files.get(name), write: async (name, text) => void files.set(name, text) };
}

describe('what the proxy proves itself with', () => {
  let first: ProxySecrets;
  let kept: string;
  beforeAll(async () => {
    const store = memory();
    first = await proxySecrets(store);
    kept = store.files.get(FILE) ?? '';
  });

  it('a certificate for loopback, from an authority that signed nothing else', () => {
    expect(describeCertificate(first.certificate)).toMatchObject({
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
      isAuthority: false,
    });
    expect(describeCertificate(first.ca).isAuthority).toBe(true);
    expect(new X509Certificate(first.certificate).verify(new X509Certificate(first.ca).publicKey)).toBe(true);
    expect(first.token).toMatch(/^[\w-]{43}$/);
    // The authority's own key is kept nowhere: whoever read all this could still not vouch for another server.
    expect(kept.match(/PRIVATE KEY-----\\n/g)).toHaveLength(2);
  });

  it('is the same after a restart', async () => {
    expect(await proxySecrets(memory(kept))).toEqual(first);
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, 100)],
    ['empty', () => ''],
    ['another kind of JSON', () => '[]'],
    ['without its token', (text: string) => JSON.stringify({ ...JSON.parse(text), token: '' })],
    [
      'of another authority',
      (text: string, other: ProxySecrets) => JSON.stringify({ ...JSON.parse(text), ca: other.ca }),
    ],
    [
      'with another key',
      (text: string, other: ProxySecrets) => JSON.stringify({ ...JSON.parse(text), key: other.key }),
    ],
  ])('%s: made anew, and kept', async (_, damage) => {
    const other = await proxySecrets(memory());
    const store = memory(damage(kept, other));
    const again = await proxySecrets(store);
    expect(again.token).not.toBe(first.token);
    expect(await proxySecrets(store)).toEqual(again);
  });

  it('over its time: made anew', async () => {
    const later = new Date(Date.now() + 3_651 * 86_400_000);
    expect((await proxySecrets(memory(kept), later)).ca).not.toBe(first.ca);
  });
});
