import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ENV, SESSION_SETTING, TOKEN_FILE } from '../../../src/names.ts';
import { createIssuer } from '../sts/issuer.ts';
import { kubernetesEnv } from '../support/kubernetes-env.ts';
import type { PodOptions, SessionPod, StartOptions } from '../support/session-pod.ts';

/** One step made to fail, and what people are told. */
export interface Failure {
  readonly step: string;
  readonly code: string;
  /** What the message says went wrong, and what it says to do. */
  readonly says: RegExp;
  readonly next: RegExp;
  readonly pod?: PodOptions;
  /** Makes it fail; what it returns is set for the process. */
  readonly spoil?: (pod: SessionPod) => StartOptions | undefined;
}

const POD_IDENTITY = { [SESSION_SETTING.identity]: 'pod-identity' };

/** Up to the base credentials, and beside them. */
export const FAILING_STARTS: readonly Failure[] = [
  {
    step: 'a setting that no webhook sets',
    code: 'SessionSettingInvalid',
    says: /FAB_OPERATOR .*":"/,
    next: /webhook/,
    spoil: () => ({ env: { [ENV.operator]: 'aws:alice' } }),
  },
  {
    step: 'the token is not there',
    code: 'BaseIdentityFailed',
    says: /aws-token, cannot be read/,
    next: /events of the pod/,
    spoil: (pod) => {
      rmSync(join(pod.places.tokens, TOKEN_FILE.aws));
    },
  },
  {
    step: 'the token is none',
    code: 'BaseIdentityFailed',
    says: /holds no service account token/,
    next: /events of the pod/,
    spoil: (pod) => {
      pod.writeToken('<html>');
    },
  },
  {
    step: 'the token is another cluster’s',
    code: 'BaseIdentityFailed',
    says: /InvalidIdentityToken/,
    next: /OIDC provider in IAM/,
    spoil: (pod) => {
      pod.writeToken(createIssuer().token());
    },
  },
  {
    step: 'the token has expired',
    code: 'BaseIdentityFailed',
    says: /ExpiredTokenException/,
    next: /kubelet renews/,
    spoil: (pod) => {
      pod.writeToken(pod.issuer.token({ exp: Math.floor(Date.now() / 1000) - 60 }));
    },
  },
  {
    step: 'the base role is not this service account’s',
    code: 'BaseIdentityFailed',
    says: /AccessDenied/,
    next: /trust policy of the base role/,
    spoil: (pod) => {
      pod.writeToken(pod.issuer.token({ sub: 'system:serviceaccount:team:other' }));
    },
  },
  {
    step: 'the Kubernetes CA is missing',
    code: 'SessionSettingInvalid',
    says: /COUNTERSIGN_KUBERNETES_CA is not set/,
    next: /webhook/,
    spoil: (pod) => ({ env: { ...kubernetesEnv(pod), [SESSION_SETTING.kubernetesCa]: undefined } }),
  },
  {
    step: 'no agent of EKS Pod Identity answers',
    code: 'BaseIdentityFailed',
    says: /ECONNREFUSED/,
    next: /the agent runs on this node/,
    spoil: () => ({
      env: { ...POD_IDENTITY, [SESSION_SETTING.podIdentityEndpoint]: 'http://127.0.0.1:1/v1/credentials' },
    }),
  },
  {
    step: 'no pod identity association names the service account',
    code: 'BaseIdentityFailed',
    says: /status 404, \[ResourceNotFoundException\]/,
    next: /pod identity association/,
    spoil: (pod) => {
      pod.writeToken(
        pod.issuer.token({
          aud: ['pods.eks.amazonaws.com'],
          'kubernetes.io': { namespace: 'team', serviceaccount: { name: 'other' } },
        }),
      );
      return { env: { ...POD_IDENTITY, [SESSION_SETTING.podIdentityEndpoint]: pod.sts.podIdentityUrl } };
    },
  },
];
