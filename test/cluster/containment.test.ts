import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.ts';
import { missingFrom } from '../../src/lineage/containment.ts';
import { connect } from './fixture.ts';

const cluster = connect();

/**
 * As in a custom resource, whose templates the API server does not default: everything short, quantities as somebody
 * may write them, what stands for nothing spelled out.
 */
const TEMPLATE = {
  serviceAccount: 'default',
  hostNetwork: true,
  hostPID: false,
  hostname: '',
  imagePullSecrets: [],
  securityContext: {},
  tolerations: [{ operator: 'Exists' }],
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [], x: null } },
  initContainers: [{ name: 'first', image: 'first:1' }],
  containers: [
    {
      name: 'app',
      image: 'app',
      stdin: false,
      command: [],
      args: ['run'],
      ports: [{ containerPort: 8080 }, { containerPort: 8081, protocol: 'UDP', hostPort: 0 }],
      env: [
        { name: 'BLANK', value: '' },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1024Ki' } } },
      ],
      resources: { limits: { cpu: 0.5, memory: '1024Mi', 'ephemeral-storage': '1e9' } },
      livenessProbe: { httpGet: { port: 8080 }, timeoutSeconds: 0 },
      readinessProbe: { exec: { command: ['ready'] } },
      startupProbe: { grpc: { port: 8080 } },
      lifecycle: { preStop: { httpGet: { port: 8080 } }, postStart: { exec: { command: ['started'] } } },
      securityContext: { capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
      volumeMounts: [{ name: 'plain', mountPath: '/plain', readOnly: false, subPath: '' }],
    },
  ],
  volumes: [
    { name: 'plain' },
    { name: 'empty', emptyDir: {} },
    { name: 'sized', emptyDir: { medium: 'Memory', sizeLimit: '0.5Gi' } },
    { name: 'secret', secret: { secretName: 's' } },
    { name: 'config', configMap: { name: 'c' } },
    { name: 'pod', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
    {
      name: 'all',
      projected: {
        sources: [
          { secret: { name: 's' } },
          { serviceAccountToken: { path: 't', audience: 'a' } },
          {
            downwardAPI: {
              items: [{ path: 'cpu', resourceFieldRef: { containerName: 'app', resource: 'limits.cpu' } }],
            },
          },
        ],
      },
    },
    { name: 'host', hostPath: { path: '/x' } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'c', readOnly: false } },
    {
      name: 'own',
      ephemeral: {
        volumeClaimTemplate: {
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
        },
      },
    },
    { name: 'image', image: { reference: 'data:1' } },
    { name: 'iscsi', iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:storage', lun: 0 } },
    { name: 'rbd', rbd: { monitors: ['10.0.0.1'], image: 'i' } },
    { name: 'azure', azureDisk: { diskName: 'd', diskURI: 'https://blob/d' } },
    { name: 'scale', scaleIO: { gateway: 'g', system: 's', secretRef: { name: 's' }, volumeName: 'v' } },
    { name: 'nfs', nfs: { server: 's', path: '/' } },
  ],
} as unknown as JsonObject;

describe.skipIf(cluster.unavailable)('a pod as the API server makes it of a template without defaults', () => {
  let spec: JsonObject;

  beforeAll(async () => {
    const namespace = await cluster.newNamespace();
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'agent', namespace }, spec: TEMPLATE };
    const stdin = JSON.stringify(pod);
    const flags = ['--dry-run=server', '--validate=ignore', '-o', 'json'];
    const { status, stdout, stderr } = await cluster.kubectl(['create', '-f', '-', ...flags], { stdin });
    if (status !== 0) throw new Error(stderr);
    ({ spec } = JSON.parse(stdout) as { spec: JsonObject });
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  });

  it('contains it', () => {
    expect(missingFrom(spec, TEMPLATE)).toBeUndefined();
  });

  it('is contained in nothing less: the template lacks much of it', () => {
    expect(missingFrom(TEMPLATE, spec)).toBeDefined();
  });
});
