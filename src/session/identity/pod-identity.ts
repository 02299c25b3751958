import { Fault } from '../../errors.ts';
import { type Answer, exchange } from '../http.ts';
import { excerpt } from '../log.ts';
import { networkReason, PassingFailure, retrying } from '../retry.ts';
import { credentialsFrom, type TemporaryCredentials } from '../sts/credentials.ts';
import { readToken } from './token-file.ts';

export interface PodIdentity {
  /** The agent's, on the node: `http://169.254.170.23/v1/credentials`. */
  readonly endpoint: URL;
  readonly tokenFile: string;
}

/**
 * Asks the EKS Pod Identity agent on the node for the keys of the role that is associated with the service account.
 *
 * @throws Fault `BaseIdentityFailed`
 */
export async function podIdentity(
  { endpoint, tokenFile }: PodIdentity,
  deadline: AbortSignal,
): Promise<TemporaryCredentials> {
  try {
    return await retrying(async (signal) => ask(endpoint, await readToken(tokenFile), signal), deadline);
  } catch (thrown) {
    if (!(thrown instanceof PassingFailure)) throw thrown;
    throw failed(
      `the EKS Pod Identity agent at ${endpoint.origin} did not answer as it should: ${thrown.message}`,
      'see that the agent runs on this node (DaemonSet eks-pod-identity-agent in kube-system)',
      thrown,
    );
  }
}

async function ask(url: URL, token: string, signal: AbortSignal): Promise<TemporaryCredentials> {
  let answer: Answer;
  try {
    answer = await exchange({ url, method: 'GET', headers: { authorization: token }, signal });
  } catch (thrown) {
    throw new PassingFailure(networkReason(thrown), { cause: thrown });
  }
  const { status, body } = answer;
  if (status === 429 || status >= 500) throw new PassingFailure(`status ${status}`);
  if (status !== 200) {
    throw failed(
      // An agent that repeats what it was sent must not bring the token into the log.
      `the EKS Pod Identity agent refuses this pod: status ${status}, ${excerpt(body.replaceAll(token, '(token)'))}`,
      'see that a pod identity association names this service account, and that its role trusts pods.eks.amazonaws.com',
    );
  }
  return credentialsFrom(parsed(body));
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // The same as JSON that is no object. The body may hold keys, and so may the parser's message.
  }
  throw new PassingFailure('the answer is no JSON object');
}

function failed(what: string, next: string, cause?: unknown): Fault {
  return new Fault('BaseIdentityFailed', `${what}. Next: ${next}`, { cause });
}
