import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patchFor } from '../../../src/injection/patch.ts';
import { readPod } from '../../../src/injection/pod.ts';
import type { JsonObject } from '../../../src/json.ts';
import { missingFrom } from '../../../src/lineage/containment.ts';
import { PLAN } from '../support/injection.ts';
import { patchedBy } from '../support/reviews.ts';
import {
  changed,
  dropped,
  edited,
  type Edits,
  GONE,
  leavesOf,
  type Path,
  TEMPLATE,
  templates,
  withExtras,
} from '../support/templates.ts';

function found(edits: Edits): string | undefined {
  return missingFrom(edited(TEMPLATE, edits), TEMPLATE);
}

describe('for any template', () => {
  it('a pod that is like it, or like it with extras, contains it', () => {
    fc.assert(
      fc.property(templates, (template) => {
        expect(missingFrom(template, template)).toBeUndefined();
        expect(missingFrom(withExtras(template), template)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['change', changed],
    ['loss', dropped],
  ])('the %s of any leaf is noticed, and its field is named', (_, edit) => {
    fc.assert(
      fc.property(templates, fc.nat(), (template, pick) => {
        const leaf = leafOf(template, pick);
        expect(missingFrom(withExtras(edit(template, leaf)), template)).toMatch(new RegExp(`^${leaf[0]}\\b`));
      }),
      { numRuns: 1_000 },
    );
  });
});

function leafOf(template: JsonObject, pick: number): Path {
  const leaves = leavesOf(template);
  return leaves[pick % leaves.length] ?? [];
}

describe('what others may do to a pod', () => {
  it.each<[string, Edits]>([
    ['defaults of containers', { 'containers/0/terminationMessagePolicy': 'File', 'containers/0/resizePolicy': [] }],
    ['defaults of volumes', { 'volumes/2/configMap/defaultMode': 0o644 }],
    ['defaults of probes', { 'containers/0/livenessProbe/timeoutSeconds': 1 }],
    ['defaults of ports', { 'containers/0/ports/0/protocol': 'TCP' }],
    ['an empty directory spelled out', { 'volumes/0/emptyDir': { medium: '' } }],
    ['what is false anyway', { hostNetwork: false, hostPID: false, 'containers/0/stdin': false }],
    ['the older name of the account', { serviceAccount: 'agent' }],
    ['priority', { priority: 0, priorityClassName: 'low', preemptionPolicy: 'Never' }],
    ['images always pulled', { 'containers/0/imagePullPolicy': 'Always' }],
    ['limits', { 'containers/0/resources/limits/memory': '2Gi', 'containers/1/resources': { limits: { cpu: '1' } } }],
    ['less rights', { 'containers/1/securityContext': { privileged: false, capabilities: { drop: ['ALL'] } } }],
    ['users of the platform', { 'containers/1/securityContext': { runAsUser: 1_000_650_000 } }],
    ['a filter of calls', { 'securityContext/seccompProfile': { type: 'RuntimeDefault' } }],
    ['gates', { schedulingGates: [{ name: 'queue' }], readinessGates: [{ conditionType: 'target' }] }],
    [
      'a mesh that takes over probes',
      { 'containers/0/readinessProbe/httpGet': { path: '/app-health/app/readyz', port: 15_020 } },
    ],
  ])('%s', (_, edits) => {
    expect(found(edits)).toBeUndefined();
  });

  it('is not looked for where the template spells out what stands for nothing', () => {
    const template = edited(TEMPLATE, {
      hostname: '',
      imagePullSecrets: [],
      affinity: { nodeAffinity: {} },
      hostIPC: false,
      dnsConfig: null,
      'containers/1/command': [],
      'containers/1/lifecycle': {},
      'containers/1/stdin': false,
      'containers/1/livenessProbe': { httpGet: { port: 1 }, periodSeconds: 0 },
      'containers/1/env': [{ name: 'X', value: '' }],
    });
    const stored = edited(TEMPLATE, {
      'containers/1/livenessProbe': { httpGet: { port: 1, path: '/', scheme: 'HTTP' }, periodSeconds: 10 },
      'containers/1/env': [{ name: 'X' }],
    });
    expect(missingFrom(stored, template)).toBeUndefined();
  });

  it('is the pod’s too where it is stored with nothing in it', () => {
    const template = edited(TEMPLATE, { imagePullSecrets: [{ name: '' }, { name: 'pull' }, {}] });
    const stored = edited(TEMPLATE, { imagePullSecrets: [{}, { name: 'pull' }, {}] });
    expect(missingFrom(stored, template)).toBeUndefined();
    expect(missingFrom(edited(stored, { imagePullSecrets: [{}, {}] }), template)).toBe('imagePullSecrets[pull]');
  });

  it.each([
    ['1', 1, true],
    ['0.5', '500m', true],
    ['1Gi', '1024Mi', true],
    ['1e3', '1k', true],
    ['1Pi', '1024Ti', true],
    ['0.1n', '1n', true],
    ['9007199254740993', '9007199254740992', false],
    ['1G', '1Gi', false],
    ['1m', '1M', false],
    ['1x', '1.0x', false],
  ])('quantities are compared by value: %s and %s', (template, pod, equal) => {
    const of = (cpu: string | number) => ({ containers: [{ name: 'a', resources: { requests: { cpu } } }] });
    expect(missingFrom(of(pod), of(template)) === undefined).toBe(equal);
  });

  it('nothing else is', () => {
    const of = (value: string) => ({ containers: [{ name: 'a', env: [{ name: 'X', value }] }] });
    expect(missingFrom(of('1024Mi'), of('1Gi'))).toBe('containers[a].env[X].value');
  });
});

describe('what controllers do to their pods', () => {
  const owner = (kind: string, group = 'apps') => ({ owner: { group, kind } });

  it('a DaemonSet’s names the node and tolerates its troubles', () => {
    const required = 'affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution';
    const zone = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }] };
    const node = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }] };
    const template = edited(TEMPLATE, { affinity: { nodeAffinity: {}, podAffinity: { x: 1 } }, [required]: zone });
    const pod = edited(template, {
      [required]: node,
      'tolerations/0/tolerationSeconds': GONE,
      'tolerations/-': { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
    });
    expect(missingFrom(pod, template, owner('DaemonSet'))).toBeUndefined();
    expect(missingFrom(pod, template, owner('ReplicaSet'))).toMatch(/^tolerations/);
    expect(missingFrom(edited(template, { [required]: node }), template)).toMatch(/^affinity\.nodeAffinity\.required/);
    const elsewhere = edited(pod, { 'affinity/podAffinity/x': 2 });
    expect(missingFrom(elsewhere, template, owner('DaemonSet'))).toBe('affinity.podAffinity.x');
    expect(missingFrom(edited(pod, { 'tolerations/0': GONE }), template, owner('DaemonSet'))).toMatch(/^tolerations/);
  });

  it('a StatefulSet’s and a Job’s have host names of their own', () => {
    const template = { ...TEMPLATE, hostname: 'x', subdomain: 'y' };
    const pod = { ...TEMPLATE, hostname: 'set-0', subdomain: 'set' };
    expect(missingFrom(pod, template, owner('StatefulSet'))).toBeUndefined();
    expect(missingFrom({ ...pod, subdomain: 'y' }, template, owner('Job', 'batch'))).toBeUndefined();
    expect(missingFrom(pod, template, owner('Job', 'batch'))).toBe('subdomain');
    expect(missingFrom(pod, template, owner('ReplicaSet'))).toBe('hostname');
  });

  it('a StatefulSet’s claims take the place of volumes of their names, and nothing else does', () => {
    const exemptVolumes = new Set(['data']);
    const claim = { 'volumes/0': { name: 'data', persistentVolumeClaim: { claimName: 'data-set-0' } } };
    expect(missingFrom(edited(TEMPLATE, claim), TEMPLATE, { exemptVolumes })).toBeUndefined();
    expect(found(claim)).toBe('volumes[data].emptyDir');
    const host = edited(TEMPLATE, { 'volumes/0': { name: 'data', hostPath: { path: '/' } } });
    expect(missingFrom(host, TEMPLATE, { exemptVolumes })).toBe('volumes[data].persistentVolumeClaim');
  });
});

