import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { JsonObject } from '../../../src/json.ts';
import { writePublicKeys } from '../../../src/stamp/keys.ts';
import { carrying, claimsAbout, newKeys, ownedBy, sign, workload } from '../../unit/support/stamps.ts';
import { countersign, files } from './run.ts';

const { file, keys } = newKeys();
const stranger = newKeys();

const deployment = workload('apps/v1', 'Deployment', 'web');
const stamp = sign(claimsAbout(deployment), keys);
const replicaSet = ownedBy(deployment, workload('apps/v1', 'ReplicaSet', 'web-1'));
const parent = { group: 'apps', kind: 'Deployment', name: 'web', uid: 'uid-of-owner' };
const custody = sign(claimsAbout(replicaSet, { typ: 'custody', parent, root: parent }), keys);
const pod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1-abcde', generateName: 'web-1-', namespace: 'agents' },
  spec: { containers: [{ name: 'main', image: 'agent:1' }] },
};
const podStamp = sign(
  claimsAbout(pod, { typ: 'pod', holder: { group: '', kind: 'Pod', generateName: 'web-1-' }, root: parent }),
  keys,
);

function yaml(...objects: readonly JsonObject[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}

describe('countersign stamp verify', () => {
  async function verify(text: string) {
    const { jwks } = files({ jwks: writePublicKeys(file) });
    return countersign(['stamp', 'verify', '-f', '-', '--jwks', jwks], text);
  }

  it('says of each object what stands on it: own stamps, custody, copies, pods', async () => {
    const revision: JsonObject = ownedBy(deployment, {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'web-7', namespace: 'agents' },
      data: {},
    });
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'agents' } };
    const { status, stdout } = await verify(
      yaml(
        carrying(deployment, { stamp }),
        carrying(replicaSet, { stamp, custody }),
        carrying(revision, { stamp }),
        carrying(pod, { stamp: podStamp }),
        service,
      ),
    );
    const copy =
      'stamp: a copy of the stamp of Deployment "web", which made this; valid there, and says nothing of its own here';
    const right = 'operator "alice@example.com"; signature, holder and what it covers are right';
    expect(stdout).toBe(`-, document 1: Deployment "web" in namespace "agents"
  stamp: ${right}
-, document 2: ReplicaSet "web-1" in namespace "agents"
  ${copy}
  custody: ${right}
-, document 3: ControllerRevision "web-7" in namespace "agents"
  ${copy}
-, document 4: Pod "web-1-abcde" in namespace "agents"
  stamp: operator "alice@example.com"; signature and holder are right. What was planned into the pod is not compared: \
that takes the policy of that time
-, document 5: Service "web" in namespace "agents"
  not of a kind that is stamped
`);
    expect(status).toBe(0);
  });

  it('reads Lists and JSON, as kubectl prints them', async () => {
    const items = [carrying(deployment, { stamp }), carrying(replicaSet, { custody })];
    const { status, stdout } = await verify(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    expect(stdout.match(/are right/g)).toHaveLength(2);
    expect(status).toBe(0);
  });

  const other = workload('apps/v1', 'Deployment', 'other');
  it.each<[what: string, object: JsonObject, says: string]>([
    ['no stamp', deployment, 'FAILED: it carries no stamp'],
    [
      'a template that was changed',
      carrying(workload('apps/v1', 'Deployment', 'web', 'agent:2'), { stamp }),
      'covers something else',
    ],
    ['the stamp of another object', carrying(other, { stamp }), 'it is about Deployment "web", not about this object'],
    [
      'the stamp of an object that it claims to be made by, under another name',
      carrying(ownedBy(other, replicaSet), { stamp }),
      'it is about Deployment "web", not about this object',
    ],
    [
      'a stamp from another namespace',
      carrying({ ...deployment, metadata: { name: 'web', namespace: 'elsewhere' } }, { stamp }),
      'it is from namespace "agents"',
    ],
    ['custody in the place of a stamp', carrying(replicaSet, { stamp: custody }), 'a statement of type custody'],
    ['a stamp in the place of custody', carrying(deployment, { custody: stamp }), 'a statement of type stamp'],
    [
      'a pod with a workload’s stamp',
      carrying(pod, { stamp: sign(claimsAbout(pod), keys) }),
      'a statement of type stamp',
    ],
    [
      'a key that is not known',
      carrying(deployment, { stamp: sign(claimsAbout(deployment), stranger.keys) }),
      'its key is not among',
    ],
    [
      'a signature that is wrong',
      carrying(deployment, { stamp: `${stamp.slice(0, -5)}AAAAA` }),
      'FAILED: its signature is wrong',
    ],
    ['what is no stamp at all', carrying(deployment, { stamp: 'x' }), 'not of the form'],
    [
      'a number that two readers may read differently',
      carrying({ ...deployment, spec: { template: { spec: { n: 2 ** 60 } } } }, { stamp }),
      'a number beyond 2^53',
    ],
  ])('fails for %s', async (_, object, says) => {
    const { status, stdout } = await verify(yaml(carrying(deployment, { stamp }), object));
    expect(stdout).toContain(says);
    expect(stdout.match(/FAILED/g)).toHaveLength(1);
    expect(status).toBe(1);
  });

  it('knows the kinds of a policy, and says of others that it does not', async () => {
    const policy = `
apiVersion: countersign.dev/v1alpha1
kind: AttributionPolicy
metadata: { name: own }
spec:
  session: { identity: pod-identity, region: eu-central-1, roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }] }
  workloads:
    - { group: example.com, versions: [v1], kind: Robot, resource: robots, template: spec.template }
`;
    const robot = workload('example.com/v1', 'Robot', 'r');
    const { jwks, own, robots } = files({
      jwks: writePublicKeys(file),
      own: policy,
      robots: yaml(carrying(robot, { stamp: sign(claimsAbout(robot), keys) })),
    });
    const args = ['stamp', 'verify', '-f', robots, '--jwks', jwks];
    expect((await countersign(args)).stdout).toContain('What it covers of this kind is not known here');
    const known = await countersign([...args, '--policy', own]);
    expect(known.stdout).toContain('it covers something else than what is here');
    expect(known.status).toBe(1);
  });

  it('shows what strangers wrote without letting it act on the terminal', async () => {
    const name = 'web\u001b[2J\u202e';
    const wild = workload('apps/v1', 'Deployment', name);
    const { stdout } = await verify(yaml(carrying(wild, { stamp: sign(claimsAbout(wild), keys) })));
    expect(stdout).toContain('Deployment "web\\u001b[2J\\u{202e}"');
    for (const character of ['\u001b', '\u202e']) expect(stdout).not.toContain(character);
  });

  it.each<[what: string, args: string[], stdin: string, says: string]>([
    ['without keys', [], yaml(deployment), '[UsageInvalid] --jwks FILE is needed'],
    [
      'with a file that holds no keys',
      ['--jwks', '/dev/null'],
      yaml(deployment),
      '[KeysInvalid] /dev/null: the stamp keys cannot be used: it is not JSON',
    ],
    [
      'with a file that is not there',
      ['--jwks', '/nowhere'],
      yaml(deployment),
      '[FileInvalid] /nowhere cannot be read',
    ],
  ])('ends with 2 %s', async (_, args, stdin, says) => {
    const { status, stderr } = await countersign(['stamp', 'verify', '-f', '-', ...args], stdin);
    expect(stderr).toContain(says);
    expect(status).toBe(2);
  });

  it('ends with 2 for what is no object, or no YAML', async () => {
    for (const text of ['just: text', 'a: [1', 'kind: 1']) {
      const { status, stderr } = await verify(text);
      expect(stderr).toContain('[FileInvalid] -, document 1');
      expect(status).toBe(2);
    }
  });

  it('says so when there is nothing', async () => {
    const { status, stderr } = await verify('apiVersion: v1\nkind: List\nitems: []\n');
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'There are no objects.\n' });
  });
});

