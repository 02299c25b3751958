import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENV, SESSION_SETTING, TOKEN_FILE } from '../../../src/names.ts';
import { isReady } from '../../../src/session/ready.ts';
import { anotherSourceIdentity, THROTTLED, type StsFault } from '../sts/faults.ts';
import { createIssuer } from '../sts/issuer.ts';
import { kubernetesEnv } from '../support/kubernetes-env.ts';
import { listening } from '../support/listening.ts';
import { type PodOptions, SessionPod, type StartOptions } from '../support/session-pod.ts';

/** One step made to fail, and what people are told. */
interface Case {
  readonly step: string;
  readonly code: string;
  /** What the message says went wrong, and what it says to do. */
  readonly says: RegExp;
  readonly next: RegExp;
  readonly pod?: PodOptions;
  /** Makes it fail; what it returns is set for the process. */
  readonly spoil?: (pod: SessionPod) => StartOptions | undefined;
}

const UNREADABLE: StsFault = { kind: 'altered', alter: (body) => body.slice(0, 200) };
const NOBODY: StsFault = {
  action: 'AssumeRole',
  kind: 'altered',
  alter: (body) => body.replace(/<SourceIdentity>[^<]*<\/SourceIdentity>/, ''),
};
const HOUR_MS = 3_600_000;

