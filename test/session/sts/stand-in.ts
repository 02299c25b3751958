import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, issueServing, type PemPair } from '../../../src/tls/authority.ts';
import type { Account } from './account.ts';
import { checkPolicy } from './policy.ts';
import { answerOf, type Arrival, type Desk } from './desk.ts';
import { Faults } from './faults.ts';
import { AccessKeys } from './keys.ts';
import { Log } from './log.ts';
import { type PodIdentityOptions, startPodIdentity } from './pod-identity.ts';
import type { CloudTrailRecord } from './records.ts';
import type { Buckets } from './s3.ts';

/**
 * A stand-in for AWS STS that is as strict as the real one about what Countersign relies on, with three calls of S3
 * beside it, an EKS Pod Identity agent, and the records that CloudTrail would write.
 *
 * For tests only. It keeps everything in memory and believes nobody: signatures and tokens are verified, policies are
 * evaluated, and what it does not know it refuses.
 */
export interface StsOptions {
  readonly account: Account;
  /** Where it listens; loopback when not given. */
  readonly host?: string;
  /** One that the system chooses when not given. */
  readonly port?: number;
  /** Who signs its certificate, where clients were made before it; one of its own when not given. */
  readonly authority?: PemPair;
  /** Milliseconds since the epoch; a test that travels in time gives its own. */
  readonly clock?: () => number;
  /** With this an agent for EKS Pod Identity runs too. */
  readonly podIdentity?: PodIdentityOptions;
  /** Names of the buckets that are there. */
  readonly buckets?: readonly string[];
}

export interface Sts {
  readonly url: string;
  readonly port: number;
  /** The certificate of the authority that clients have to trust, PEM. */
  readonly ca: string;
  readonly records: Log<CloudTrailRecord>;
  readonly arrivals: Log<Arrival>;
  readonly faults: Faults;
  /** What the buckets hold. */
  readonly buckets: Buckets;
  /** Empty when there is no agent. */
  readonly podIdentityUrl: string;
  stop(): Promise<void>;
}

/** @throws Error `MalformedPolicyDocument` for a policy that it could not evaluate */
export async function startSts(options: StsOptions): Promise<Sts> {
  const { account, host = '127.0.0.1', port = 0, clock = Date.now } = options;
  checkAccount(account);
  const { ca, certificate, key } = await certificates(host, options.authority);
  const desk: Desk = {
    service: { account, keys: new AccessKeys(account), clock },
    records: new Log(),
    arrivals: new Log(),
    faults: new Faults(),
    buckets: new Map(options.buckets?.map((name) => [name, new Map()])),
    stopping: new AbortController(),
  };
  const server = createServer({ cert: certificate, key }, (request, response) => void serve(desk, request, response));
  server.listen(port, host);
  await once(server, 'listening');
  const agent = options.podIdentity && (await startPodIdentity(desk.service, desk.records, options.podIdentity, host));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `https://${host}:${bound}`,
    port: bound,
    ca,
    records: desk.records,
    arrivals: desk.arrivals,
    faults: desk.faults,
    buckets: desk.buckets,
    podIdentityUrl: agent?.url ?? '',
    async stop() {
      desk.stopping.abort();
      server.close();
      server.closeAllConnections();
      await Promise.all([once(server, 'close'), agent?.stop()]);
    },
  };
}

async function serve(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = randomUUID();
  const answer = await answerOf(desk, request, requestId).catch((error: unknown) => {
    // A fault of the stand-in itself, told as one: no client takes it for an answer of STS.
    return { status: 599, headers: { 'content-type': 'text/plain' }, body: String(error) };
  });
  if (answer === undefined) response.destroy();
  else {
    const headers = { date: new Date(desk.service.clock()).toUTCString(), 'x-amzn-requestid': requestId };
    response.writeHead(answer.status, { ...headers, ...answer.headers }).end(answer.body);
  }
}

function checkAccount({ roles, users, serviceControl }: Account): void {
  for (const { arn, trust, permissions } of roles) {
    checkPolicy(`the trust policy of ${arn}`, trust, 'trust');
    checkPolicy(`the policy of ${arn}`, permissions, 'permissions');
  }
  for (const { arn, permissions } of users ?? []) checkPolicy(`the policy of ${arn}`, permissions, 'permissions');
  if (serviceControl !== undefined) checkPolicy('the service control policy', serviceControl, 'permissions');
}

/** Valid for longer than any test pretends to run. */
const DAYS = 30;

async function certificates(
  host: string,
  given: PemPair | undefined,
): Promise<{ ca: string; certificate: string; key: string }> {
  const now = new Date();
  const authority = given ?? (await createAuthority({ commonName: 'STS stand-in', days: DAYS, now }));
  const dnsNames = ['localhost', 'sts.test'];
  const serving = await issueServing({ authority, dnsNames, ipAddresses: [host], days: DAYS, now });
  return { ca: authority.certificate, certificate: serving.certificate, key: serving.key };
}
