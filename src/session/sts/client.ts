import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import aws4 from 'aws4';
import { type Answer, exchange } from '../http.ts';
import { networkReason, PassingFailure, retrying } from '../retry.ts';
import { notSts } from './away.ts';
import { isPassing, StsRefusal } from './refusal.ts';
import { type Fields, readXml } from './xml.ts';

/** Keys that sign a call. Long-lived ones have no session token. */
export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface StsCall {
  readonly action: 'AssumeRole' | 'AssumeRoleWithWebIdentity';
  readonly parameters: Readonly<Record<string, string>>;
  /** Without keys the call is not signed, as a web identity signs for itself. */
  readonly keys?: SigningKeys;
}

/** Where STS is. */
export interface StsPlace {
  readonly endpoint: URL;
  readonly region: string;
  /** Finds its address; undefined for the system's way. */
  readonly lookup?: LookupFunction;
}

export interface Sts {
  /**
   * Calls STS until it answers.
   *
   * @returns the fields inside of `…Result`
   * @throws StsRefusal when STS says no
   * @throws PassingFailure when it did not answer, or not with sense, until the deadline
   * @throws Fault `StsUnreachable` when somebody else answers
   */
  call(call: StsCall, deadline: AbortSignal): Promise<Fields>;
}

const VERSION = '2011-06-15';

/** Two calls in a row go over one connection; a quarter of an hour later it is a new one. */
const IDLE_MS = 5_000;

/** A client of the Query protocol over HTTPS, for the one endpoint that the settings name. */
export function stsAt(place: StsPlace): Sts {
  // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says: tokens and keys go there.
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 4,
    timeout: IDLE_MS,
    rejectUnauthorized: true,
    lookup: place.lookup,
  });
  return {
    call: (call, deadline) => retrying((signal) => attempt(place, agent, call, signal), deadline),
  };
}

async function attempt(place: StsPlace, agent: Agent, call: StsCall, signal: AbortSignal): Promise<Fields> {
  const body = new URLSearchParams({ Action: call.action, Version: VERSION, ...call.parameters }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', host: place.endpoint.host };
  let answer: Answer;
  try {
    answer = await exchange({
      url: place.endpoint,
      method: 'POST',
      headers: call.keys === undefined ? headers : signed(place, headers, body, call.keys),
      body,
      agent,
      signal,
    });
  } catch (thrown) {
    throw notSts(thrown, place.endpoint) ?? new PassingFailure(networkReason(thrown), { cause: thrown });
  }
  return understand(call, answer);
}

/** SigV4. Every attempt is signed anew, as a signature carries its time. */
function signed(
  { endpoint, region }: StsPlace,
  headers: Readonly<Record<string, string>>,
  body: string,
  keys: SigningKeys,
): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const request = aws4.sign(
    { service: 'sts', region, method: 'POST', path: endpoint.pathname, headers: { ...headers }, body },
    { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  );
  return request.headers as Record<string, string>;
}

function understand(call: StsCall, { status, body, date }: Answer): Fields {
  let fields: Fields;
  try {
    fields = readXml(body);
  } catch (thrown) {
    // A proxy's page, or an answer that was cut.
    throw new PassingFailure(`status ${status}, and not an answer of STS`, { cause: thrown });
  }
  if (status === 200) return within(fields, `${call.action}Response/${call.action}Result/`);
  const code = fields.get('ErrorResponse/Error/Code') ?? '';
  const message = withoutSecrets(fields.get('ErrorResponse/Error/Message') ?? '', call);
  const refusal = new StsRefusal(code, message, date && Math.round((Date.now() - date.getTime()) / 1000));
  if (isPassing(status, code)) throw new PassingFailure(`status ${status}, ${refusal.message}`, { cause: refusal });
  throw refusal;
}

/** Errors of AWS repeat values that they do not like, and what they would have signed; a reason is for everybody to read. */
function withoutSecrets(message: string, { keys, parameters: { WebIdentityToken } }: StsCall): string {
  const secrets = [WebIdentityToken, keys?.sessionToken, keys?.secretAccessKey];
  return secrets.reduce<string>((text, secret) => (secret ? text.replaceAll(secret, '…') : text), message);
}

function within(fields: Fields, prefix: string): Fields {
  const entries = [...fields].filter(([path]) => path.startsWith(prefix));
  return new Map(entries.map(([path, value]) => [path.slice(prefix.length), value]));
}
