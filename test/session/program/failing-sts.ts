import { ENV } from '../../../src/names.ts';
import { anotherSourceIdentity, type StsFault, THROTTLED } from '../sts/faults.ts';
import type { Failure } from './failing-starts.ts';

const UNREADABLE: StsFault = { kind: 'altered', alter: (body) => body.slice(0, 200) };
const NOBODY: StsFault = {
  action: 'AssumeRole',
  kind: 'altered',
  alter: (body) => body.replace(/<SourceIdentity>[^<]*<\/SourceIdentity>/, ''),
};
/** Only the session's keys: what the base keys say of their end is of no interest. */
const endingAt = (time: string): StsFault => ({
  action: 'AssumeRole',
  kind: 'altered',
  alter: (body) => body.replace(/<Expiration>[^<]*</, `<Expiration>${time}<`),
});
const HOUR_MS = 3_600_000;

/** What STS answers, or does not. */
export const FAILING_STS: readonly Failure[] = [
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
    step: 'STS gives keys that have ended',
    code: 'AssumeRoleRefused',
    says: /keys that end in -\d+ seconds; 1800 were asked for/,
    next: /set the node's clock/,
    spoil: (pod) => {
      pod.sts.faults.always(endingAt('2020-01-01T00:00:00Z'));
    },
  },
  {
    step: 'STS gives keys for years',
    code: 'AssumeRoleRefused',
    says: /keys that end in \d{9,} seconds; 1800 were asked for/,
    next: /set the node's clock/,
    spoil: (pod) => {
      pod.sts.faults.always(endingAt('2099-01-01T00:00:00Z'));
    },
  },
  {
    step: 'STS gives keys without an end',
    code: 'StsUnreachable',
    says: /no expiration that is a time/,
    next: /can reach the STS endpoint/,
    spoil: (pod) => {
      pod.sts.faults.always(endingAt('never'));
    },
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
];
