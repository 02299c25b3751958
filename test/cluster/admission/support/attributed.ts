import type { V1Container, V1EnvVar, V1Pod, V1Volume } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { ROLE } from './countersign.ts';
import { SESSION_IMAGE } from './webhook-process.ts';

/*
 * What an attributed pod looks like, written down a second time: nothing here comes from the program, so that a name
 * which changes there is noticed here.
 */

const PRIVATE = ['countersign-private', 'countersign-tokens'];
const OURS = ['countersign', ...PRIVATE];

export interface Expected {
  readonly role?: string;
  readonly delivery?: 'sidecar' | 'files';
  /** Whether it reaches the Kubernetes API. */
  readonly kubernetes?: boolean;
  /** Volumes with a token that nobody may mount, and that are there all the same. */
  readonly idleTokens?: readonly string[];
}

/** Checks that a stored pod is the session of this operator, whole and with no other way to AWS or Kubernetes. */
export function expectAttributed(pod: V1Pod, operator: string, expected: Expected = {}): void {
  const { role = ROLE, delivery = 'sidecar', kubernetes = false, idleTokens = [] } = expected;
  const { session, others } = containersOf(pod);
  expect(session.image).toBe(SESSION_IMAGE);
  expect(session.restartPolicy).toBe(delivery === 'sidecar' ? 'Always' : undefined);
  expect(session.command).toEqual(['/usr/local/bin/countersign', 'session', delivery === 'sidecar' ? 'run' : 'init']);
  expect(session.volumeMounts?.map(({ name }) => name)).toEqual(OURS);
  expect(envOf(session, 'FAB_OPERATOR')).toEqual({ value: operator });
  expect(envOf(session, 'FAB_SESSION_ROLE_ARN')).toEqual({ value: role });

  expect(others.length).toBeGreaterThan(0);
  for (const container of others) {
    expectSessionVariables(container, operator, role);
    expectOneAwsMechanism(container, delivery);
    expectOnlyOurMounts(container, kubernetes);
    expectWayToKubernetes(container, kubernetes);
  }

  expect(pod.spec?.automountServiceAccountToken).toBe(false);
  const volumes = pod.spec?.volumes ?? [];
  for (const name of OURS) expect(volumes.filter((volume) => volume.name === name)).toHaveLength(1);
  expect(volumes.filter(hasToken).map(({ name }) => name)).toEqual([...idleTokens, 'countersign-tokens']);
  for (const container of others) expect(tokenVolumesIn(pod, container)).toEqual([]);
  const skipped = pod.metadata?.annotations?.['eks.amazonaws.com/skip-containers']?.split(',');
  expect(skipped).toEqual(expect.arrayContaining([session, ...others].map(({ name }) => name)));
}

/** The session container and all others; fails when it is not the first init container, or there are several. */
export function containersOf(pod: V1Pod): { session: V1Container; others: readonly V1Container[] } {
  const [session, ...init] = pod.spec?.initContainers ?? [];
  const others = [...init, ...(pod.spec?.containers ?? [])];
  expect(session?.name).toBe('countersign');
  expect(others.map(({ name }) => name)).not.toContain('countersign');
  if (session === undefined) throw new Error('there is no session container');
  return { session, others };
}

/** Nothing of Countersign's is in the pod. */
export function expectUntouched(pod: V1Pod): void {
  const text = JSON.stringify([pod.spec, pod.metadata?.annotations]);
  expect(text).not.toMatch(/countersign|FAB_|skip-containers/);
}

/** A variable without its name; undefined where there is none. */
export function envOf(container: V1Container, name: string): Omit<V1EnvVar, 'name'> | undefined {
  const found = (container.env ?? []).filter((entry) => entry.name === name);
  if (found.length > 1) throw new Error(`container ${container.name} has ${name} ${found.length} times`);
  if (found[0] === undefined) return undefined;
  const { name: _, ...value } = found[0];
  return value;
}

/** Names of the volumes from which a container could read a token of the pod's service account. */
export function tokenVolumesIn(pod: V1Pod, container: V1Container): readonly string[] {
  const withToken = new Set((pod.spec?.volumes ?? []).filter(hasToken).map(({ name }) => name));
  return (container.volumeMounts ?? []).map(({ name }) => name).filter((name) => withToken.has(name));
}

function hasToken({ projected }: V1Volume): boolean {
  return projected?.sources?.some((source) => source.serviceAccountToken !== undefined) === true;
}

function expectSessionVariables(container: V1Container, operator: string, role: string): void {
  expect(envOf(container, 'FAB_OPERATOR')).toEqual({ value: operator });
  expect(envOf(container, 'FAB_SESSION_ROLE_ARN')).toEqual({ value: role });
  expect(envOf(container, 'FAB_SESSION_DURATION')).toEqual({ value: expect.stringMatching(/^[0-9]+$/) as string });
  expect(envOf(container, 'FAB_SESSION_ID')).toEqual({
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } },
  });
  expect(envOf(container, 'KUBECONFIG')).toEqual({ value: '/var/run/countersign/kubeconfig' });
}

function expectOneAwsMechanism(container: V1Container, delivery: 'sidecar' | 'files'): void {
  const sidecar = delivery === 'sidecar';
  expect(envOf(container, 'AWS_CONTAINER_CREDENTIALS_FULL_URI')).toEqual(
    sidecar ? { value: 'http://127.0.0.1:9911/v1/credentials' } : undefined,
  );
  expect(envOf(container, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')).toEqual(
    sidecar ? { value: '/var/run/countersign/aws-token' } : undefined,
  );
  expect(envOf(container, 'AWS_CONFIG_FILE')).toEqual({ value: '/var/run/countersign/aws-config' });
  expect(envOf(container, 'AWS_SHARED_CREDENTIALS_FILE')).toEqual({ value: '/var/run/countersign/aws-credentials' });
  expect(envOf(container, 'AWS_EC2_METADATA_DISABLED')).toEqual({ value: 'true' });
  // Blank: these are there and have neither value nor source, which wins over envFrom and the image.
  for (const name of BLANK) expect({ [name]: envOf(container, name) }).toEqual({ [name]: {} });
  for (const name of ABSENT) expect({ [name]: envOf(container, name) }).toEqual({ [name]: undefined });
}

const BLANK = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'AWS_ACCESS_KEY',
  'AWS_SECRET_KEY',
  'BOTO_CONFIG',
];
const ABSENT = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_BEARER_TOKEN_BEDROCK',
  'AWS_CREDENTIAL_FILE',
];

const SHARED = { name: 'countersign', mountPath: '/var/run/countersign', readOnly: true };
const ACCOUNT = {
  name: 'countersign',
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  subPath: 'serviceaccount',
  readOnly: true,
};

function expectOnlyOurMounts(container: V1Container, kubernetes: boolean): void {
  const mounts = container.volumeMounts ?? [];
  expect(mounts.filter(({ name }) => OURS.includes(name))).toEqual(kubernetes ? [SHARED, ACCOUNT] : [SHARED]);
}

function expectWayToKubernetes(container: V1Container, kubernetes: boolean): void {
  const expected = { HOST: '127.0.0.1', PORT: '9912', PORT_HTTPS: '9912' };
  for (const [name, value] of Object.entries(expected)) {
    expect(envOf(container, `KUBERNETES_SERVICE_${name}`)).toEqual(kubernetes ? { value } : undefined);
  }
}
