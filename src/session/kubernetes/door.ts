import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PATH } from '../../names.ts';
import type { Admitted } from './forward.ts';
import { type ActingAs, examine, impersonation } from './headers.ts';
import type { Refusal } from './status.ts';
import type { Tally } from './tally.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/** Decides who is let in, and with which headers. */
export class Doorkeeper {
  readonly #token: Buffer;
  readonly #hosts: ReadonlySet<string>;
  readonly #impersonation: readonly string[];
  readonly #operator: string;
  readonly #tally: Tally;

  constructor(token: string, actingAs: ActingAs, port: number, tally: Tally) {
    this.#token = Buffer.from(token);
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
    this.#impersonation = impersonation(actingAs);
    this.#operator = actingAs.operator;
    this.#tally = tally;
  }

  /** For a plain request. */
  admit({ rawHeaders, method = '', url = '', httpVersion }: IncomingMessage): Admitted | Refusal {
    const examined = examine(rawHeaders);
    this.#tally.add(examined.claims);
    if (examined.kind === 'refused') return unclear(`it has ${examined.why}`);
    // A page in a browser can make a name of its own lead to 127.0.0.1, but its requests then say that name.
    const { host = '', authorization = '', hasBody, passed, claims } = examined;
    if (!this.#hosts.has(host.toLowerCase())) {
      const message =
        'this address is not meant for that host name. Next: use the server in the kubeconfig as it stands there';
      return { code: 403, reason: 'Forbidden', message, close: true };
    }
    if (!this.#knows(authorization)) {
      const message =
        "the request lacks this session's local token. " +
        `Next: use the kubeconfig that $KUBECONFIG names, or in-cluster configuration (${PATH.serviceAccount})`;
      return { code: 401, reason: 'Unauthorized', message, close: hasBody };
    }
    // Without this, `GET https://elsewhere/` or `*` would be left to the API server to make sense of.
    if (!url.startsWith('/')) return unclear('its target is not a path');
    if (httpVersion !== '1.1') return unclear(`it is HTTP/${httpVersion}, and not HTTP/1.1`);
    if (!METHODS.has(method)) {
      return {
        code: 405,
        reason: 'MethodNotAllowed',
        message: `the Kubernetes API has no ${method}. Next: use another method`,
        close: true,
      };
    }
    const noBody = !hasBody && BODY_METHODS.has(method) && !passed.includes('Content-Length');
    return {
      headers: [...passed, ...(noBody ? ['Content-Length', '0'] : []), ...this.#impersonation],
      hasBody,
      warning: claims.length === 0 ? undefined : this.#warning(claims),
    };
  }

  /** For a request that asks for a stream; a body before that stream would be read as part of it. */
  admitStream(request: IncomingMessage): Admitted | Refusal {
    const admitted = this.admit(request);
    return 'headers' in admitted && admitted.hasBody ? unclear('it has a body and asks for a stream') : admitted;
  }

  #knows(authorization: string): boolean {
    const presented = Buffer.from(/^bearer +([\w-]+)$/i.exec(authorization)?.[1] ?? '');
    // The length is no secret; that the content is compared in constant time keeps it from being guessed byte by byte.
    return presented.length === this.#token.length && timingSafeEqual(presented, this.#token);
  }

  /** kubectl prints it (RFC 9111, 5.5: code 299, the agent, the text). */
  #warning(claims: readonly string[]): string {
    return `299 countersign "${claims.join(', ')} dropped: this session acts as ${this.#operator}"`;
  }
}

function unclear(why: string): Refusal {
  const message = `the request is refused: ${why}. Next: send it with a Kubernetes client, and leave it as it is`;
  return { code: 400, reason: 'BadRequest', message, close: true };
}
