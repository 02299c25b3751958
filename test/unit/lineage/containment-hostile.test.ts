import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/json.ts';
import { missingFrom } from '../../../src/lineage/containment.ts';
import { edited, type Edits, GONE, TEMPLATE } from '../support/templates.ts';

/** What is found when somebody edits the pod on its way from the template. */
function found(edits: Edits, template: JsonObject = TEMPLATE): string | undefined {
  return missingFrom(edited(template, edits), template);
}

const HOME = { name: 'HOME', value: '/evil' };

describe('a pod that runs what its operator did not submit is seen', () => {
  it.each<[string, Edits, string]>([
    ['another image', { 'containers/0/image': 'evil' }, 'containers[app].image'],
    ['another argument', { 'containers/0/args/1': '--unsafe' }, 'containers[app].args[1]'],
    ['one argument more', { 'containers/0/args/-': '--unsafe' }, 'containers[app].args'],
    ['a command before the arguments', { 'containers/0/command': ['sh'] }, 'containers[app].command (added)'],
    ['a command for the image’s own', { 'containers/1/command': ['sh'] }, 'containers[bare].command (added)'],
    ['arguments for the image’s own', { 'containers/1/args': ['-x'] }, 'containers[bare].args (added)'],
    ['another directory', { 'containers/1/workingDir': '/x' }, 'containers[bare].workingDir (added)'],
    ['a container gone', { 'containers/1': GONE }, 'containers[bare]'],
    ['a second container of one name', { 'containers/-': { name: 'app' } }, 'containers[app] (added again)'],
    [
      'init containers in another order',
      { 'initContainers/0': GONE, 'initContainers/-': TEMPLATE.initContainers[0] },
      'initContainers[second] (moved)',
    ],
    [
      'an init container that nothing waits for',
      { 'initContainers/0/restartPolicy': 'Always' },
      'initContainers[first].restartPolicy (added)',
    ],
  ])('%s', (_, edits, path) => {
    expect(found(edits)).toBe(path);
  });

  it.each<[string, Edits, string]>([
    ['another command', { 'livenessProbe/exec/command': ['x'] }, 'livenessProbe.exec.command[0]'],
    ['no command', { 'livenessProbe/exec': GONE }, 'livenessProbe.exec.command'],
    ['a command for a request', { readinessProbe: { exec: { command: ['x'] } } }, 'readinessProbe.httpGet.path'],
    ['a command besides a request', { 'readinessProbe/exec': { command: ['x'] } }, 'readinessProbe.exec (added)'],
    ['a command more', { startupProbe: { exec: { command: ['x'] } } }, 'startupProbe.exec (added)'],
    ['another hook', { 'lifecycle/preStop/exec/command': ['x'] }, 'lifecycle.preStop.exec.command[0]'],
    ['a hook more', { 'lifecycle/postStart': { exec: { command: ['x'] } } }, 'lifecycle.postStart (added)'],
  ])('in probes and hooks: %s', (_, edits, path) => {
    expect(found(inContainer(0, edits))).toBe(`containers[app].${path}`);
  });

  it('in hooks: the first of a container', () => {
    const edits = { 'containers/1/lifecycle': { preStop: { exec: { command: ['x'] } } } };
    expect(found(edits)).toBe('containers[bare].lifecycle (added)');
  });

  it.each<[string, Edits, string]>([
    ['another value', { 'env/0/value': '/evil' }, 'env[HOME].value'],
    ['a value for a blank one', { 'env/2/value': 'x' }, 'env[BLANK].value (added)'],
    [
      'a source for a blank one',
      { 'env/2/valueFrom': { fieldRef: { fieldPath: 'x' } } },
      'env[BLANK].valueFrom (added)',
    ],
    ['another secret', { 'env/3/valueFrom/secretKeyRef/name': 'x' }, 'env[KEY].valueFrom.secretKeyRef.name'],
    ['the same name again, which wins', { 'env/-': HOME }, 'env[HOME] (added again)'],
    ['the same name before', { 'env/^': HOME }, 'env[HOME].value'],
    [
      'a reference before what it refers to',
      { 'env/1': GONE, 'env/^': TEMPLATE.containers[0].env[1] },
      'env[TASKS] (moved)',
    ],
    ['another source of many', { 'envFrom/0/configMapRef/name': 'x' }, 'envFrom[0].configMapRef.name'],
    ['a source of many more', { 'envFrom/-': { secretRef: { name: 'x' } } }, 'envFrom'],
    ['a prefix', { 'envFrom/0/prefix': 'X_' }, 'envFrom[0].prefix (added)'],
  ])('in variables: %s', (_, edits, path) => {
    expect(found(inContainer(0, edits))).toBe(`containers[app].${path}`);
  });

  it('in variables: of duplicates, another that wins', () => {
    const twice = edited(TEMPLATE, { 'containers/0/env/-': { name: 'HOME', value: '/last' } });
    expect(missingFrom(twice, twice)).toBeUndefined();
    expect(found({ 'containers/0/env/4/value': '/evil' }, twice)).toBe('containers[app].env[HOME].value');
    expect(found({ 'containers/0/env/4': GONE }, twice)).toBe('containers[app].env[HOME]');
  });

  it('in variables: the first source of many', () => {
    const edits = { 'containers/1/envFrom': [{ secretRef: { name: 'x' } }] };
    expect(found(edits)).toBe('containers[bare].envFrom (added)');
  });

  it.each<[string, Edits, string]>([
    ['another volume at the same path', { '1/name': 'data' }, '[/tools].name'],
    ['one over it, spelled otherwise', { '-': { name: 'x', mountPath: '/x/..//tools/' } }, '[/tools] (added again)'],
    ['writable', { '1/readOnly': false }, '[/tools].readOnly'],
    ['a part of the volume', { '1/subPath': 'evil' }, '[/tools].subPath (added)'],
    ['a part by a variable', { '1/subPathExpr': '$(X)' }, '[/tools].subPathExpr (added)'],
    ['propagation', { '0/mountPropagation': 'Bidirectional' }, '[/data].mountPropagation (added)'],
  ])('in mounts: %s', (_, edits, path) => {
    expect(found(inContainer(0, below('volumeMounts', edits)))).toBe(`containers[app].volumeMounts${path}`);
  });

  it.each<[string, Edits, string]>([
    ['a host path for an empty one', { '0': { name: 'data', hostPath: { path: '/' } } }, '[data].emptyDir'],
    ['a secret for a config map', { '2': { name: 'tools', secret: { secretName: 'tools' } } }, '[tools].configMap'],
    ['another config map', { '2/configMap/name': 'x' }, '[tools].configMap.name'],
    ['other files', { '2/configMap/items': [{ key: 'x', path: 'run' }] }, '[tools].configMap.items (added)'],
    ['other modes', { '2/configMap/defaultMode': 0o777 }, '[tools].configMap.defaultMode (added)'],
    ['a source more', { '3/projected/sources/-': { secret: { name: 'x' } } }, '[parts].projected.sources'],
    ['another size', { '1/emptyDir/sizeLimit': '2Gi' }, '[cache].emptyDir.sizeLimit'],
  ])('in volumes: %s', (_, edits, path) => {
    expect(found(below('volumes', edits))).toBe(`volumes${path}`);
  });

  it('in volumes: a source for one without, which is an empty directory', () => {
    const template = { containers: [], volumes: [{ name: 'data' }] };
    expect(found({ 'volumes/0/emptyDir': {} }, template)).toBeUndefined();
    expect(found({ 'volumes/0/hostPath': { path: '/' } }, template)).toBe('volumes[data].hostPath (added)');
  });
});

