import { isIPv4 } from 'node:net';
import { Fault } from '../errors.ts';
import { type Exchange, exchange } from './http.ts';

/** Where instance metadata answers: IPv4, and IPv6 on Nitro instances (EC2 user guide). */
const ADDRESSES = ['http://169.254.169.254', 'http://[fd00:ec2::254]'];

/**
 * It answers within some milliseconds, or not at all: with a hop limit of 1 its answers do not get here, and every pod
 * waits this long for nothing. One that took longer is found when keys are renewed.
 */
const ROUNDS = 12;
const ROUND_MS = 20;

const ROLES = '/latest/meta-data/iam/security-credentials/';

/**
 * An application that can ask the node's metadata service has the node's role, in nobody's name.
 *
 * @param addresses origins, for tests
 * @throws Fault `InstanceMetadataOpen` when the service lists a role to this pod, with or without a session token of its
 * own (IMDSv2, IMDSv1), or cannot be asked; what does not answer in time, or with anything else, is closed
 */
export async function refuseOpenMetadata(addresses: readonly string[] = ADDRESSES): Promise<void> {
  const signal = afterRounds();
  const questions = addresses.flatMap((address) => [
    rolesAt(address, {}, signal),
    withToken(address, signal).then((headers) => headers && rolesAt(address, headers, signal)),
  ]);
  const roles = await Promise.all(questions);
  if (roles.every((role) => role === undefined)) return;
  throw new Fault(
    'InstanceMetadataOpen',
    'instance metadata hands this pod the credentials of its node’s role, which are in nobody’s name. ' +
      'Next: set the hop limit of the node’s metadata to 1 and require IMDSv2, or block 169.254.169.254 by a network ' +
      'policy; a policy can also accept it',
  );
}

/**
 * A quarter of a second, counted in rounds in which this process has looked for answers. Whoever takes the node's processors
 * away from it at its start, as a crowd of other pods does, cannot have answers pass for late that had long come.
 */
function afterRounds(): AbortSignal {
  const controller = new AbortController();
  const wait = (left: number): void => {
    if (left === 0) controller.abort();
    else setTimeout(wait, ROUND_MS, left - 1).unref();
  };
  wait(ROUNDS);
  return controller.signal;
}

/** What IMDSv2 wants to see, or undefined where it does not answer. */
async function withToken(address: string, signal: AbortSignal): Promise<Record<string, string> | undefined> {
  const token = await textOf({
    url: new URL('/latest/api/token', address),
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    signal,
  });
  // Anything else than a token would make a header that cannot be sent.
  return token !== undefined && /^[\x21-\x7e]+$/.test(token) ? { 'x-aws-ec2-metadata-token': token } : undefined;
}

/** The name of the first role; the credentials themselves are of no interest here. */
function rolesAt(address: string, headers: Record<string, string>, signal: AbortSignal): Promise<string | undefined> {
  return textOf({ url: new URL(ROLES, address), method: 'GET', headers, signal });
}

async function textOf(question: Exchange): Promise<string | undefined> {
  try {
    const { status, body } = await exchange(question);
    const text = body.trim();
    return status === 200 && text !== '' ? text : undefined;
  } catch (thrown) {
    if (lacksPort(thrown, question.url)) throw notAsked();
    // Not reachable, not in time, or no HTTP: closed.
    return undefined;
  }
}

/**
 * Whoever makes the pod says how many local ports it has (`net.ipv4.ip_local_port_range`, which every Pod Security level
 * allows). With one, the second question is never sent, and a service that is open would pass for closed. Where IPv6 is
 * switched off, its sockets fail with the same code.
 */
function lacksPort(thrown: unknown, { hostname }: URL): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRNOTAVAIL' && isIPv4(hostname);
}

function notAsked(): Fault {
  return new Fault(
    'InstanceMetadataOpen',
    'instance metadata could not be asked whether it is open, as this pod has no local port left for the question. ' +
      'Next: take net.ipv4.ip_local_port_range out of the sysctls of the pod',
  );
}
