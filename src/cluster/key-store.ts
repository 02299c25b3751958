import type { CoreV1Api } from '@kubernetes/client-node';
import { OBJECT } from '../names.ts';
import type { KeyStore } from '../stamp/store.ts';
import { needKeys } from '../stamp/store.ts';
import { amend, liveConfigMap, liveSecret, readValue } from './bootstrap/objects.ts';
import { changeTo, planPublicKeys, stampKeysIn } from './bootstrap/stamp-keys.ts';

/**
 * The keys in the cluster: a Secret that replicas mount, and a ConfigMap for whoever wants to verify stamps. Whoever
 * uses it needs `get` and `patch` on both, by name; the manifests create them.
 */
export function clusterKeyStore(core: CoreV1Api, namespace: string): KeyStore {
  const secret = liveSecret(core, OBJECT.stampKeysSecret, namespace);
  const publicKeys = liveConfigMap(core, OBJECT.stampKeysConfigMap, namespace);
  return {
    read: async () => stampKeysIn(await readValue(secret)),
    change: async (plan) => {
      const { value } = await amend(secret, (data) => {
        const wanted = plan(stampKeysIn(data));
        return wanted && changeTo(wanted, { outcome: 'renewed', because: 'asked to' });
      });
      await amend(publicKeys, async (found) =>
        // The Secret is read after the ConfigMap: another run wrote it first, so its keys are not taken back.
        planPublicKeys(found, needKeys(stampKeysIn(await readValue(secret)))),
      );
      return needKeys(stampKeysIn(value));
    },
  };
}
