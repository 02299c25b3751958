/**
 * An agent's program with the JavaScript client, unchanged. It reads, watches, applies and enters a pod, and prints a line
 * for each. Arguments: namespace, pod.
 */
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';

const [, , namespace = '', pod = ''] = process.argv;
const config = new KubeConfig();
config.loadFromDefault();
const wanted = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'from-javascript', namespace },
  data: { written: 'by JavaScript' },
};
const objects = KubernetesObjectApi.makeApiClient(config);
await objects.patch(wanted, undefined, undefined, 'test', true, PatchStrategy.ServerSideApply);

const seen = Promise.withResolvers<void>();
const watching = await new Watch(config).watch(
  `/api/v1/namespaces/${namespace}/configmaps`,
  { fieldSelector: 'metadata.name=from-javascript' },
  (type, found: V1ConfigMap) => {
    console.log('watch', type, found.data?.['written']);
    seen.resolve();
  },
  (error) => seen.reject(error as Error),
);
await seen.promise;
seen.promise.catch(() => {});
watching.abort();

const found = await config.makeApiClient(CoreV1Api).readNamespacedConfigMap({ name: 'from-javascript', namespace });
console.log('get', found.data?.['written']);

const { promise, resolve } = Promise.withResolvers<V1Status>();
await new Exec(config).exec(namespace, pod, 'main', ['echo', 'hello'], process.stdout, null, null, false, resolve);
console.log('exec', (await promise).message);
process.exit(0);
