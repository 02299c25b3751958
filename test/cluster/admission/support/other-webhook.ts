import { once } from 'node:events';
import { createServer } from 'node:https';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { Cluster } from '../../cluster.ts';
import type { Api } from './api.ts';
import { EKS, type EksFlavour, eksMount, eksVolume } from './pods.ts';

/** A class of the library as the plain object that it is in JSON. */
type Fields<Class> = Pick<Class, keyof Class>;

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** One operation of a JSON patch. */
export interface Operation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** How another project's webhook changes a pod. */
export type Mutation = (pod: V1Pod) => readonly Operation[];

export interface OtherWebhook {
  /** How many pods it was asked about. */
  readonly calls: () => number;
  readonly stop: () => Promise<void>;
}

export interface OtherWebhookOptions {
  /** API servers call configurations in the order of their names; Countersign's is called `countersign`. */
  readonly name: string;
  readonly namespace: string;
  readonly mutate: Mutation;
  readonly reinvocationPolicy?: 'Never' | 'IfNeeded';
}

/** Runs a mutating webhook in this process and registers it for the pods of one namespace. */
export async function startOtherWebhook(
  cluster: Cluster,
  admin: Api,
  options: OtherWebhookOptions,
): Promise<OtherWebhook> {
  const { name, namespace, mutate, reinvocationPolicy = 'Never' } = options;
  let calls = 0;
  const server = createServer(await cluster.serverCertificate(), (request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      calls += 1;
      const { uid, object } = (JSON.parse(text) as { request: { uid: string; object: V1Pod } }).request;
      const operations = mutate(object);
      const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
      const answer = { uid, allowed: true, ...(operations.length > 0 && { patchType: 'JSONPatch', patch }) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  const body = {
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: {
          url: `https://127.0.0.1:${address.port}/`,
          caBundle: Buffer.from(cluster.ca).toString('base64'),
        },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
        // A test that does not reach it is to fail, though webhooks of this kind let pods pass.
        failurePolicy: 'Fail',
        reinvocationPolicy,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  };
  const created = await admin.call('POST', CONFIGURATIONS, { body });
  if (created.status !== 201) {
    await close();
    throw new Error(`${name}: ${created.body.message}`);
  }
  return {
    calls: () => calls,
    stop: async () => {
      await admin.call('DELETE', `${CONFIGURATIONS}/${name}`);
      await close();
    },
  };
}

/**
 * What amazon-eks-pod-identity-webhook does: it rewrites whole lists of containers; where one of its variables is there
 * already it leaves the variables and still mounts the token; it leaves containers alone that the annotation
 * `eks.amazonaws.com/skip-containers` names, and adds its volume all the same.
 */
export function eksMutation(flavour: EksFlavour): Mutation {
  const { volume, env } = EKS[flavour];
  return (pod) => {
    const spec = pod.spec;
    if (spec === undefined) return [];
    const skipped = new Set(pod.metadata?.annotations?.['eks.amazonaws.com/skip-containers']?.split(','));
    const inject = (container: Fields<V1Container>): Fields<V1Container> => {
      if (skipped.has(container.name)) return container;
      const names = new Set(container.env?.map(({ name }) => name));
      const taken = env.some(({ name }) => names.has(name));
      const mounted = container.volumeMounts?.some(({ name }) => name === volume) === true;
      return {
        ...container,
        env: [...(container.env ?? []), ...(taken ? [] : env)],
        volumeMounts: [...(container.volumeMounts ?? []), ...(mounted ? [] : [eksMount(flavour)])],
      };
    };
    const there = spec.volumes?.some(({ name }) => name === volume) === true;
    return [
      ...(there
        ? []
        : [{ op: 'add', path: '/spec/volumes', value: [eksVolume(flavour), ...(spec.volumes ?? [])] } as const]),
      { op: 'add', path: '/spec/containers', value: spec.containers.map(inject) },
      ...(spec.initContainers === undefined
        ? []
        : [{ op: 'add', path: '/spec/initContainers', value: spec.initContainers.map(inject) } as const]),
    ];
  };
}

interface Named {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** What a service mesh or a log shipper does: one container more, with a variable and a mount of its own. */
export function addContainer(container: Named): Mutation {
  return (pod) =>
    pod.spec?.containers.some(({ name }) => name === container.name) === true
      ? []
      : [{ op: 'add', path: '/spec/containers/-', value: container }];
}

/** What a mesh that insists on being first does. */
export function addInitContainer(container: Named): Mutation {
  return (pod) => {
    const present = pod.spec?.initContainers;
    if (present?.some(({ name }) => name === container.name) === true) return [];
    const list = [container, ...(present ?? [])];
    return [{ op: 'add', path: '/spec/initContainers', value: list }];
  };
}
