import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '../errors.ts';

export interface WatchedOptions<Value> {
  /** Files, or directories, that the value is read from. */
  readonly paths: readonly string[];
  /** Reads the value; throws when what is there cannot be used. */
  readonly read: () => Promise<Value>;
  /** Tells two values apart. */
  readonly fingerprint: (value: Value) => string;
  /** Called with the first value, with every changed one, and with the one that ends a failure, changed or not. */
  readonly onValue: (value: Value) => void;
  /** Called when reading fails; the value before stays in force. Called once for each different reason. */
  readonly onFailure: (reason: string) => void;
  /** Milliseconds between looks, where the file system does not tell of changes. */
  readonly interval?: number;
}

/**
 * Reads a value from files and reads it again whenever they change.
 *
 * Kubernetes replaces the files of a Secret volume by moving a symbolic link in their directory, so directories are
 * watched; a timer covers file systems without notices, and directories that appear later.
 */
export class Watched<Value> {
  readonly #options: WatchedOptions<Value>;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #fingerprint: string | undefined;
  #failure: string | undefined;
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(options: WatchedOptions<Value>) {
    this.#options = options;
  }

  /** Reads once, and goes on watching whether or not that worked. */
  async start(): Promise<void> {
    this.#watch();
    this.#timer = setInterval(() => {
      this.#watch();
      void this.#refresh();
    }, this.#options.interval ?? 10_000).unref();
    await this.#refresh();
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(): void {
    for (const directory of new Set(this.#options.paths.flatMap((path) => [path, dirname(path)]))) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, () => void this.#refresh());
        watcher.on('error', () => this.#forget(directory));
        this.#watchers.set(directory, watcher);
      } catch {
        // Not there (yet): the timer tries again.
      }
    }
  }

  #forget(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }

  /** One reading at a time; a change during a reading causes another. */
  #refresh(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readOnce().finally(() => {
      this.#reading = undefined;
      if (this.#again) {
        this.#again = false;
        void this.#refresh();
      }
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    try {
      const value = await this.#options.read();
      const fingerprint = this.#options.fingerprint(value);
      if (fingerprint === this.#fingerprint && this.#failure === undefined) return;
      this.#options.onValue(value);
      this.#fingerprint = fingerprint;
      this.#failure = undefined;
    } catch (thrown) {
      const reason = reasonOf(thrown);
      if (reason !== this.#failure) this.#options.onFailure(reason);
      this.#failure = reason;
    }
  }
}
