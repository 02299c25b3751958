import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { auditPolicy } from './audit.ts';
import { Authority, type PemPair, signingKeyPair } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { Wiring } from './flags.ts';

/** Writes all that the components read: keys, certificates, kubeconfigs, the audit policy. */
export async function writeFiles({ layout, server, address }: Wiring): Promise<void> {
  for (const path of [layout.pki('x'), layout.kubeconfig('x'), layout.log('x')]) {
    mkdirSync(dirname(path), { recursive: true });
  }
  const authority = await Authority.create('countersign-test-ca');
  const pair = (name: string, { cert, key }: PemPair) => {
    writeFileSync(layout.pki(`${name}.crt`), cert);
    writeFileSync(layout.pki(`${name}.key`), key, { mode: 0o600 });
  };
  pair('ca', authority.pem);
  pair('apiserver', await authority.server([address, '127.0.0.1', 'localhost', 'kubernetes.default.svc']));
  pair('kubelet-client', await authority.client('kube-apiserver-kubelet-client', ['system:masters']));

  const serviceAccounts = await signingKeyPair();
  writeFileSync(layout.pki('service-accounts.pub'), serviceAccounts.publicKey);
  writeFileSync(layout.pki('service-accounts.key'), serviceAccounts.privateKey, { mode: 0o600 });

  const admin = await authority.client('admin', ['system:masters']);
  pair('admin', admin);
  writeKubeconfig(layout.kubeconfig('admin'), server, authority.pem.cert, admin);
  const controllers = await authority.client('system:kube-controller-manager');
  writeKubeconfig(layout.kubeconfig('kube-controller-manager'), server, authority.pem.cert, controllers);

  writeFileSync(layout.auditPolicy, JSON.stringify(auditPolicy));
}
