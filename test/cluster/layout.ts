import { join } from 'node:path';

/** Where a control plane keeps its files, so that every process that knows the directory finds them. */
export interface Layout {
  readonly dir: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
  /** A Unix socket on which the process that owns the components takes orders to stop and start them. */
  readonly control: string;
  pki(file: string): string;
  kubeconfig(name: string): string;
  log(component: string): string;
}

export function layoutOf(dir: string): Layout {
  return {
    dir,
    auditPolicy: join(dir, 'audit-policy.json'),
    auditLog: join(dir, 'audit.log'),
    control: join(dir, 'control.sock'),
    pki: (file) => join(dir, 'pki', file),
    kubeconfig: (name) => join(dir, 'kubeconfigs', name),
    log: (component) => join(dir, 'logs', `${component}.log`),
  };
}
