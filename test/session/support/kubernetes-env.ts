import { SESSION_SETTING } from '../../../src/names.ts';
import type { Environment } from '../../../src/session/settings.ts';
import type { SessionPod } from './session-pod.ts';

/** The settings of a session with Kubernetes access, to an API server that nobody asks anything in these tests. */
export function kubernetesEnv(pod: SessionPod): Environment {
  return {
    [SESSION_SETTING.kubernetesIdentity]: 'pod',
    [SESSION_SETTING.kubernetesServer]: 'https://127.0.0.1:1',
    [SESSION_SETTING.kubernetesCa]: pod.sts.ca,
    [SESSION_SETTING.namespace]: 'team',
  };
}