describe('what Countersign manages', () => {
  const TOKEN = {
    name: 'kube-api-access-x7k2p',
    projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] },
  };
  const MOUNT = { name: TOKEN.name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };

  it('does not matter, before a pod was changed and after', () => {
    const template = edited(TEMPLATE, {
      automountServiceAccountToken: true,
      'containers/0/env/-': { name: 'KUBECONFIG', value: '/mine' },
      'containers/1/env': [{ name: 'AWS_PROFILE', value: 'mine' }],
    });
    const created = edited(template, { 'volumes/-': TOKEN, 'containers/0/volumeMounts/-': MOUNT });
    const pod = { apiVersion: 'v1', kind: 'Pod', spec: created };
    const attributed = patchedBy(pod, patchFor(readPod(pod), PLAN))['spec'] as JsonObject;
    expect(JSON.stringify(attributed)).not.toContain(TOKEN.name);
    expect(missingFrom(created, template)).toBeUndefined();
    expect(missingFrom(attributed, template)).toBeUndefined();
    // The pod again, after another webhook: with its own changes, and a template copied from an attributed pod.
    expect(missingFrom(attributed, attributed)).toBeUndefined();
    expect(missingFrom(created, attributed)).toBeUndefined();
    // A template copied from one that was not: its token is gone from the pod.
    expect(missingFrom(attributed, created)).toBeUndefined();
  });

  it('hides nothing that only looks like it', () => {
    const template = edited(TEMPLATE, {
      'initContainers/-': { name: 'countersign', image: 'mine', command: ['mine'] },
      'volumes/-': { ...TOKEN, name: 'my-token' },
    });
    const lost = (edits: Edits) => missingFrom(edited(template, edits), template);
    expect(lost({ 'initContainers/2': GONE })).toBe('initContainers[countersign]');
    expect(lost({ 'volumes/4': GONE })).toBe('volumes[my-token]');
    expect(lost({ 'volumes/0': { ...TOKEN, name: 'aws-iam-token' } })).toBe('volumes[data]');
  });
});

describe('what is no pod spec is contained in nothing', () => {
  it.each<[string, string, string]>([
    ['containers without names', '{"containers":[{"image":"x"}]}', 'containers[0]'],
    ['text for containers', '{"containers":["x"]}', 'containers[0]'],
    ['an object for containers', '{"containers":{"x":"y"}}', 'containers'],
    ['text for an object', '{"securityContext":"x"}', 'securityContext'],
    ['a key of every object', '{"__proto__":{"x":1}}', '__proto__.x'],
    ['another key of every object', '{"constructor":"y"}', 'constructor'],
  ])('%s', (_, template, path) => {
    const pod = { containers: [{ name: 'app' }], securityContext: { runAsUser: 1 } };
    expect(missingFrom(pod, JSON.parse(template) as JsonObject)).toBe(path);
  });
});
