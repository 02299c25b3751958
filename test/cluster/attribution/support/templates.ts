import fc from 'fast-check';
import { APP } from '../../admission/support/pods.ts';

/*
 * Pod templates as people write them, with all that API servers read in more than one spelling or fill in: what
 * admission sees of them must be what is stored.
 */

const QUANTITIES = [
  '1',
  '1.0',
  '0.1',
  '.5',
  '100m',
  '1e3',
  '1000000u',
  '5E2',
  '0.5Gi',
  '128Mi',
  '1048576',
  '1k',
  '1Ti',
];
const quantity = fc.constantFrom(...QUANTITIES);

const item = { key: 'a', path: 'a/b' };

/** Thirteen kinds of volumes that a namespace with Pod Security `baseline` takes, and that no policy has to allow. */
const VOLUMES: readonly fc.Arbitrary<Readonly<Record<string, unknown>>>[] = [
  fc.record({ emptyDir: fc.record({ medium: fc.constant('Memory'), sizeLimit: quantity }, { requiredKeys: [] }) }),
  fc.record({
    configMap: fc.record(
      { name: fc.constant('c'), items: fc.constant([item]), defaultMode: mode(), optional: fc.boolean() },
      { requiredKeys: ['name'] },
    ),
  }),
  fc.record({
    secret: fc.record(
      { secretName: fc.constant('s'), items: fc.constant([item]), defaultMode: mode() },
      { requiredKeys: ['secretName'] },
    ),
  }),
  fc.record({
    downwardAPI: fc.constant({
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'cpu', resourceFieldRef: { containerName: 'app', resource: 'limits.cpu', divisor: '1m' } },
      ],
    }),
  }),
  fc.record({
    projected: fc.record({
      sources: fc.constant([
        { configMap: { name: 'c', items: [item] } },
        { secret: { name: 's', optional: true } },
        { downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ]),
      defaultMode: mode(),
    }),
  }),
  fc.record({ persistentVolumeClaim: fc.record({ claimName: fc.constant('p'), readOnly: fc.boolean() }) }),
  fc.record({
    ephemeral: fc.record({
      volumeClaimTemplate: fc.record({
        metadata: fc.constant({ labels: { of: 'ephemeral' } }),
        spec: fc.record({
          accessModes: fc.constant(['ReadWriteOnce']),
          resources: fc.record({ requests: fc.record({ storage: quantity }) }),
        }),
      }),
    }),
  }),
  fc.constant({ nfs: { server: 'nfs.example', path: '/exports' } }),
  fc.constant({ iscsi: { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.com.example:storage.disk1', lun: 0 } }),
  fc.constant({ fc: { targetWWNs: ['500a0982991b8dc5'], lun: 2 } }),
  fc.constant({ awsElasticBlockStore: { volumeID: 'vol-1', fsType: 'ext4' } }),
  fc.constant({ azureDisk: { diskName: 'd', diskURI: 'https://example/d' } }),
  fc.constant({ image: { reference: 'data:1' } }),
];

export const VOLUME_TYPES = VOLUMES.length;

/** One volume of each type. */
const volumes = fc.tuple(...VOLUMES).map((each) => each.map((volume, index) => ({ name: `v${index}`, ...volume })));

const handler = fc.constantFrom<object>(
  { exec: { command: ['true'] } },
  { httpGet: { port: 8080 } },
  { httpGet: { port: 'http', path: '/x', scheme: 'HTTPS', httpHeaders: [{ name: 'A', value: 'b' }] } },
  { tcpSocket: { port: 'http' } },
);
const probe = fc
  .tuple(
    fc.oneof(handler, fc.constant({ grpc: { port: 9000 } })),
    fc.record({ periodSeconds: fc.integer({ min: 1, max: 9 }), timeoutSeconds: fc.constant(2) }, { requiredKeys: [] }),
  )
  .map(([how, when]) => ({ ...how, ...when }));

const resources = fc
  .record({ cpu: quantity, memory: quantity }, { requiredKeys: [] })
  // Requests may not exceed limits.
  .map((limits) => ({ limits, requests: limits }));

const container = fc.record(
  {
    image: fc.constantFrom('app', 'app:1', 'app:latest', `app@sha256:${'0'.repeat(64)}`),
    command: fc.constant(['sh', '-c', 'echo "$(A)" ü 𝄞 \u2028']),
    workingDir: fc.constant('/x'),
    env: fc.constant([
      { name: 'A', value: '' },
      { name: 'B' },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
    ]),
    envFrom: fc.constant([{ prefix: 'C_', configMapRef: { name: 'c', optional: true } }]),
    ports: fc.constant([
      { name: 'http', containerPort: 8080 },
      { containerPort: 53, protocol: 'UDP' },
    ]),
    resources,
    readinessProbe: probe,
    lifecycle: fc.record({ preStop: fc.oneof(handler, fc.constant({ sleep: { seconds: 3 } })) }),
    securityContext: fc.record(
      { runAsUser: fc.constant(1000), readOnlyRootFilesystem: fc.boolean() },
      { requiredKeys: [] },
    ),
    volumeMounts: fc.constant([
      { name: 'v0', mountPath: '/a' },
      { name: 'v1', mountPath: '/b', subPath: 'x', readOnly: true },
      { name: 'v5', mountPath: '/c', mountPropagation: 'HostToContainer' },
    ]),
    stdin: fc.boolean(),
  },
  { requiredKeys: ['image', 'ports', 'volumeMounts'] },
);

/** A pod spec with all those volumes, and more or less of everything else. */
export const podSpec: fc.Arbitrary<object> = fc
  .record(
    {
      containers: fc.array(container, { minLength: 1, maxLength: 2 }),
      initContainers: fc.array(container, { maxLength: 1 }),
      volumes,
      nodeSelector: fc.constant({ disk: 'ssd' }),
      tolerations: fc.constant([{ key: 'x', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }]),
      affinity: fc.constant({
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, podAffinityTerm: { topologyKey: 'x', labelSelector: { matchLabels: { a: 'b' } } } },
          ],
        },
      }),
      topologySpreadConstraints: fc.constant([
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
      ]),
      serviceAccountName: fc.constantFrom('default', ''),
      securityContext: fc.record({ runAsNonRoot: fc.boolean(), fsGroup: fc.constant(2000) }, { requiredKeys: [] }),
      dnsPolicy: fc.constantFrom('ClusterFirst', 'Default'),
      dnsConfig: fc.constant({ options: [{ name: 'ndots', value: '2' }, { name: 'debug' }] }),
      hostAliases: fc.constant([{ ip: '10.0.0.1', hostnames: ['a', 'b'] }]),
      enableServiceLinks: fc.boolean(),
      terminationGracePeriodSeconds: fc.constantFrom(5, 30, 600),
      imagePullSecrets: fc.constant([{ name: 'pull' }, {}]),
      readinessGates: fc.constant([{ conditionType: 'example/ready' }]),
    },
    { requiredKeys: ['containers', 'volumes'] },
  )
  .map(({ containers, initContainers = [], ...rest }) => ({
    ...rest,
    containers: containers.map((each, index) => ({ ...each, name: index === 0 ? APP.name : `c${index}` })),
    // What may not stand in a container that runs to its end.
    initContainers: initContainers.map(({ readinessProbe: _, lifecycle: __, ...each }) => ({ ...each, name: 'first' })),
  }));

function mode(): fc.Arbitrary<number> {
  return fc.constantFrom(0o400, 0o644, 0o777);
}
