import type { NodeConnection } from '../rig/node.ts';

/** Passes Pod Security `restricted`. */
export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

/** An application's container as its author writes it. */
export function app({ images }: NodeConnection, command: readonly string[], more: object = {}): object {
  return { name: 'app', image: images.app, imagePullPolicy: 'Never', command, securityContext: RESTRICTED, ...more };
}
