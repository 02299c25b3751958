import { watch } from 'node:fs';
import { reasonOf } from '../errors.ts';
import type { Places } from './places.ts';
import { isReady } from './ready.ts';

/**
 * The sidecar's postStart hook: holds the application back until the session is ready. It ends the process, with status
 * 1 and a reason when it was not ready in time: kubelet then stops the container and starts it again.
 *
 * @param args `--seconds=N`, 1 to 60
 */
export async function awaitReady(args: readonly string[], places: Pick<Places, 'private'>): Promise<void> {
  const [, seconds] = /^--seconds=([1-9]|[1-5][0-9]|60)$/.exec(args.join(' ')) ?? [];
  if (seconds === undefined) return end('usage: countersign session await-ready --seconds=N, with 1 to 60 seconds');
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  setTimeout(resolve, Number(seconds) * 1000, `the session was not ready within ${seconds} s`);
  const look = (): void => {
    if (isReady(places)) resolve(undefined);
  };
  try {
    // First watch, then look: what happens in between is seen.
    watch(places.private, look).on('error', (error) => resolve(reasonOf(error)));
    look();
  } catch (thrown) {
    resolve(`${places.private} cannot be watched: ${reasonOf(thrown)}`);
  }
  end(await promise);
}

function end(reason: string | undefined): never {
  if (reason !== undefined) {
    process.stderr.write(`countersign: ${reason}. Next: look at the log of the container countersign\n`);
  }
  process.exit(reason === undefined ? 0 : 1);
}
