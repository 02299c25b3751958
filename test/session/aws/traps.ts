import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BASE_ROLE, STRAY_USER } from '../sts/example.ts';
import type { SessionPod } from '../support/session-pod.ts';
import type { Authored } from './application.ts';
import type { Variables } from './clients.ts';

/**
 * Credentials that work and that are not the session's, at every place where clients look: each would do if the
 * session's were not the only ones.
 */
export class Traps implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'countersign-traps-'));
  /** How often the endpoint was asked that hands out the wrong keys. */
  asked = 0;
  readonly #server: Server;
  readonly #token: string;

  private constructor(pod: SessionPod) {
    this.#server = createServer((_, response) => {
      this.asked += 1;
      response.setHeader('content-type', 'application/json').end(ENDPOINT_ANSWER);
    });
    this.#token = join(this.directory, 'web-identity-token');
    writeFileSync(this.#token, pod.issuer.token());
    for (const home of ['plain', 'full']) mkdirSync(join(this.directory, home, '.aws'), { recursive: true });
    const files = join(this.directory, 'full', '.aws');
    writeFileSync(join(files, 'credentials'), `[default]\n${KEYS}\n[work]\n${KEYS}\n`);
    writeFileSync(join(files, 'config'), '[profile work]\noutput = json\n');
  }

  static async set(pod: SessionPod): Promise<Traps> {
    const traps = new Traps(pod);
    traps.#server.listen(0, '127.0.0.1');
    await once(traps.#server, 'listening');
    return traps;
  }

  /** A home directory, with or without files of credentials in it. */
  home(kind: 'plain' | 'full'): string {
    return join(this.directory, kind);
  }

  get webIdentity(): Variables {
    return { AWS_ROLE_ARN: BASE_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: this.#token, AWS_ROLE_SESSION_NAME: 'agent' };
  }

  get staticKeys(): Variables {
    return { AWS_ACCESS_KEY_ID: STRAY_USER.accessKeyId, AWS_SECRET_ACCESS_KEY: STRAY_USER.secretAccessKey };
  }

  get containerEndpoint(): Variables {
    const { port } = this.#server.address() as AddressInfo;
    return {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/keys`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'another-token',
    };
  }

  get otherFiles(): Variables {
    const files = join(this.home('full'), '.aws');
    return { AWS_SHARED_CREDENTIALS_FILE: join(files, 'credentials'), AWS_CONFIG_FILE: join(files, 'config') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const KEYS = `aws_access_key_id = ${STRAY_USER.accessKeyId}\naws_secret_access_key = ${STRAY_USER.secretAccessKey}`;

const ENDPOINT_ANSWER = JSON.stringify({
  AccessKeyId: STRAY_USER.accessKeyId,
  SecretAccessKey: STRAY_USER.secretAccessKey,
  // Users’ keys have no token, and clients insist on one.
  Token: 'none',
  Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString(),
});

/** One trap at a time, by name, and all at once. */
export const TRAPS: Readonly<
  Record<string, { readonly home: 'plain' | 'full'; readonly set: (traps: Traps) => Authored }>
> = {
  'web identity': { home: 'plain', set: (traps) => ({ container: traps.webIdentity }) },
  'static keys': { home: 'plain', set: (traps) => ({ container: traps.staticKeys }) },
  'files in the home directory': { home: 'full', set: () => ({}) },
  'a named profile': { home: 'full', set: () => ({ container: { AWS_PROFILE: 'work' } }) },
  'files elsewhere': { home: 'plain', set: (traps) => ({ container: traps.otherFiles }) },
  'another credentials endpoint': { home: 'plain', set: (traps) => ({ container: traps.containerEndpoint }) },
};

/** Everything at once, in the pod. */
export function everything(traps: Traps): Variables {
  const all = { ...traps.webIdentity, ...traps.staticKeys, ...traps.otherFiles, ...traps.containerEndpoint };
  return { ...all, AWS_PROFILE: 'work', AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/other' };
}

/** Everything at once, built into the image: but for what can only be absent, which nobody can take out of an image. */
export function everythingBuiltIn(traps: Traps): Variables {
  return { ...traps.webIdentity, ...traps.staticKeys, ...traps.otherFiles, ...traps.containerEndpoint };
}
