import { randomBytes, randomInt } from 'node:crypto';
import type { Account, Role, User } from './account.ts';

/** One pair of keys, and whose. */
export type AccessKey = UserKey | SessionKey;

export interface UserKey {
  readonly kind: 'user';
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly user: User;
}

/** Temporary keys of a role's session, with all that the session carries. */
export interface SessionKey {
  readonly kind: 'session';
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly session: RoleSession;
}

export interface RoleSession {
  readonly role: Role;
  readonly name: string;
  readonly sourceIdentity: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  /** Keys of the tags that sessions made from this one inherit. */
  readonly transitive: ReadonlySet<string>;
}

/** The keys that the account knows: those of its users, and those that it handed out. */
export class AccessKeys {
  readonly #keys = new Map<string, AccessKey>();

  constructor(account: Account) {
    for (const user of account.users ?? []) {
      const { accessKeyId, secretAccessKey } = user;
      this.#keys.set(accessKeyId, { kind: 'user', accessKeyId, secretAccessKey, user });
    }
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  issue(session: RoleSession, seconds: number, now: number): SessionKey {
    // Expirations are told in whole seconds.
    const expiresAt = Math.floor(now / 1000 + seconds) * 1000;
    const key: SessionKey = {
      kind: 'session',
      accessKeyId: `ASIA${identifier()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(270).toString('base64'),
      issuedAt: now,
      expiresAt,
      session,
    };
    this.#keys.set(key.accessKeyId, key);
    return key;
  }
}

/** The unique id that IAM gives a role, always the same for the same role. */
export function roleId({ arn }: Role): string {
  return `AROA${Buffer.from(arn.slice(-24)).toString('hex').toUpperCase().slice(-16)}`;
}

export function roleName({ arn }: Role): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

export function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** Who calls with these keys, as records and refusals name it. */
export function arnOf(key: AccessKey): string {
  return key.kind === 'user' ? key.user.arn : sessionArn(key.session);
}

export function sessionArn({ role, name }: RoleSession): string {
  return `arn:aws:sts::${accountOf(role.arn)}:assumed-role/${roleName(role)}/${name}`;
}

/** Every name by which policies can mean whoever has these keys. */
export function namesOf(key: AccessKey): readonly string[] {
  const account = accountOf(arnOf(key));
  const own = key.kind === 'user' ? [key.user.arn] : [key.session.role.arn, sessionArn(key.session)];
  return [...own, account, `arn:aws:iam::${account}:root`];
}

function identifier(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from({ length: 16 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
