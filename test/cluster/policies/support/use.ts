import { afterAll, beforeAll } from 'vitest';
import { BUILT_IN_CARRIERS, WORKLOAD_KINDS } from '../../../../src/lineage/kinds.ts';
import { renderManifests } from '../../../../src/manifests/render.ts';
import { Countersign } from '../../admission/support/countersign.ts';
import type { TestCluster } from '../../fixture.ts';
import { until } from '../../until.ts';

const MANIFEST = renderManifests(['admission-policies'], { kinds: WORKLOAD_KINDS, carriers: BUILT_IN_CARRIERS });

/**
 * The admission policies for the tests of one `describe`, and people to try them. Countersign itself never starts, and no
 * webhook is registered: what is refused here is refused while it is away.
 */
export function useAdmissionPolicies(cluster: TestCluster): Countersign {
  const away = new Countersign(cluster);
  beforeAll(async () => {
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: MANIFEST });
    if (applied.status !== 0) throw new Error(applied.stderr);
    await untilActive(away);
  });
  afterAll(async () => {
    const deleted = await cluster.kubectl(['delete', '--ignore-not-found', '-f', '-'], { stdin: MANIFEST });
    if (deleted.status !== 0) throw new Error(deleted.stderr);
  });
  return away;
}

/**
 * The API server learns of policies from one watch and of bindings from another, each in the order of their creation:
 * once the last policy refuses by the last binding, all of them do.
 */
async function untilActive(away: Countersign): Promise<void> {
  const namespaces = '/api/v1/namespaces';
  const { body } = await away.admin.call<{ metadata: { name: string } }>('POST', namespaces, {
    body: { metadata: { generateName: 'test-', labels: { 'countersign.dev/policy': 'any' } } },
  });
  await until('the admission policies are active', async () => {
    // Not even the administrator changes it in this way.
    const change = { metadata: { labels: { 'countersign.dev/policy': null } } };
    const path = `${namespaces}/${body.metadata.name}/status?dryRun=All`;
    return (await away.admin.call('PATCH', path, { body: change })).status === 403;
  });
}
