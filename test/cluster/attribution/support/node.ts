import type { Api } from '../../admission/support/api.ts';
import { until } from '../../until.ts';

/** DaemonSets run on nodes, and there are none: this one exists on paper only. */
export interface PaperNode {
  /** Keeps every other DaemonSet away from it, and this one from every other node. */
  readonly selector: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** What a DaemonSet needs for a node that nobody has ever heard of. */
export const ON_PAPER = { tolerations: [{ operator: 'Exists' }] };

export async function addPaperNode(admin: Api, name: string): Promise<PaperNode> {
  const selector = { 'test/paper-node': name };
  const { status, body } = await admin.call('POST', '/api/v1/nodes', {
    body: { metadata: { name, labels: selector } },
  });
  if (status !== 201) throw new Error(`node ${name}: ${body.message}`);
  return {
    selector,
    remove: async () => {
      await admin.call('DELETE', `/api/v1/nodes/${name}`);
      await until(
        `node ${name} is gone`,
        async () => (await admin.call('GET', `/api/v1/nodes/${name}`)).status === 404,
      );
    },
  };
}
