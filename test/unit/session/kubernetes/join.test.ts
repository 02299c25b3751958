import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { join } from '../../../../src/session/kubernetes/join.ts';

/** One side; what is written to it arrives when the test says so. */
class Side extends Duplex {
  arrived = '';
  readonly #held: (() => void)[] = [];
  #open = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {}

  override _write(piece: Buffer, _: BufferEncoding, done: () => void): void {
    const arrive = () => {
      this.arrived += piece.toString();
      done();
    };
    if (this.#open) arrive();
    else this.#held.push(arrive);
  }

  /** Lets through what was written, and all that comes. */
  drain(): void {
    this.#open = true;
    for (const arrive of this.#held.splice(0)) arrive();
  }
}

describe('two sides that are joined', () => {
  it('one that has said its last and is gone: the other still gets all of it', async () => {
    const [one, other] = [new Side(), new Side()];
    join(one, other);
    one.push('the last words');
    one.push(null);
    await once(one, 'end');
    one.destroy();
    await once(one, 'close');
    expect(other.destroyed).toBe(false);
    other.drain();
    await once(other, 'close');
    expect(other.arrived).toBe('the last words');
  });

  it('one that breaks off takes the other with it', async () => {
    const [one, other] = [new Side(), new Side()];
    join(one, other);
    one.push('half a');
    one.destroy(new Error('reset'));
    await once(other, 'close');
  });

  it('one that was through with both directions leaves nothing of the other', async () => {
    const [one, other] = [new Side(), new Side()];
    join(one, other);
    one.drain();
    other.drain();
    one.push(null);
    await once(one, 'end');
    other.push(null);
    await Promise.all([once(one, 'close'), once(other, 'close')]);
  });
});
