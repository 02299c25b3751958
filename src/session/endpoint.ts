import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Fault, reasonOf } from '../errors.ts';
import { CREDENTIALS_PATH } from '../names.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

export interface EndpointOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** What clients send as `Authorization`, as it is. */
  readonly token: string;
  readonly credentials: ServedCredentials;
}

export interface ServedCredentials {
  /** Now, without waiting. */
  current(): TemporaryCredentials | undefined;
  /** After a moment, when there are none now. */
  soon(): Promise<TemporaryCredentials | undefined>;
}

export interface Endpoint {
  readonly port: number;
  stop(): void;
}

/** Requests here have no body and few headers; slow ones are not served. */
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 2_500,
  keepAliveTimeout: 60_000,
};
const MAX_CONNECTIONS = 256;

/**
 * Serves the session's credentials on the pod's loopback, as AWS SDKs ask for them
 * (`AWS_CONTAINER_CREDENTIALS_FULL_URI` with `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`).
 *
 * The token keeps out who reaches the port and not the files: `kubectl port-forward` leads to loopback ports. The Host
 * header keeps out a web page in a browser of the pod whose name was pointed to 127.0.0.1 (DNS rebinding).
 *
 * @throws Fault `ListenFailed`
 */
export async function serveCredentials(options: EndpointOptions): Promise<Endpoint> {
  const server = createServer(LIMITS);
  server.maxConnections = MAX_CONNECTIONS;
  const port = await listening(server, options.port);
  const expected = digest(options.token);
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  let rendered: Rendered | undefined;

  const answer = (response: ServerResponse, credentials: TemporaryCredentials | undefined): void => {
    if (credentials === undefined) return refuse(response, REFUSAL.expired);
    if (rendered?.of !== credentials) rendered = { of: credentials, body: render(credentials) };
    response.writeHead(200, headersFor(rendered.body)).end(rendered.body);
  };

  server.on('request', (request, response) => {
    const refusal = refusalFor(request, hosts, expected);
    if (refusal !== undefined) return refuse(response, refusal);
    const credentials = options.credentials.current();
    if (credentials !== undefined) return answer(response, credentials);
    void options.credentials.soon().then((late) => answer(response, late));
  });
  return {
    port,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Rendered {
  readonly of: TemporaryCredentials;
  readonly body: Buffer;
}

/** The AWS SDKs reference, "Container credential provider". Whole seconds, rounded down: not every SDK reads fractions. */
function render({ accessKeyId, secretAccessKey, sessionToken, expiration }: TemporaryCredentials): Buffer {
  return Buffer.from(
    JSON.stringify({
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: `${expiration.toISOString().slice(0, 19)}Z`,
    }),
  );
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** SDKs print code and message. They try again after 5xx, and so they should only where it may help. */
const REFUSAL = {
  host: {
    status: 403,
    code: 'HostNotAllowed',
    message: 'this endpoint is only 127.0.0.1. Next: ask it by the address in AWS_CONTAINER_CREDENTIALS_FULL_URI',
  },
  path: { status: 404, code: 'NotFound', message: `there is nothing here. Next: GET ${CREDENTIALS_PATH}` },
  method: { status: 405, code: 'MethodNotAllowed', message: `only GET. Next: GET ${CREDENTIALS_PATH}` },
  token: {
    status: 401,
    code: 'TokenInvalid',
    message:
      'the Authorization header does not hold the session’s token. ' +
      'Next: send the content of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, as it is',
  },
  expired: {
    status: 503,
    code: 'CredentialsExpired',
    message:
      'the session’s credentials have expired and could not be renewed. ' +
      'Next: try again; the log of the container countersign says what AWS STS answers',
  },
} as const satisfies Readonly<Record<string, Refusal>>;

function refusalFor(request: IncomingMessage, hosts: ReadonlySet<string>, expected: Buffer): Refusal | undefined {
  const { host = '', authorization = '' } = request.headers;
  if (!hosts.has(host)) return REFUSAL.host;
  if (request.url !== CREDENTIALS_PATH) return REFUSAL.path;
  if (request.method !== 'GET') return REFUSAL.method;
  // Digests have one length, so that the comparison tells nothing about the token's.
  return timingSafeEqual(digest(authorization), expected) ? undefined : REFUSAL.token;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  const body = Buffer.from(JSON.stringify({ code, message }));
  response.writeHead(status, { ...headersFor(body), ...(status === 405 && { allow: 'GET' }) }).end(body);
}

function headersFor(body: Buffer): Record<string, string | number> {
  return { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' };
}

async function listening(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  try {
    await promise;
  } catch (thrown) {
    throw new Fault(
      'ListenFailed',
      `the credentials endpoint cannot listen on 127.0.0.1:${port}: ${reasonOf(thrown)}. ` +
        `Next: let the application use another port than ${port}`,
      { cause: thrown },
    );
  }
  server.off('error', reject);
  return (server.address() as AddressInfo).port;
}