describe('a pod that runs with more rights than its operator submitted is seen', () => {
  it.each<[string, JsonObject, string]>([
    ['privileged', { privileged: true }, 'privileged (added)'],
    ['root', { runAsUser: 0 }, 'runAsUser (added)'],
    ['root’s group', { runAsGroup: 0 }, 'runAsGroup (added)'],
    ['root in spite of the pod', { runAsNonRoot: false }, 'runAsNonRoot (added)'],
    ['escalation', { allowPrivilegeEscalation: true }, 'allowPrivilegeEscalation (added)'],
    ['capabilities', { capabilities: { add: ['SYS_ADMIN'] } }, 'capabilities.add (added)'],
    ['no filter of calls', { seccompProfile: { type: 'Unconfined' } }, 'seccompProfile.type (added)'],
    ['no AppArmor', { appArmorProfile: { type: 'Unconfined' } }, 'appArmorProfile.type (added)'],
    ['all of /proc', { procMount: 'Unmasked' }, 'procMount (added)'],
    ['a type of SELinux', { seLinuxOptions: { type: 'spc_t' } }, 'seLinuxOptions.type (added)'],
    ['what nobody knows yet', { superUser: true }, 'superUser (added)'],
  ])('a container that had said nothing: %s', (_, securityContext, path) => {
    const edits = { 'containers/1/securityContext': securityContext };
    expect(found(edits)).toBe(`containers[bare].securityContext.${path}`);
  });

  it.each<[string, Edits, string]>([
    ['capabilities', { 'capabilities/add': ['X'] }, 'capabilities.add (added)'],
    ['escalation, by silence', { allowPrivilegeEscalation: GONE }, 'allowPrivilegeEscalation'],
    ['capabilities, by silence', { capabilities: GONE }, 'capabilities.drop'],
  ])('a container that had said something: %s', (_, edits, path) => {
    expect(found(inContainer(0, below('securityContext', edits)))).toBe(`containers[app].securityContext.${path}`);
  });

  it.each<[string, Edits, string]>([
    ['root', { 'securityContext/runAsNonRoot': GONE }, 'securityContext.runAsNonRoot'],
    ['root’s files', { 'securityContext/fsGroup': 0 }, 'securityContext.fsGroup (added)'],
    [
      'more of root’s files',
      { 'securityContext/supplementalGroups': [5, 0] },
      'securityContext.supplementalGroups (added)',
    ],
    ['sysctls', { 'securityContext/sysctls': [{ name: 'x' }] }, 'securityContext.sysctls (added)'],
    ['the host’s network', { hostNetwork: true }, 'hostNetwork (added)'],
    ['the host’s processes', { hostPID: true }, 'hostPID (added)'],
    ['the host’s memory', { hostIPC: true }, 'hostIPC (added)'],
    ['the other containers’ processes', { shareProcessNamespace: true }, 'shareProcessNamespace (added)'],
    ['a port of the host', { 'containers/0/ports/0/hostPort': 80 }, 'containers[app].ports[8080/TCP].hostPort (added)'],
    ['another account', { serviceAccountName: 'admin' }, 'serviceAccountName'],
    ['the default account', { serviceAccountName: GONE }, 'serviceAccountName'],
    ['other nodes', { 'nodeSelector/disk': 'x' }, 'nodeSelector.disk'],
  ])('the pod: %s', (_, edits, path) => {
    expect(found(edits)).toBe(path);
  });

  it('an account where the template has none', () => {
    const template = { containers: [] };
    expect(found({ serviceAccountName: 'default', serviceAccount: 'default' }, template)).toBeUndefined();
    expect(found({ serviceAccount: 'admin' }, template)).toBe('serviceAccountName');
  });

  it('a user of a container’s own where the template has one for all', () => {
    const template = { securityContext: { runAsUser: 1000 }, containers: [{ name: 'app', image: 'i' }] };
    const give = (runAsUser: number) => ({ 'containers/0/securityContext': { runAsUser } });
    expect(found(give(1000), template)).toBeUndefined();
    expect(found(give(2000), template)).toBe('containers[app].securityContext.runAsUser (added)');
  });

  it('user namespaces, by silence', () => {
    expect(found({ hostUsers: GONE }, { ...TEMPLATE, hostUsers: false })).toBe('hostUsers');
  });
});

function inContainer(index: number, edits: Edits): Edits {
  return below(`containers/${index}`, edits);
}

function below(path: string, edits: Edits): Edits {
  return Object.fromEntries(Object.entries(edits).map(([key, value]) => [`${path}/${key}`, value]));
}