const CASES: readonly Case[] = [
  {
    step: 'a setting that no webhook sets',
    code: 'SessionSettingInvalid',
    says: /FAB_OPERATOR .*":"/,
    next: /webhook/,
    spoil: () => ({ env: { [ENV.operator]: 'aws:alice' } }),
  },
  {
    step: 'the token is not there',
    code: 'BaseIdentityFailed',
    says: /aws-token, cannot be read/,
    next: /events of the pod/,
    spoil: (pod) => {
      rmSync(join(pod.places.tokens, TOKEN_FILE.aws));
    },
  },
  {
    step: 'the token is none',
    code: 'BaseIdentityFailed',
    says: /holds no service account token/,
    next: /events of the pod/,
    spoil: (pod) => {
      pod.writeToken('<html>');
    },
  },
  {
    step: 'the token is another cluster’s',
    code: 'BaseIdentityFailed',
    says: /InvalidIdentityToken/,
    next: /OIDC provider in IAM/,
    spoil: (pod) => {
      pod.writeToken(createIssuer().token());
    },
  },
  {
    step: 'the token has expired',
    code: 'BaseIdentityFailed',
    says: /ExpiredTokenException/,
    next: /kubelet renews/,
    spoil: (pod) => {
      pod.writeToken(pod.issuer.token({ exp: Math.floor(Date.now() / 1000) - 60 }));
    },
  },
  {
    step: 'the base role is not this service account’s',
    code: 'BaseIdentityFailed',
    says: /AccessDenied/,
    next: /trust policy of the base role/,
    spoil: (pod) => {
      pod.writeToken(pod.issuer.token({ sub: 'system:serviceaccount:team:other' }));
    },
  },
  {
    step: 'the session role does not trust this operator',
    code: 'AssumeRoleRefused',
    says: /in the name of mallory@elsewhere.com: AccessDenied/,
    next: /countersign iam aws/,
    spoil: () => ({ env: { [ENV.operator]: 'mallory@elsewhere.com' } }),
  },
  {
    step: 'STS returns another source identity',
    code: 'SourceIdentityChanged',
    says: /in another name instead of alice@acme.com/,
    next: /source identity of its own/,
    spoil: (pod) => {
      pod.sts.faults.always(anotherSourceIdentity('Alice@acme.com'));
    },
  },
  {
    step: 'STS returns no source identity, as emulators do',
    code: 'SourceIdentityChanged',
    says: /without a source identity instead of alice@acme.com/,
    next: /STS endpoint is AWS/,
    spoil: (pod) => {
      pod.sts.faults.always(NOBODY);
    },
  },
  {
    step: 'the clock is an hour behind',
    code: 'AssumeRoleRefused',
    says: /SignatureDoesNotMatch/,
    next: /set the node's clock: it is 3[56]\d\d seconds behind AWS's/,
    pod: { clock: () => Date.now() + HOUR_MS },
  },
  {
    step: 'the clock is an hour ahead',
    code: 'AssumeRoleRefused',
    says: /SignatureDoesNotMatch/,
    next: /set the node's clock: it is 3[56]\d\d seconds ahead of AWS's/,
    pod: { clock: () => Date.now() - HOUR_MS },
  },
  {
    step: 'STS throttles until the end',
    code: 'StsUnreachable',
    says: /status 400, Throttling: Rate exceeded \(\d+ attempts\)/,
    next: /can reach the STS endpoint/,
    spoil: (pod) => {
      pod.sts.faults.always(THROTTLED);
    },
  },
  {
    step: 'STS takes calls and never answers',
    code: 'StsUnreachable',
    says: /no answer in time \(\d attempts\)/,
    next: /can reach the STS endpoint/,
    spoil: (pod) => {
      pod.sts.faults.always({ kind: 'hang' });
    },
  },
  {
    step: 'answers of STS are cut',
    code: 'StsUnreachable',
    says: /not an answer of STS/,
    next: /can reach the STS endpoint/,
    spoil: (pod) => {
      pod.sts.faults.always(UNREADABLE);
    },
  },
  {
    step: 'somebody else answers in the place of STS',
    code: 'StsUnreachable',
    says: /the certificate at 127\.0\.0\.1:\d+ is not one of AWS STS/,
    next: /proxy/,
    spoil: () => ({ env: { NODE_EXTRA_CA_CERTS: undefined } }),
  },
  {
    step: 'the same, in an image that switches the verification off',
    code: 'StsUnreachable',
    says: /is not one of AWS STS/,
    next: /proxy/,
    spoil: () => ({
      env: { NODE_EXTRA_CA_CERTS: undefined, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
    }),
  },
  {
    step: 'the Kubernetes CA is missing',
    code: 'SessionSettingInvalid',
    says: /COUNTERSIGN_KUBERNETES_CA is not set/,
    next: /webhook/,
    spoil: (pod) => ({ env: { ...kubernetesEnv(pod), [SESSION_SETTING.kubernetesCa]: undefined } }),
  },
  {
    step: 'no agent of EKS Pod Identity answers',
    code: 'BaseIdentityFailed',
    says: /ECONNREFUSED/,
    next: /the agent runs on this node/,
    spoil: () => ({
      env: { ...POD_IDENTITY, [SESSION_SETTING.podIdentityEndpoint]: 'http://127.0.0.1:1/v1/credentials' },
    }),
  },
  {
    step: 'no pod identity association names the service account',
    code: 'BaseIdentityFailed',
    says: /status 404, \[ResourceNotFoundException\]/,
    next: /pod identity association/,
    spoil: (pod) => {
      pod.writeToken(
        pod.issuer.token({
          aud: ['pods.eks.amazonaws.com'],
          'kubernetes.io': { namespace: 'team', serviceaccount: { name: 'other' } },
        }),
      );
      return { env: { ...POD_IDENTITY, [SESSION_SETTING.podIdentityEndpoint]: pod.sts.podIdentityUrl } };
    },
  },
];

const POD_IDENTITY = { [SESSION_SETTING.identity]: 'pod-identity' };

/** What must hold after every failure. */
async function expectClosed(pod: SessionPod, part: string, options: StartOptions, expected: Omit<Case, 'step'>) {
  const started = pod.start(part, options);
  expect(await started.exited).toEqual({ code: 78, signal: null });
  const line = started.errors;
  expect(line).toMatch(new RegExp(`^countersign: \\[${expected.code}\\] [^\\n]+\\n$`));
  const [what, next] = line.split('Next: ');
  expect(what).toMatch(expected.says);
  expect(next).toMatch(expected.next);
  expect(pod.terminationMessage).toBe(line);
  expect(pod.shared).toEqual({});
  expect(isReady(pod.places)).toBe(false);
  expect(started.output).not.toContain('session ready');
  // The signature of a token, which is what makes it one.
  const [, , signature] = pod.token.split('.');
  if (signature !== undefined) expect(line + started.output).not.toContain(signature);
}

describe.concurrent('a session that cannot be opened', () => {
  test.for(CASES)('$step: [$code], and nothing is left', async ({ pod: podOptions, spoil, ...expected }) => {
    await using pod = await SessionPod.create(podOptions);
    await expectClosed(pod, 'run', spoil?.(pod) ?? {}, expected);
  });

  const ALSO = new Set([
    'the token is not there',
    'STS returns another source identity',
    'STS throttles until the end',
  ]);
  test.for(CASES.filter(({ step }) => ALSO.has(step)))(
    'delivered as files, $step: [$code], and nothing is left',
    async ({ pod: podOptions, spoil, ...expected }) => {
      await using pod = await SessionPod.create(podOptions);
      await expectClosed(pod, 'init', spoil?.(pod) ?? {}, expected);
    },
  );

  test('the port is somebody else’s: [ListenFailed]', async () => {
    await using pod = await SessionPod.create();
    await using taken = await listening(createServer());
    const expected = { code: 'ListenFailed', says: /EADDRINUSE/, next: /use another port/ };
    await expectClosed(pod, 'run', { places: { awsPort: taken.port } }, expected);
  });

  test('the Kubernetes token is missing: [KubernetesAccessFailed]', async () => {
    await using pod = await SessionPod.create();
    const env = kubernetesEnv(pod);
    const expected = { code: 'KubernetesAccessFailed', says: /kubernetes-token/, next: /projected token/ };
    await expectClosed(pod, 'run', { env }, expected);
  });

  test('files lead to no API server: [KubernetesAccessFailed]', async () => {
    await using pod = await SessionPod.create();
    const env = kubernetesEnv(pod);
    const expected = { code: 'KubernetesAccessFailed', says: /delivered as files/, next: /sidecar/ };
    await expectClosed(pod, 'init', { env }, expected);
  });
});

// By itself: what answers here must not be held up by the start of other processes.
test('instance metadata lists a role: [InstanceMetadataOpen]', async () => {
  await using pod = await SessionPod.create();
  await using metadata = await listening(createServer((_, response) => response.end('node-role')));
  const env = { [SESSION_SETTING.instanceMetadata]: 'refuse' };
  const expected = { code: 'InstanceMetadataOpen', says: /node’s role/, next: /hop limit/ };
  const places = { metadata: [metadata.origin] };
  await expectClosed(pod, 'run', { env, places }, expected);
  await expectClosed(pod, 'init', { env, places }, expected);
  // The same where the policy accepts it.
  await pod.start('run', { places }).ready();
});
