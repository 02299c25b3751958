import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { uidOf } from '../lineage/metadata.ts';
import { OBJECT, STAMP_KEYS_FILE } from '../names.ts';
import type { Policy } from '../policy/compile.ts';
import type { Listed, Situation } from '../preflight/situation.ts';
import { parsePublicKeys, type VerifyingKeys } from '../stamp/keys.ts';
import { reaching, type Standing } from './governing.ts';
import type { ObjectApi } from './objects.ts';

const POD = { group: '', kind: 'Pod', versions: ['v1'], resource: 'pods' };

export interface SurveyOptions {
  readonly namespace: string;
  readonly policy: Policy;
  readonly standing: Standing;
  /** Where Countersign is installed. */
  readonly installedIn: string;
  /** What stamps call the cluster; the uid of kube-system when not given. */
  readonly clusterId: string | undefined;
}

/**
 * Reads everything of a namespace that makes pods, and the pods. Kinds that the cluster does not serve are passed over.
 *
 * @throws Fault `ClusterFailed` naming what could not be read, `KeysInvalid` when there are stamps to verify and no keys
 */
export async function survey(api: ObjectApi, options: SurveyOptions): Promise<Situation> {
  const { namespace, policy, standing } = options;
  const workloads: Listed[] = [];
  for (const kind of policy.kinds) {
    const found = await reaching(`${kind.resource} in namespace ${quote(namespace)}`, async () => {
      const version = await api.servedVersion(kind);
      return version === undefined ? [] : api.list(kind, version, namespace);
    });
    workloads.push(...found.map((object) => ({ kind, object })));
  }
  const pods = await reaching(`pods in namespace ${quote(namespace)}`, () => api.list(POD, 'v1', namespace));
  const { since, podSecurity } = standing;
  const stamps = since === undefined ? undefined : { since, ...(await authority(api, options)) };
  return { namespace, policy, podSecurity, stamps, workloads, pods };
}

async function authority(
  api: ObjectApi,
  { installedIn, clusterId }: SurveyOptions,
): Promise<{ readonly cluster: string; readonly keys: VerifyingKeys }> {
  const cluster =
    clusterId ?? uidOf(await reaching('namespace kube-system', () => api.get('/api/v1/namespaces/kube-system')));
  const name = OBJECT.stampKeysConfigMap;
  const path = `/api/v1/namespaces/${encodeURIComponent(installedIn)}/configmaps/${name}`;
  const found = await reaching(`ConfigMap ${name}`, () => api.find(path));
  return { cluster, keys: keysIn(found, `ConfigMap ${installedIn}/${name}`) };
}

function keysIn(configMap: JsonObject | undefined, title: string): VerifyingKeys {
  const data = isObject(configMap?.['data']) ? configMap['data'] : {};
  const text = data[STAMP_KEYS_FILE.public];
  if (typeof text === 'string') return parsePublicKeys(text);
  throw new Fault('KeysInvalid', `${title} has no public keys. Next: "countersign bootstrap" publishes them`);
}
