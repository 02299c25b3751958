import jsonPatch from 'fast-json-patch';
import type { SessionPlan } from '../../../src/injection/container.ts';
import { patchFor } from '../../../src/injection/patch.ts';
import { readPod } from '../../../src/injection/pod.ts';
import { PATH, PORT } from '../../../src/names.ts';
import { PLAN } from '../../unit/support/injection.ts';
import { REGION, SESSION_ROLE } from '../sts/example.ts';
import { OPERATOR, type SessionPod } from '../support/session-pod.ts';
import type { Variables } from './clients.ts';

/** Where an application stands: the session's pod, and how its credentials are delivered. */
export interface Standing {
  readonly pod: SessionPod;
  readonly delivery: SessionPlan['delivery'];
  /** Of the credentials endpoint, where there is one. */
  readonly awsPort: number;
  /** A file with the authority of the pod's STS. */
  readonly ca: string;
  /** The home directory in the application's image. */
  readonly home: string;
}

/** What the application's author wrote into the container, and whoever built its image into that. */
export interface Authored {
  readonly container?: Variables;
  readonly image?: Variables;
}

/** The environment of an application whose pod went through the webhook, as kubelet would make it. */
export function injectedEnvironment(standing: Standing, authored: Authored): Variables {
  const { pod, awsPort, delivery } = standing;
  const container = { ...appSettings(standing), ...authored.container };
  const injected = containerVariables(container, delivery).map(({ name, value = '', valueFrom }): [string, string] => [
    name,
    valueFrom === undefined ? inTestPlaces(value, pod, awsPort) : pod.sessionId,
  ]);
  return { ...imageVariables(standing, authored), ...Object.fromEntries(injected) };
}

/** The environment of the same application without a webhook. */
export function bareEnvironment(standing: Standing, authored: Authored): Variables {
  // Nothing outside this machine is asked where a client has tried all else.
  const noMetadata = { AWS_EC2_METADATA_DISABLED: 'true' };
  return { ...imageVariables(standing, authored), ...appSettings(standing), ...noMetadata, ...authored.container };
}

function imageVariables({ home }: Standing, { image }: Authored): Variables {
  return { PATH: process.env['PATH'] ?? '', HOME: home, ...image };
}

/** What an author sets so that the clients go to a service of theirs; no credentials. */
function appSettings({ pod, ca }: Standing): Variables {
  return {
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL: pod.sts.url,
    AWS_CA_BUNDLE: ca,
    NODE_EXTRA_CA_CERTS: ca,
  };
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

/** The real patch, on a pod with one container. */
function containerVariables(variables: Variables, delivery: SessionPlan['delivery']): readonly Variable[] {
  const env = Object.entries(variables).map(([name, value]) => ({ name, value }));
  const raw = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'worker', namespace: 'team' },
    spec: { containers: [{ name: 'app', image: 'app', env }] },
  };
  const plan: SessionPlan = { ...PLAN, operator: OPERATOR, roleArn: SESSION_ROLE, delivery };
  jsonPatch.applyPatch(raw, structuredClone(patchFor(readPod(structuredClone(raw)), plan)) as jsonPatch.Operation[]);
  return raw.spec.containers[0]?.env ?? [];
}

function inTestPlaces(value: string, { places }: SessionPod, awsPort: number): string {
  return value.replace(PATH.shared, places.shared).replace(`127.0.0.1:${PORT.awsCredentials}`, `127.0.0.1:${awsPort}`);
}
