import type { SessionPlan } from '../../../src/injection/container.ts';

/** Some session. */
export const PLAN: SessionPlan = {
  operator: 'alice',
  roleArn: 'arn:aws:iam::111122223333:role/session',
  durationSeconds: 1800,
  region: 'eu-central-1',
  identity: 'irsa',
  baseRole: 'arn:aws:iam::111122223333:role/base',
  stsEndpoint: 'https://sts.eu-central-1.amazonaws.com',
  podIdentityEndpoint: 'http://169.254.170.23/v1/credentials',
  tags: true,
  instanceMetadata: 'refuse',
  kubernetes: { identity: 'none' },
  delivery: 'sidecar',
  image: 'countersign@sha256:0000000000000000000000000000000000000000000000000000000000000000',
  resources: { requests: {}, limits: {} },
};
