import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ClusterOwners } from '../../src/cluster/owners.ts';
import type { JsonObject } from '../../src/json.ts';
import { WORKLOAD_KINDS } from '../../src/lineage/kinds.ts';
import type { Read, Wanted } from '../../src/lineage/owners.ts';
import { API, VERB } from '../../src/names.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { connect } from './fixture.ts';
import { until } from './until.ts';

const cluster = connect();

/** Long enough for a busy machine. */
const PATIENCE = 15_000;

describe.skipIf(cluster.unavailable)('owners, read with the rights that the manifests give the webhook', () => {
  let namespace: string;
  let owners: ClusterOwners;

  beforeAll(async () => {
    namespace = await cluster.newNamespace();
    await admin(['create', 'serviceaccount', 'webhook', '-n', namespace]);
    const role = parse(readFileSync('manifests/base/webhook-role.yaml', 'utf8')) as { metadata: { name: string } };
    role.metadata.name = namespace;
    await admin(['create', '-f', '-'], JSON.stringify(role));
    await bind(namespace, `--serviceaccount=${namespace}:webhook`);
    const config = await cluster.clientConfig(await cluster.serviceAccountKubeconfig(namespace, 'webhook'));
    owners = new ClusterOwners({ config, metrics: createMetrics(), log: createLog('test', { write: () => {} }) });
    await until('the role is in force', async () => (await read('Deployment', 'none')).kind === 'missing');
  }, 60_000);
  afterAll(async () => {
    owners?.stop();
    await admin(['delete', 'clusterrole,clusterrolebinding', namespace, `${namespace}-restamp`, '--ignore-not-found']);
    await admin(['delete', 'namespace', namespace, '--wait=false']);
  });

  it.each(['ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'])(
    'a %s, as it is stored',
    async (kind) => {
      const name = `owner-${kind.toLowerCase()}`;
      await admin(['create', '-n', namespace, '-f', '-'], JSON.stringify(workload(kind, name)));
      const found = await object(kind, name);
      const shown = JSON.parse(await admin(['get', kind, name, '-n', namespace, '-o', 'json'])) as JsonObject;
      expect(found['spec']).toEqual(shown['spec']);
      expect(uidOf(found)).toBe(uidOf(shown));
    },
  );

  it('the revision of a StatefulSet, with the template in it', async () => {
    await admin(['create', '-n', namespace, '-f', '-'], JSON.stringify(workload('StatefulSet', 'revised')));
    const name = await until('the revision is known', async () => {
      const { status } = (await object('StatefulSet', 'revised')) as { status?: { updateRevision?: string } };
      return status?.updateRevision;
    });
    const { data } = (await object('ControllerRevision', name)) as { data?: JsonObject };
    expect(data).toMatchObject({ spec: { template: { spec: { containers: [{ image: 'app:1' }] } } } });
  });

  it('at this moment: what changed or went is seen at once', async () => {
    await admin(['create', '-n', namespace, '-f', '-'], JSON.stringify(workload('Deployment', 'changing')));
    const labels = async () => ((await object('Deployment', 'changing'))['metadata'] as JsonObject)['labels'];
    await admin(['label', 'deployment', 'changing', '-n', namespace, 'turn=1']);
    expect(await labels()).toEqual({ turn: '1' });
    await admin(['label', 'deployment', 'changing', '-n', namespace, 'turn=2', '--overwrite']);
    expect(await labels()).toEqual({ turn: '2' });
    await admin(['delete', 'deployment', 'changing', '-n', namespace]);
    expect(await read('Deployment', 'changing')).toEqual({ kind: 'missing' });
  });

  it('by their names only: another path of the same object, uid and all, is nothing', async () => {
    await admin(['create', '-n', namespace, '-f', '-'], JSON.stringify(workload('Deployment', 'scaled')));
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/scaled/scale`;
    const scale = JSON.parse(await admin(['get', '--raw', path])) as JsonObject;
    expect(uidOf(scale)).toBe(uidOf(await object('Deployment', 'scaled')));
    expect(await read('Deployment', 'scaled/scale')).toEqual({ kind: 'missing' });
  });

  it('not of a kind that the cluster does not serve, which does not mean that they are gone', async () => {
    const unserved = { group: 'nowhere.example.com', versions: ['v1'], resource: 'things' };
    expect(await readKind(unserved, 'web')).toMatchObject({
      kind: 'failed',
      problem: expect.stringMatching(/^40[34] /) as string,
    });
  });

  it('not what the role does not cover', async () => {
    const secrets = { group: '', versions: ['v1'], resource: 'secrets' };
    const result = await readKind(secrets, 'keys');
    expect(result).toMatchObject({
      kind: 'failed',
      problem: expect.stringMatching(/^403 .*cannot get resource "secrets"/) as string,
    });
  });

  it('in time, also while the API server is away, and again when it is back', async () => {
    await admin(['create', '-n', namespace, '-f', '-'], JSON.stringify(workload('Deployment', 'waiting')));
    await cluster.without('kube-apiserver', async () => {
      expect((await read('Deployment', 'waiting', 1_000)).kind).toBe('failed');
      expect(await owners.mayUse(VERB.restamp, user('alice'), Date.now() + 1_000)).toBeUndefined();
    });
    await until('it is read again', async () => (await read('Deployment', 'waiting')).kind === 'found');
  }, 60_000);

  it('and who has a verb, by name or by group', async () => {
    const role = `${namespace}-restamp`;
    // As JSON, since kubectl would want to know a resource that other files define.
    const rules = [{ apiGroups: [API.group], resources: [API.policyPlural], verbs: [VERB.restamp] }];
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const body = { apiVersion, kind: 'ClusterRole', metadata: { name: role }, rules };
    await admin(['create', '-f', '-'], JSON.stringify(body));
    await bind(role, '--user=restamp-alice', '--group=restamp-team');
    const may = (verb: string, name: string, ...groups: string[]) =>
      owners.mayUse(verb, user(name, groups), Date.now() + PATIENCE);
    await until('the binding is in force', () => may(VERB.restamp, 'restamp-alice'));
    expect(await may(VERB.restamp, 'somebody', 'restamp-team')).toBe(true);
    expect(await may(VERB.restamp, 'somebody')).toBe(false);
    expect(await may(VERB.breakGlass, 'restamp-alice')).toBe(false);
    expect(await may(VERB.breakGlass, 'root', 'system:masters')).toBe(true);
  });

  it('and the id of the cluster', async () => {
    const uid = await admin(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
    expect(await owners.clusterId()).toBe(uid);
  });

  function read(kind: string, name: string, patience = PATIENCE): Promise<Read> {
    const known = WORKLOAD_KINDS.find((each) => each.kind === kind);
    if (known === undefined) throw new Error(kind);
    return readKind(known, name, patience);
  }

  function readKind(kind: Wanted['kind'], name: string, patience = PATIENCE): Promise<Read> {
    return owners.read({ kind, namespace, name }, Date.now() + patience);
  }

  async function object(kind: string, name: string): Promise<JsonObject> {
    const result = await read(kind, name);
    if (result.kind !== 'found') throw new Error(JSON.stringify(result));
    return result.object;
  }

  async function bind(role: string, ...subjects: readonly string[]): Promise<void> {
    await admin(['create', 'clusterrolebinding', role, `--clusterrole=${role}`, ...subjects]);
  }
});

async function admin(args: readonly string[], stdin = ''): Promise<string> {
  const { status, stdout, stderr } = await cluster.kubectl(args, { stdin });
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function user(username: string, groups: readonly string[] = []) {
  return { username, groups, extra: { 'example.com/scopes': ['a'] } };
}

function uidOf(object: JsonObject): unknown {
  return (object['metadata'] as JsonObject)['uid'];
}

/** One that makes no pods. */
function workload(kind: string, name: string): object {
  const labels = { app: name };
  const pod = (restartPolicy: string) => ({
    metadata: { labels },
    spec: { restartPolicy, nodeSelector: { nowhere: 'x' }, containers: [{ name: 'app', image: 'app:1' }] },
  });
  const group = WORKLOAD_KINDS.find((each) => each.kind === kind)?.group;
  const selected = { replicas: 0, selector: { matchLabels: labels }, template: pod('Always') };
  const job = { suspend: true, template: pod('Never') };
  const specs: Readonly<Record<string, object>> = {
    ReplicationController: { ...selected, selector: labels },
    StatefulSet: { ...selected, serviceName: name },
    DaemonSet: { selector: selected.selector, template: selected.template },
    Job: job,
    CronJob: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } },
  };
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  return { apiVersion, kind, metadata: { name }, spec: specs[kind] ?? selected };
}
