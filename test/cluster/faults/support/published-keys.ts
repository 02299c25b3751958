import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { directoryKeyStore } from '../../../../src/files/key-store.ts';
import type { PrivateKeys } from '../../../../src/stamp/keys.ts';
import type { KeyStore } from '../../../../src/stamp/store.ts';
import { verifyingKeys, type WebhookProcess } from '../../admission/support/webhook-process.ts';
import { until } from '../../until.ts';

/**
 * The keys as `countersign keys` keeps them in a directory, and replicas that have copies of it, as kubelets have of a
 * Secret: each one's arrives when the test says.
 */
export class PublishedKeys {
  readonly store: KeyStore;
  readonly #directory: string;
  /** Every key that ever was, as stamps by keys that are gone are looked at too. */
  readonly #verifying = new Map<string, KeyObject>();

  /** Begins with the keys that a replica has. */
  constructor(replica: WebhookProcess) {
    this.#directory = `${replica.keysDir}-of-the-admin`;
    this.store = directoryKeyStore(this.#directory);
    this.#remember(replica.keys);
  }

  get verifying(): ReadonlyMap<string, KeyObject> {
    return this.#verifying;
  }

  /** @throws when there are none */
  async present(): Promise<PrivateKeys> {
    const keys = await this.store.read();
    if (keys === undefined) throw new Error('there are no keys');
    this.#remember(keys);
    return keys;
  }

  /** The file of a replica is what the admin's is now; resolves when the replica has taken it up. */
  async reach(replica: WebhookProcess): Promise<void> {
    const { signing, keys } = await this.present();
    const beside = join(replica.keysDir, 'beside');
    copyFileSync(join(this.#directory, 'keys.json'), beside);
    renameSync(beside, join(replica.keysDir, 'keys.json'));
    await until('a replica has the keys', () => {
      const loaded = replica.log().findLast(({ msg }) => msg === 'stamp keys loaded');
      return loaded?.['signing'] === signing && loaded['valid'] === keys.length;
    });
  }

  #remember(keys: PrivateKeys): void {
    for (const [kid, key] of verifyingKeys(keys)) this.#verifying.set(kid, key);
  }
}

/** The id of the key that signed a statement. */
export function signerOf(token: string | undefined): string {
  const [head = ''] = (token ?? '').split('.');
  return String((JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid?: unknown }).kid);
}
