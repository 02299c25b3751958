import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/tls/authority.ts';
import { createIssuer } from '../session/sts/issuer.ts';
import { anotherSourceIdentity } from '../session/sts/faults.ts';
import { exampleAccount, SESSION_ROLE } from '../session/sts/example.ts';
import { connectNode } from './fixture.ts';
import { app } from './support/app.ts';
import { statusOf } from './support/pods.ts';
import { SessionNamespace, type SessionNamespaceOptions } from './support/session-namespace.ts';
import { useCountersign } from './support/use.ts';
import { Volumes } from './support/volumes.ts';

const testNode = connectNode();

interface Row {
  readonly step: string;
  readonly options?: SessionNamespaceOptions | (() => SessionNamespaceOptions);
  readonly arrange?: (space: SessionNamespace) => void;
  /** Once AWS was asked, and before it answers. */
  readonly meanwhile?: (volumes: Volumes, space: SessionNamespace) => void;
  readonly tells: RegExp;
}

const HOUR = 3_600_000;

const ROWS: readonly Row[] = [
  {
    step: 'a base token that AWS does not take',
    // The account trusts other keys.
    options: () => ({ sts: { account: exampleAccount({ ...createIssuer().provider, issuer: ISSUER }) } }),
    tells: /\[BaseIdentityFailed\].*InvalidIdentityToken.*Next: /,
  },
  {
    step: 'a session role that does not trust the base role',
    options: { session: { roles: [{ arn: SESSION_ROLE.replace('session', 'another') }] } },
    tells: /\[AssumeRoleRefused\].*AccessDenied.*Next: /,
  },
  {
    step: 'the same, with keys that are delivered as files',
    options: { session: { delivery: 'files', roles: [{ arn: SESSION_ROLE.replace('session', 'another') }] } },
    tells: /\[AssumeRoleRefused\].*AccessDenied.*Next: /,
  },
  {
    step: 'keys in another name',
    arrange: ({ sts }) => sts.faults.always(anotherSourceIdentity('mallory@acme.com')),
    tells: /\[SourceIdentityChanged\].*in another name instead of alice@acme\.com.*Next: /,
  },
  {
    step: 'a clock that is off by an hour',
    options: { sts: { clock: () => Date.now() + HOUR } },
    tells: /\[\w+\].*(clock|expired).*Next: /i,
  },
  {
    step: 'an STS that does not answer',
    arrange: ({ sts }) => sts.faults.always({ kind: 'hang' }),
    tells: /\[StsUnreachable\].*Next: /,
  },
  {
    step: 'an STS whose certificate nobody vouches for',
    options: { sts: { authority: await createAuthority({ commonName: 'nobody', days: 1, now: new Date() }) } },
    tells: /\[StsUnreachable\].*certificate.*Next: /,
  },
  {
    step: 'a volume without room',
    arrange: ({ sts }) => sts.faults.always({ kind: 'hang' }),
    meanwhile: (volumes, { sts }) => {
      volumes.fill('countersign-private');
      sts.faults.always(undefined);
    },
    tells: /\[SessionFilesFailed\].*the volume is full.*Next: /,
  },
];

const ISSUER = 'https://kubernetes.default.svc';

describe.skipIf(testNode.unavailable)('a pod whose session cannot be opened', () => {
  const countersign = useCountersign(testNode);

  it.each(ROWS)('says why and starts no application: $step', async ({ options, arrange, meanwhile, tells }) => {
    const given = typeof options === 'function' ? options() : options;
    await using space = await SessionNamespace.create(testNode, countersign, given);
    arrange?.(space);
    const asked = space.sts.arrivals.next();
    await space.pods.create({
      metadata: { name: 'agent' },
      spec: { terminationGracePeriodSeconds: 0, containers: [app(testNode.node, ['sleep', '600'])] },
    });
    const { metadata } = await space.pods.get('agent');
    const volumes = new Volumes(testNode, metadata?.uid ?? '');
    if (meanwhile !== undefined) {
      await asked;
      meanwhile(volumes, space);
    }
    const failed = await space.pods.until('agent', 'has failed to open its session', (pod) => {
      const { state, lastState } = statusOf(pod, 'countersign') ?? {};
      return (state?.terminated ?? lastState?.terminated)?.exitCode === 78;
    });
    expect(statusOf(failed, 'app')?.state?.waiting).toBeDefined();
    expect(statusOf(failed, 'app')?.lastState).toEqual({});
    expect(volumes.files('countersign')).toEqual({});
    // One line, as the reader of `kubectl describe pod` sees it.
    const described = (await space.pods.describe('agent')).split('\n');
    expect(described.find((line) => line.includes('countersign: ['))).toMatch(tells);
    expect(space.operatorsOf('ListBuckets')).toEqual([]);
    await space.pods.delete('agent');
  });
});
