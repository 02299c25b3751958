import { beforeAll, describe, expect, it } from 'vitest';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../../src/lineage/kinds.ts';
import { ANNOTATION } from '../../../src/names.ts';
import type { Answer } from '../admission/support/api.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { expectDone, expectRefused } from './support/answers.ts';
import { grant } from './support/rights.ts';
import { useAdmissionPolicies } from './support/use.ts';
import { objectOf, outsiders, pathOf } from './support/workloads.ts';

const cluster = connect();
const STAMPED = { [ANNOTATION.stamp]: 'a.b.c' };
const planted = { metadata: { annotations: { [ANNOTATION.stamp]: 'd.e.f' } } };
const taken = { metadata: { annotations: { [ANNOTATION.stamp]: null } } };
/** What is tried on which object. */
const CHANGES = [
  ['plain', planted],
  ['stamped', planted],
  ['stamped', taken],
] as const;
const harmless = { metadata: { annotations: { team: 'red', [`other.${ANNOTATION.stamp}`]: 'x' } } };
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'elsewhere', uid: '6c1f2a0e-0f4e-4c0a-9a51-6d1f7b0c8e21' };
const moved = { metadata: { ownerReferences: [owner] } };

/** A ControllerRevision has no status. */
const WITH_STATUS = WORKLOAD_KINDS.filter(({ kind }) => kind !== 'ControllerRevision').map(
  (kind) => [kind.resource, kind] as const,
);

