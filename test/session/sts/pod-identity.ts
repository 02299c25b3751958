import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isObject, type JsonObject } from '../../../src/json.ts';
import type { Service } from './actions.ts';
import { arrive, type Arrived, header } from './http.ts';
import type { Log } from './log.ts';
import { callerIdentity, type CloudTrailRecord, recordOf, seconds } from './records.ts';
import { Refusal } from './refusal.ts';
import { type Caller, openSession } from './sessions.ts';
import { verifyWebToken } from './web-token.ts';

/** The EKS Pod Identity Agent, which hands a pod the credentials of the role that its service account is given. */
export interface PodIdentityOptions {
  readonly clusterArn: string;
  /** The role of each service account, by `NAMESPACE/NAME`. */
  readonly associations: Readonly<Record<string, string>>;
  /** Six hours, as EKS gives, when not said. */
  readonly seconds?: number;
}

export interface PodIdentityAgent {
  readonly url: string;
  stop(): Promise<void>;
}

const AUDIENCE = 'pods.eks.amazonaws.com';

export async function startPodIdentity(
  service: Service,
  records: Log<CloudTrailRecord>,
  options: PodIdentityOptions,
  host: string,
): Promise<PodIdentityAgent> {
  const answer = async (incoming: IncomingMessage): Promise<[number, string]> => {
    try {
      return [200, JSON.stringify(await exchange(service, records, options, await arrive(incoming)))];
    } catch (error) {
      return error instanceof Refusal ? [error.status, `[${error.code}]: ${error.message}`] : [500, String(error)];
    }
  };
  const server = createServer((incoming, response) => {
    void (async () => {
      const [status, body] = await answer(incoming);
      response.writeHead(status, { 'content-type': status === 200 ? 'application/json' : 'text/plain' }).end(body);
    })();
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/v1/credentials`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function exchange(
  service: Service,
  records: Log<CloudTrailRecord>,
  options: PodIdentityOptions,
  request: Arrived,
): Promise<JsonObject> {
  const { account, keys, clock } = service;
  if (request.method !== 'GET' || request.path !== '/v1/credentials') throw new Refusal(404, 'NotFound', request.path);
  const token = header(request, 'authorization');
  if (token === undefined) throw new Refusal(400, 'InvalidRequest', 'Service account token cannot be empty');
  const { claims, audience } = await verifyWebToken(token, account, clock());
  if (audience !== AUDIENCE) throw new Refusal(400, 'InvalidIdentityToken', 'Incorrect token audience');
  const tags = podTags(claims, options.clusterArn);
  const roleArn = options.associations[`${tags['kubernetes-namespace']}/${tags['kubernetes-service-account']}`];
  if (roleArn === undefined) throw new Refusal(404, 'ResourceNotFoundException', 'No association for this pod');
  const caller: Caller = { kind: 'service', service: AUDIENCE };
  const wish = {
    roleArn,
    sessionName: `eks-${options.clusterArn.split('/').at(-1)}-${tags['kubernetes-pod-name']}-${randomUUID()}`.slice(
      0,
      64,
    ),
    seconds: options.seconds ?? 21_600,
    sourceIdentity: undefined,
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    transitive: Object.keys(tags),
  };
  const { key } = openSession(account, keys, caller, wish, clock());
  const asked = { roleArn, roleSessionName: wish.sessionName, tags: wish.tags, transitiveTagKeys: wish.transitive };
  const identity = callerIdentity(account, caller);
  const happening = { event: 'AssumeRole', source: 'sts', identity, asked, outcome: { answer: {} } } as const;
  records.add(recordOf(account, request, { ...happening, requestId: randomUUID() }, clock()));
  return {
    AccessKeyId: key.accessKeyId,
    SecretAccessKey: key.secretAccessKey,
    Token: key.sessionToken,
    AccountId: account.id,
    Expiration: seconds(key.expiresAt),
  };
}

/** The six transitive tags of every such session (EKS user guide, "session tags added by EKS Pod Identity"). */
function podTags(claims: JsonObject, clusterArn: string): Record<string, string> {
  const said = claims['kubernetes.io'];
  const { namespace, serviceaccount, pod } = isObject(said) ? said : {};
  const name = (value: unknown, member: string) => (isObject(value) ? text(value[member]) : '');
  return {
    'eks-cluster-arn': clusterArn,
    'eks-cluster-name': clusterArn.split('/').at(-1) ?? '',
    'kubernetes-namespace': text(namespace),
    'kubernetes-service-account': name(serviceaccount, 'name'),
    'kubernetes-pod-name': name(pod, 'name'),
    'kubernetes-pod-uid': name(pod, 'uid'),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
