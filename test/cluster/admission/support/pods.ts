import type { V1Pod, V1Volume, V1VolumeMount } from '@kubernetes/client-node';

export const APP = { name: 'app', image: 'app:1' } as const;

/** A pod as a person writes it: nothing but what the test is about. */
export function podWith(spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'agent-', ...metadata },
    spec: { containers: [APP], ...spec },
  };
}

/** A pod whose only container has more than a name and an image. */
export function podWithApp(app: object, spec: object = {}): object {
  return podWith({ containers: [{ ...APP, ...app }], ...spec });
}

/** Passes Pod Security `restricted`. */
export const RESTRICTED = podWith({
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ ...APP, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
});

/** What people make of the output of `kubectl get pod -o yaml` before they create it again. */
export function copyOf(stored: V1Pod): object {
  const { labels, annotations } = stored.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'copy-', ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: stored.spec,
  };
}

/** A volume that projects a token of the pod's service account; without an audience it is one for the API server. */
export function tokenVolume(name: string, token: object = {}): V1Volume {
  return { name, projected: { sources: [{ serviceAccountToken: { path: 'token', ...token } }] } };
}

export type EksFlavour = 'irsa' | 'pod-identity';

/** What amazon-eks-pod-identity-webhook puts into a pod for either of its two mechanisms. */
export const EKS: Readonly<Record<EksFlavour, EksInjection>> = {
  irsa: {
    volume: 'aws-iam-token',
    audience: 'sts.amazonaws.com',
    tokenPath: 'token',
    mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount',
    env: [
      { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::111122223333:role/of-the-account' },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token' },
    ],
  },
  'pod-identity': {
    volume: 'eks-pod-identity-token',
    audience: 'pods.eks.amazonaws.com',
    tokenPath: 'eks-pod-identity-token',
    mountPath: '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount',
    env: [
      { name: 'AWS_CONTAINER_CREDENTIALS_FULL_URI', value: 'http://169.254.170.23/v1/credentials' },
      {
        name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
        value: '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token',
      },
    ],
  },
};

interface EksInjection {
  readonly volume: string;
  readonly audience: string;
  readonly tokenPath: string;
  readonly mountPath: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

export function eksVolume(flavour: EksFlavour): V1Volume {
  const { volume, audience, tokenPath } = EKS[flavour];
  return tokenVolume(volume, { audience, expirationSeconds: 86_400, path: tokenPath });
}

export function eksMount(flavour: EksFlavour): V1VolumeMount {
  const { volume, mountPath } = EKS[flavour];
  return { name: volume, mountPath, readOnly: true };
}