describe.skipIf(cluster.unavailable)('what leads to the human behind an object', () => {
  const away = useAdmissionPolicies(cluster);
  let enforced: string;
  let warned: string;
  let free: string;
  let eve: Person;
  /** May write every status, and bind pods to nodes, as parts of the control plane do. */
  let sam: Person;

  beforeAll(async () => {
    await outsiders.install(cluster);
    enforced = await away.governedNamespace('any');
    warned = await away.governedNamespace('any', { mode: 'warn' });
    free = await away.namespace();
    eve = await away.person('eve@acme.com');
    sam = await away.person('sam@acme.com');
    await grant(away, 'sam@acme.com', [
      { apiGroups: ['*'], resources: ['*/status', '*/scale', 'pods/resize'], verbs: ['update', 'patch'] },
      { apiGroups: [''], resources: ['pods/binding', 'bindings'], verbs: ['create'] },
    ]);
    for (const namespace of [enforced, warned, free]) {
      for (const kind of WORKLOAD_KINDS) {
        for (const [name, annotations] of [
          ['stamped', STAMPED],
          ['plain', {}],
        ] as const) {
          const made = await away.admin.call('POST', pathOf(kind, namespace), {
            body: objectOf(kind, name, annotations),
          });
          if (made.status !== 201) throw new Error(`${kind.kind}: ${made.body.message}`);
        }
      }
      const pod = (name: string, annotations: object) => ({
        metadata: { name, annotations },
        spec: { containers: [APP] },
      });
      await away.admin.createPod(namespace, pod('stamped', STAMPED));
      await away.admin.createPod(namespace, pod('plain', {}));
    }
    return () => outsiders.remove(cluster);
  });

  function patch(person: Person, path: string, body: object): Promise<Answer> {
    return person.api.call('PATCH', `${path}?dryRun=All`, { body });
  }

  function metadataIn({ body }: Answer): {
    readonly annotations?: object;
    readonly ownerReferences?: readonly object[];
  } {
    return (body as { metadata?: object }).metadata ?? {};
  }

  const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

  // The API server itself takes no metadata from the status of what other projects define.
  const dropsMetadata = ({ group }: WorkloadKind): boolean => group.includes('.');

  describe('by the status of', () => {
    it.each(WITH_STATUS)('%s: no key of ours appears, changes or goes', async (_, kind) => {
      const at = (name: string, namespace = enforced) => `${pathOf(kind, namespace)}/${name}/status`;
      for (const [name, change] of CHANGES) {
        const answer = await patch(sam, at(name), change);
        if (dropsMetadata(kind)) expect(metadataIn(answer).annotations ?? {}).toEqual(name === 'plain' ? {} : STAMPED);
        else expectRefused(answer, 'KeyChanged');
      }
      expectDone(await patch(sam, at('stamped'), harmless));
      expectDone(await patch(sam, at('plain', free), planted));
    });

    it.each(WITH_STATUS)('%s: what has a stamp is given to no other owner', async (_, kind) => {
      const at = (name: string) => `${pathOf(kind, enforced)}/${name}/status`;
      const answer = await patch(sam, at('stamped'), moved);
      if (dropsMetadata(kind)) expect(metadataIn(answer).ownerReferences ?? []).toEqual([]);
      else expectRefused(answer, 'OwnerChanged');
      expectDone(await patch(sam, at('plain'), moved));
    });
  });

  it.each(WORKLOAD_KINDS.map((kind) => [kind.resource, kind] as const))(
    'on %s themselves keys are the webhook’s to change, which signs what people submit',
    async (_, kind) => {
      expectDone(await patch(away.administrator, `${pathOf(kind, enforced)}/stamped`, planted));
    },
  );

  it('only a warning says so in mode warn', async () => {
    const [, kind] = WITH_STATUS[0] as readonly [string, WorkloadKind];
    const { status, warnings } = await patch(sam, `${pathOf(kind, warned)}/plain/status`, planted);
    expect(status).toBe(200);
    expect(warnings.join()).toContain('[KeyChanged]');
  });

  it.each(WORKLOAD_KINDS.map((kind) => [kind.resource, kind] as const))(
    'an editor moves none of %s that have a stamp',
    async (_, kind) => {
      // The built-in role does not cover what other projects define, nor ControllerRevisions.
      const editor = kind.group.includes('.') || kind.kind === 'ControllerRevision' ? away.administrator : eve;
      expectRefused(await patch(editor, `${pathOf(kind, enforced)}/stamped`, moved), 'OwnerChanged');
      expectDone(await patch(editor, `${pathOf(kind, enforced)}/plain`, moved));
      expectDone(await patch(editor, `${pathOf(kind, enforced)}/stamped`, harmless));
      expectDone(await patch(editor, `${pathOf(kind, free)}/stamped`, moved));
    },
  );

  it('an object that is scaled has no annotations to change', async () => {
    const deployments = `/apis/apps/v1/namespaces/${enforced}/deployments/stamped/scale`;
    expectDone(await patch(sam, deployments, { spec: { replicas: 0 } }));
  });

  describe('of pods', () => {
    it.each(['', '/status', '/resize'])('no key of ours changes, by pods%s', async (subresource) => {
      const at = (name: string) => `${pods(enforced)}/${name}${subresource}`;
      const person = subresource === '' ? eve : sam;
      for (const [name, change] of CHANGES) {
        const answer = await patch(person, at(name), change);
        // This subresource takes no metadata.
        if (subresource === '/resize')
          expect(metadataIn(answer).annotations ?? {}).toEqual(name === 'plain' ? {} : STAMPED);
        else expectRefused(answer, 'KeyChanged');
      }
      expectDone(await patch(person, at('stamped'), harmless));
    });

    it('those with a stamp are not given to another owner', async () => {
      expectRefused(await patch(eve, `${pods(enforced)}/stamped`, moved), 'OwnerChanged');
      expect(metadataIn(await patch(sam, `${pods(enforced)}/stamped/status`, moved)).ownerReferences ?? []).toEqual([]);
      expectDone(await patch(eve, `${pods(enforced)}/plain`, moved));
    });

    it.each([
      ['pods/binding', (namespace: string) => `${pods(namespace)}/plain/binding`],
      ['bindings', (namespace: string) => `/api/v1/namespaces/${namespace}/bindings`],
    ])('%s brings no key of ours', async (_, path) => {
      const bind = (namespace: string, annotations?: object) =>
        sam.api.call('POST', `${path(namespace)}?dryRun=All`, {
          body: { metadata: { name: 'plain', annotations }, target: { kind: 'Node', name: 'n1' } },
        });
      expectRefused(await bind(enforced, STAMPED), 'KeyChanged');
      expectRefused(await bind(enforced, { 'countersign.dev/anything': '' }), 'KeyChanged');
      expectDone(await bind(enforced));
      expectDone(await bind(enforced, { team: 'red' }));
      expectDone(await bind(free, STAMPED));
    });
  });
});
