import type { Duplex } from 'node:stream';

/** Passes on what is ready on one side, no faster than the other takes it, and each end when it comes. */
export function join(one: Duplex, other: Duplex): void {
  one.pipe(other);
  other.pipe(one);
  follow(one, other);
  follow(other, one);
}

/** When one side is gone the other goes too; if it had ended, after what it said last has been passed on. */
function follow(one: Duplex, other: Duplex): void {
  // What went wrong shows as a close without an end.
  one.on('error', () => {});
  one.on('close', () => {
    if (one.readableEnded && !other.writableFinished) other.once('finish', () => other.destroy());
    else other.destroy();
  });
}
