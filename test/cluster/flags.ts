import { join } from 'node:path';
import type { Layout } from './layout.ts';

/** What the programs of one control plane have in common. */
export interface Wiring {
  readonly layout: Layout;
  readonly etcdUrl: string;
  /** The address the API server listens on, and the URL that comes of it. */
  readonly address: string;
  readonly server: string;
  readonly port: number;
  readonly extraApiServerFlags: readonly string[];
}

export function etcdFlags({ layout, etcdUrl }: Wiring): string[] {
  return [
    `--data-dir=${join(layout.dir, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    // There is no peer, and any port does.
    '--listen-peer-urls=http://127.0.0.1:0',
    // What is lost in a crash of the machine was a test's.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** Admission plugins and feature gates stay as they are by default: that is what the tests are about. */
export function apiServerFlags({ layout, etcdUrl, address, port, extraApiServerFlags }: Wiring): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    // A loopback address may not be in the endpoints of the Service `kubernetes`, and nobody here uses them.
    '--endpoint-reconciler-type=none',
    `--cert-dir=${layout.pki('')}`,
    `--tls-cert-file=${layout.pki('apiserver.crt')}`,
    `--tls-private-key-file=${layout.pki('apiserver.key')}`,
    `--client-ca-file=${layout.pki('ca.crt')}`,
    `--kubelet-client-certificate=${layout.pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${layout.pki('kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${layout.pki('service-accounts.pub')}`,
    `--service-account-signing-key-file=${layout.pki('service-accounts.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    `--audit-policy-file=${layout.auditPolicy}`,
    `--audit-log-path=${layout.auditLog}`,
    ...extraApiServerFlags,
  ];
}

export function controllerManagerFlags({ layout }: Wiring): string[] {
  const kubeconfig = layout.kubeconfig('kube-controller-manager');
  return [
    `--kubeconfig=${kubeconfig}`,
    // As in production each controller acts under a name of its own, and admission sees that name.
    '--use-service-account-credentials',
    `--service-account-private-key-file=${layout.pki('service-accounts.key')}`,
    `--root-ca-file=${layout.pki('ca.crt')}`,
    `--cluster-signing-cert-file=${layout.pki('ca.crt')}`,
    `--cluster-signing-key-file=${layout.pki('ca.key')}`,
    '--leader-elect=false',
    // Serves nothing: whether it works is seen in what it does.
    '--secure-port=0',
  ];
}