describe('countersign stamp show', () => {
  const show = (...objects: readonly JsonObject[]) => countersign(['stamp', 'show', '-f', '-'], yaml(...objects));

  it('says who stands behind each object', async () => {
    const restamped = sign(
      claimsAbout(deployment, { how: 'restamped', rule: 'restamp', by: 'admin@example.com', reason: 'key lost' }),
      keys,
    );
    const { status, stdout } = await show(
      carrying(deployment, { stamp: restamped }),
      carrying(replicaSet, { custody }),
      workload('apps/v1', 'StatefulSet', 'db'),
    );
    expect(status).toBe(0);
    const withoutIds = stdout.replaceAll(/\b(digest|key|id) {2,}"[^"]+"/g, '$1 "…"');
    expect(withoutIds).toBe(`-, document 1: Deployment "web" in namespace "agents"
  stamp:
    operator  "alice@example.com"
    known     as "admin@example.com" said, with the right to restamp
    reason    "key lost"
    requester "oidc:alice@example.com"
    signed    2026-08-01T12:00:00.000Z
    holder    Deployment "web", namespace "agents", cluster "cluster"
    governed  since "2026-07-01T00:00:00Z"
    role      "arn:aws:iam::111122223333:role/agents"
    digest "…"
    key "…"
    id "…"
-, document 2: ReplicaSet "web-1" in namespace "agents"
  custody:
    operator  "alice@example.com"
    known     as the requester, by rule "people"
    requester "oidc:alice@example.com"
    signed    2026-08-01T12:00:00.000Z
    holder    ReplicaSet "web-1", namespace "agents", cluster "cluster"
    governed  since "2026-07-01T00:00:00Z"
    parent    Deployment "web", uid "uid-of-owner"
    root      Deployment "web", uid "uid-of-owner"
    role      "arn:aws:iam::111122223333:role/agents"
    digest "…"
    key "…"
    id "…"
-, document 3: StatefulSet "db" in namespace "agents"
  no stamp
`);
    expect(stdout).toContain(`key       "${file.signing}"`);
  });

  it('shows a forged statement for what it is: quoted, and with no claim to be true', async () => {
    const forged = sign(claimsAbout(deployment, { op: 'bob\u001b[31m' }), stranger.keys);
    const { status, stdout } = await show(carrying(deployment, { stamp: forged }), carrying(pod, { stamp: 'a.b.c' }));
    expect(status).toBe(0);
    expect(stdout).toContain('operator  "bob\\u001b[31m"');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('stamp: not of the form that Countersign makes');
  });
});
