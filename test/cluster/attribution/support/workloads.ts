import { APP } from '../../admission/support/pods.ts';
import { apiVersionOf, type Kind } from './store.ts';

/** What people write. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Built-in kinds that hold a pod template. */
export const TEMPLATED = [
  'ReplicationController',
  'ReplicaSet',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
] as const satisfies readonly Kind[];
export type Templated = (typeof TEMPLATED)[number];

const SPEC: Readonly<Record<Templated, (app: string, template: object) => Record<string, unknown>>> = {
  ReplicationController: (app, template) => ({ replicas: 1, selector: { app }, template }),
  ReplicaSet: (app, template) => ({ replicas: 1, selector: { matchLabels: { app } }, template }),
  Deployment: (app, template) => ({ replicas: 1, selector: { matchLabels: { app } }, template }),
  StatefulSet: (app, template) => ({ replicas: 1, serviceName: app, selector: { matchLabels: { app } }, template }),
  DaemonSet: (app, template) => ({ selector: { matchLabels: { app } }, template }),
  Job: (_, template) => ({ template }),
  // At New Year: by itself it makes nothing while tests run.
  CronJob: (_, template) => ({ schedule: '0 0 1 1 *', jobTemplate: { spec: { template } } }),
};

/** A workload whose pods have the label `app` with its name. `pod` is added to the pod spec, `more` to its own. */
export function workload(kind: Templated, name: string, pod: object = {}, more: object = {}): Manifest {
  const runsToItsEnd = kind === 'Job' || kind === 'CronJob';
  const spec = { containers: [APP], ...(runsToItsEnd && { restartPolicy: 'Never' }), ...pod };
  const template = { metadata: { labels: { app: name } }, spec };
  return {
    apiVersion: apiVersionOf(kind),
    kind,
    metadata: { name },
    spec: { ...SPEC[kind](name, template), ...more },
  };
}

/** A pod spec whose only container runs this image. */
export function running(image: string): object {
  return { containers: [{ ...APP, image }] };
}

/** All pods are replaced at once, however few of them are ready: nothing here makes any of them ready. */
export const AT_ONCE = {
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: '100%' } },
};

/** A pod is replaced when another one is ready, so that nothing moves beyond the first. */
export const ONE_BY_ONE = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
